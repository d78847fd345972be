"""Mutations of the stack of the account: who may deploy, and with which rights."""

from tests.infrastructure.template_mutations.mutation import TemplateMutation

ACCESS = "cloudformation/account/access.yaml"
ACCOUNT = "cloudformation/account/account.yaml"
BOUNDS = "cloudformation/account/bounds.yaml"
DEPLOY = "cloudformation/account/deploy.yaml"
NETWORK = "cloudformation/account/network.yaml"
RUNTIME = "cloudformation/account/runtime.yaml"
STORAGE = "cloudformation/account/storage.yaml"
CHANGE = "release/change"
WORKFLOW = ".github/workflows/deploy.yml"


def at(name: str, file: str, old: str, new: str, sid: str = "") -> TemplateMutation:
    """A mutation of one statement, by its Sid, or of the first place in a file."""
    return TemplateMutation(name, file, old, new, f"- Sid: {sid}\n" if sid else "")


_STAGE = "${!aws:PrincipalTag/stage}"
_OURS = '"${aws:PrincipalTag/stage}"'
OF_ACCOUNT = (
    at("trust-of-every-environment", ACCESS, ":environment:production", ":environment:*"),
    at("trust-of-a-branch", ACCESS, ":environment:staging", ":ref:refs/heads/main"),
    at("trust-by-likeness", ACCESS, "StringEquals:", "StringLike:"),
    at(
        "trust-of-any-audience",
        ACCESS,
        "sts.amazonaws.com\n                token",
        "x\n                token",
    ),
    at("trust-of-dev-in-production", ACCESS, ":environment:production", ":environment:dev"),
    at(
        "session-with-tags",
        ACCESS,
        "Action: sts:AssumeRoleWith",
        "Action: [sts:TagSession, sts:AssumeRoleWith",
    ),
    at("stack-role-for-everybody", ACCESS, "Service: cloudformation.amazonaws.com", "AWS: '*'"),
    at(
        "provider-of-someone-else",
        ACCESS,
        "Url: https://token.actions",
        "Url: https://tokens.actions",
    ),
    at("client-of-someone-else", ACCESS, "ClientIdList: [sts.", "ClientIdList: [sso."),
    at("dev-with-the-tag-of-production", ACCESS, "Value: dev}", "Value: production}"),
    at("repository-with-a-wildcard", ACCESS, "[A-Za-z0-9._-]+(@", "[A-Za-z0-9.*_-]+(@"),
    at("production-without-what-is-kept", ACCESS, "RolesPolicy, !Ref KeptPolicy", "RolesPolicy"),
    at(
        "deploy-role-with-rights-of-stacks",
        ACCESS,
        "[!Ref DeployPolicy]",
        "[!Ref DeployPolicy, !Ref RolesPolicy]",
    ),
    at("deploy-session-too-short", ACCESS, "MaxSessionDuration: 7200", "MaxSessionDuration: 3600"),
    at("deploy-role-renamed", ACCESS, "farebox-deploy-staging", "farebox-release-staging"),
    at(
        "stack-role-of-another-stage-handed-over",
        ACCESS,
        "!GetAtt DevStackRole.Arn",
        "!GetAtt ProductionStackRole.Arn",
    ),
    at("boundary-not-handed-over", ACCESS, "Value: !Ref Boundary", "Value: !Ref KeptPolicy"),
    at(
        "roles-without-a-boundary",
        RUNTIME,
        "iam:PermissionsBoundary: !Ref Boundary",
        "aws:PrincipalTag/stage: " + _OURS,
        "NewRoles",
    ),
    at(
        "roles-of-any-stage",
        RUNTIME,
        "                aws:RequestTag/stage: " + _OURS + "\n",
        "",
        "NewRoles",
    ),
    at(
        "policies-for-roles-without-a-boundary",
        RUNTIME,
        "iam:PermissionsBoundary: !Ref Boundary",
        "aws:PrincipalTag/stage: " + _OURS,
        "PoliciesOfRoles",
    ),
    at(
        "boundary-taken-away",
        RUNTIME,
        "iam:DeleteRolePolicy",
        "iam:DeleteRolePermissionsBoundary, iam:DeleteRolePolicy",
        "PoliciesOfRoles",
    ),
    at("any-policy-attached", RUNTIME, "ArnEquals", "ArnLikeIfExists", "BackupPolicies"),
    at("every-role-changed", RUNTIME, "role/farebox-" + _STAGE + "-*", "role/*", "Roles"),
    at("users-made", RUNTIME, "[iam:DeleteRole,", "[iam:CreateUser, iam:DeleteRole,", "Roles"),
    TemplateMutation(
        "role-moved-to-another-stage",
        RUNTIME,
        "aws:RequestTag/stage: " + _OURS,
        'aws:RequestTag/other: "x"',
        "- Sid: Tags\n",
    ),
    at("role-untagged", RUNTIME, "aws:TagKeys: stage", "aws:TagKeys: service", "OtherTags"),
    at(
        "roles-passed-to-machines", RUNTIME, "- backup.amazonaws.com", "- ec2.amazonaws.com", "Pass"
    ),
    at("every-role-passed", RUNTIME, "role/farebox-" + _STAGE + "-*", "role/*", "Pass"),
    at(
        "linked-role-of-the-firewall-missing",
        RUNTIME,
        "                  - wafv2.amazonaws.com\n",
        "",
        "RolesOfServices",
    ),
    TemplateMutation(
        "linked-role-of-another-service",
        RUNTIME,
        "- wafv2.amazonaws.com",
        "- ec2.amazonaws.com",
        "- Sid: RolesOfServices\n",
    ),
    at("tasks-of-every-cluster", RUNTIME, "service/farebox-" + _STAGE + "/*", "service/*", "Tasks"),
    at(
        "alarms-of-every-stage",
        RUNTIME,
        "alarm:farebox-" + _STAGE + "-*",
        "alarm:farebox-*",
        "Alarms",
    ),
    at("topics-not-made", RUNTIME, "sns:CreateTopic, ", "", "Topics"),
    at(
        "an-action-that-nothing-needs",
        RUNTIME,
        "sns:CreateTopic",
        "sns:Publish, sns:CreateTopic",
        "Topics",
    ),
    at("table-of-another-stage", STORAGE, "table/*-" + _STAGE, "table/*", "Table"),
    at("table-without-recovery", STORAGE, "dynamodb:UpdateContinuousBackups, ", "", "Table"),
    at(
        "secrets-of-every-stage",
        STORAGE,
        "secret:farebox/" + _STAGE + "/*",
        "secret:farebox/*",
        "Secrets",
    ),
    at(
        "secrets-are-read",
        STORAGE,
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue, secretsmanager:DescribeSecret",
        "Secrets",
    ),
    at(
        "keys-of-every-stage",
        STORAGE,
        "aws:ResourceTag/stage: " + _OURS,
        "aws:PrincipalTag/stage: " + _OURS,
        "Keys",
    ),
    at(
        "grants-for-everybody",
        STORAGE,
        '                kms:GrantIsForAWSResource: "true"',
        '                kms:GrantIsForAWSResource: "false"',
        "Grants",
    ),
    TemplateMutation(
        "any-key-becomes-ours",
        STORAGE,
        "aws:ResourceTag/stage: " + _OURS,
        "aws:ResourceTag/x: " + _OURS,
        "- Sid: NewKeys\n",
    ),
    at("vault-not-locked", STORAGE, "backup:PutBackupVaultLockConfiguration, ", "", "Vault"),
    at("buckets-of-every-stage", STORAGE, "farebox-" + _STAGE + "-data-*", "farebox-*", "Buckets"),
    at("firewall-logs-not-delivered", NETWORK, "logs:CreateLogDelivery, ", "", "LogDelivery"),
    at("firewall-logs-without-a-policy", NETWORK, ", logs:PutResourcePolicy", "", "LogDelivery"),
    at(
        "every-network-changed",
        NETWORK,
        "aws:ResourceTag/stage: " + _OURS,
        "aws:PrincipalTag/stage: " + _OURS,
        "Change",
    ),
    at("network-without-tags", NETWORK, "ec2:CreateNatGateway, ", "", "Make"),
    at("nat-in-no-subnet", NETWORK, "ec2:CreateNatGateway, ", "", "Change"),
    at("every-name-changed", NETWORK, '"_*.${aws:PrincipalTag/domain}"', '"*"', "OwnName"),
    at(
        "own-name-not-changed",
        NETWORK,
        '                  - "${aws:PrincipalTag/domain}"\n',
        "",
        "OwnName",
    ),
    at("name-not-named", NETWORK, ': "false"', ': "true"', "OwnName"),
    at(
        "firewall-of-every-stage",
        NETWORK,
        "webacl/farebox-" + _STAGE + "/*",
        "webacl/*",
        "Firewall",
    ),
    at("boundary-beyond-the-stage", BOUNDS, "table/*-" + _STAGE + '"', 'table/*"', "Table"),
    at(
        "boundary-of-every-secret", BOUNDS, "secret:farebox/" + _STAGE + "/*", "secret:*", "Secrets"
    ),
    at(
        "boundary-of-every-key",
        BOUNDS,
        "aws:ResourceTag/stage: " + _OURS,
        "aws:PrincipalTag/stage: " + _OURS,
        "Keys",
    ),
    at(
        "boundary-with-roles",
        BOUNDS,
        "Action: iam:PassRole",
        "Action: [iam:PassRole, iam:CreateRole]",
        "Pass",
    ),
    at("boundary-passes-to-everything", BOUNDS, "ecs-tasks.amazonaws.com", '"*"', "Pass"),
    at("boundary-without-counting-tokens", BOUNDS, "bedrock:CountTokens, ", "", "Models"),
    at("boundary-without-backups", BOUNDS, "dynamodb:StartAwsBackupJob, ", "", "Table"),
    at(
        "boundary-with-erasing-records",
        BOUNDS,
        "[s3:GetObject, s3:PutObject]",
        "[s3:GetObject, s3:PutObject, s3:DeleteObjectVersion]",
        "Records",
    ),
    at("table-not-kept", BOUNDS, "dynamodb:DeleteTable, ", "", "Kept"),
    at("vault-not-kept", BOUNDS, "[backup:DeleteBackupVault, ", "[", "Kept"),
    at("kept-only-in-name", BOUNDS, "Effect: Deny", "Effect: Allow", "Kept"),
    at("stack-of-data-not-kept", BOUNDS, "-data/*", "-date/*", "StacksOfIt"),
    TemplateMutation(
        "any-role-for-stacks",
        DEPLOY,
        "cloudformation:RoleArn: !Sub",
        "aws:PrincipalArn: !Sub",
        "- Sid: Prepare\n",
    ),
    at(
        "imports-into-stacks",
        DEPLOY,
        'cloudformation:ImportResourceTypes: "true"',
        'cloudformation:StackPolicyUrl: "true"',
        "Prepare",
    ),
    at(
        "stacks-of-every-stage",
        DEPLOY,
        "stack/farebox-" + _STAGE + "-*/*",
        "stack/farebox-*/*",
        "Change",
    ),
    at("changes-not-executed", DEPLOY, "cloudformation:ExecuteChangeSet, ", "", "Change"),
    at(
        "every-stack-role-passed",
        DEPLOY,
        "role/farebox-cloudformation-" + _STAGE,
        "role/farebox-cloudformation-*",
        "PassToCloudFormation",
    ),
    TemplateMutation(
        "roles-passed-to-everything",
        DEPLOY,
        "iam:PassedToService: ecs-tasks.amazonaws.com",
        "aws:PrincipalTag/stage: " + _OURS,
        "- Sid: PassToTasks\n",
    ),
    at(
        "every-secret-read",
        DEPLOY,
        "secret:farebox/" + _STAGE + "/keys-??????",
        "secret:farebox/" + _STAGE + "/*",
        "Keys",
    ),
    TemplateMutation(
        "whole-table-read",
        DEPLOY,
        'dynamodb:LeadingKeys: "false"',
        'dynamodb:LeadingKeys: "true"',
        "- Sid: Users\n",
    ),
    at(
        "keys-read-without-a-service", DEPLOY, "kms:ViaService:", "aws:PrincipalTag/x:", "UsesOfKey"
    ),
    at(
        "commands-of-every-stage",
        DEPLOY,
        "farebox-" + _STAGE + "-operator:*",
        "farebox-*:*",
        "Commands",
    ),
    at("images-not-pushed", DEPLOY, "ecr:PutImage,", "", "Images"),
    at("files-read-by-a-deployer", DEPLOY, "-data-templates-*/*", "-data-*/*", "Templates"),
    at(
        "account-changed-by-a-deployer",
        DEPLOY,
        "Action: cloudformation:DescribeStacks",
        "Action: [cloudformation:DescribeStacks, cloudformation:ExecuteChangeSet]",
        "Account",
    ),
    at(
        "a-right-that-no-script-uses",
        DEPLOY,
        "[ecs:DescribeServices,",
        "[ecs:StopTask, ecs:DescribeServices,",
        "Services",
    ),
    at("budget-in-another-currency", ACCOUNT, "Unit: USD", "Unit: EUR"),
    at("budget-reports-late", ACCOUNT, "Threshold: 80", "Threshold: 180"),
    at(
        "budget-without-an-address",
        ACCOUNT,
        '      - Assert: !Not [!Equals [!Ref AlertEmail, ""]]',
        "      - Assert: !Equals [!Ref MailZoneId, !Ref MailZoneId]",
    ),
    at(
        "mail-record-of-another",
        ACCOUNT,
        "[!GetAtt MailIdentity.DkimDNSTokenValue2]",
        "[!GetAtt MailIdentity.DkimDNSTokenValue3]",
    ),
    at("mail-signed-weakly", ACCOUNT, "RSA_2048_BIT", "RSA_1024_BIT"),
    at("analyzer-of-unused-rights", ACCOUNT, "Type: ACCOUNT}", "Type: ACCOUNT_UNUSED_ACCESS}"),
    at("stack-changed-without-its-role", CHANGE, 'arguments+=(--role-arn "$role")', ":"),
    at("account-without-names", CHANGE, "capability=CAPABILITY_NAMED_IAM", ":"),
    at("account-of-a-stage", CHANGE, 'if [ "$stack" = "$ACCOUNT_STACK" ]', "if false"),
    at(
        "account-not-protected",
        "release/account",
        "--enable-termination",
        "--no-enable-termination",
    ),
    at(
        "pipeline-takes-another-role",
        WORKFLOW,
        "role/farebox-deploy-staging",
        "role/farebox-deploy-production",
    ),
)
