"""What a deploy role must not do, itself or by a stack role of its choice."""

from collections.abc import Iterator

from tests.infrastructure.account import deploy_role, may
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.policies import Call
from tests.infrastructure.release_actions import ARN, Wanted, secret, stack, stack_role, table
from tests.infrastructure.render import ACCOUNT, REGION


def a_deploy_role_does_not_do_what_is_dangerous(deployment: Deployment) -> Iterator[str]:
    """In another stage, to what is kept, to anyone's rights."""
    stage = deployment.stage
    cases = _to_data(stage) + _to_rights(stage) + _to_stacks(stage)
    if stage != "dev":
        # Its protection can be lifted: IAM does not know on from off.
        cases += tuple(
            ("cloudformation:DeleteStack", stack(stage, name), {}) for name in ("data", "identity")
        )
    for action, resource, context in cases:
        if may(deployment.account, deploy_role(stage), Call("", action, resource, context)):
            yield f"the deploy role of {stage} may {action} on {resource} {context}"


def _to_data(stage: str) -> tuple[Wanted, ...]:
    """To tables, files, copies, logs, keys and secrets."""
    other = "dev" if stage == "production" else "production"
    through = {"aws:ResourceTag/stage": stage, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    return (
        ("dynamodb:DeleteTable", table(other), {}),
        ("dynamodb:DeleteTable", table(stage), {}),
        ("dynamodb:GetItem", table(stage), {"dynamodb:LeadingKeys": "USER#ann"}),
        ("dynamodb:GetItem", table(stage), {}),
        ("dynamodb:GetItem", table(other), {"dynamodb:LeadingKeys": "SYSTEM"}),
        ("dynamodb:PutItem", table(stage), {"dynamodb:LeadingKeys": "SYSTEM"}),
        ("s3:DeleteObject", f"arn:aws:s3:::farebox-{stage}-data-records-1/audit/x", {}),
        ("s3:DeleteBucket", f"arn:aws:s3:::farebox-{stage}-data-records-1", {}),
        ("s3:GetObject", f"arn:aws:s3:::farebox-{stage}-data-uploads-1/uploads/x", {}),
        ("backup:DeleteBackupVault", ARN.format("backup", f"backup-vault:farebox-{stage}"), {}),
        ("backup:DeleteRecoveryPoint", ARN.format("backup", "recovery-point:1"), {}),
        ("logs:DeleteLogGroup", ARN.format("logs", f"log-group:/farebox/{stage}/audit"), {}),
        ("kms:Decrypt", ARN.format("kms", "key/1"), {"aws:ResourceTag/stage": stage}),
        ("kms:Decrypt", ARN.format("kms", "key/1"), through | {"aws:ResourceTag/stage": other}),
        ("kms:PutKeyPolicy", ARN.format("kms", "key/1"), through),
        ("secretsmanager:GetSecretValue", secret(stage, "kling-AbCdEf"), {}),
        ("secretsmanager:GetSecretValue", secret(other, "keys-AbCdEf"), {}),
        ("secretsmanager:PutSecretValue", secret(stage, "stripe-AbCdEf"), {}),
        ("secretsmanager:DeleteSecret", secret(stage, "keys-AbCdEf"), {}),
    )


def _to_rights(stage: str) -> tuple[Wanted, ...]:
    """To users, roles and policies."""
    other = "dev" if stage == "production" else "production"
    ours, user = f"arn:aws:iam::{ACCOUNT}:role/farebox-{stage}-WebRole-1", "user/eve"
    return (
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:{user}", {}),
        ("iam:CreateRole", ours, {"iam:PermissionsBoundary": "<Boundary>"}),
        ("iam:PutRolePolicy", ours, {}),
        ("iam:DeleteRolePermissionsBoundary", ours, {}),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/farebox-boundary", {}),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/farebox-deploy-{stage}", {}),
        ("iam:PassRole", ours, {"iam:PassedToService": "ec2.amazonaws.com"}),
        (
            "iam:PassRole",
            stack_role(other),
            {"iam:PassedToService": "cloudformation.amazonaws.com"},
        ),
        ("iam:PassRole", stack_role(stage), {"iam:PassedToService": "ecs-tasks.amazonaws.com"}),
        ("sts:AssumeRole", stack_role(stage), {}),
    )


def _to_stacks(stage: str) -> tuple[Wanted, ...]:
    """To stacks, tasks, images and names."""
    other = "dev" if stage == "production" else "production"
    return (
        ("ecs:RunTask", _operator(other), _cluster(other)),
        ("ecs:RunTask", _operator(other), _cluster(stage)),
        ("ecs:RunTask", _operator(stage), _cluster(other)),
        (
            "ecs:RegisterTaskDefinition",
            ARN.format("ecs", f"task-definition/farebox-{stage}-x:1"),
            {},
        ),
        ("ecr:BatchDeleteImage", ARN.format("ecr", f"repository/farebox-{stage}"), {}),
        ("cloudformation:CreateChangeSet", stack(stage, "data"), {}),
        (
            "cloudformation:CreateChangeSet",
            stack(stage, "data"),
            {"cloudformation:RoleArn": f"arn:aws:iam::{ACCOUNT}:role/admin"},
        ),
        (
            "cloudformation:CreateChangeSet",
            stack(stage, "data"),
            {
                "cloudformation:RoleArn": stack_role(stage),
                "cloudformation:ImportResourceTypes": "AWS::DynamoDB::Table",
            },
        ),
        (
            "cloudformation:CreateChangeSet",
            stack(other, "data"),
            {"cloudformation:RoleArn": stack_role(stage)},
        ),
        ("cloudformation:CreateStack", stack(stage, "data"), {}),
        ("cloudformation:UpdateStack", stack(stage, "data"), {}),
        ("cloudformation:DeleteStack", stack(other, "data"), {}),
        ("cloudformation:ExecuteChangeSet", _account(), {}),
        ("cloudformation:DeleteStack", _account(), {}),
        ("cloudformation:UpdateTerminationProtection", _account(), {}),
        ("route53:ChangeResourceRecordSets", _zone(), {}),
        ("route53:ListResourceRecordSets", _zone(), {}),
        ("route53:DeleteHostedZone", _zone(), {}),
        ("route53:ListHostedZones", "*", {}),
    )


def _operator(stage: str) -> str:
    return ARN.format("ecs", f"task-definition/farebox-{stage}-operator:1")


def _cluster(stage: str) -> dict[str, str]:
    return {"ecs:cluster": ARN.format("ecs", f"cluster/farebox-{stage}")}


def _zone() -> str:
    return "arn:aws:route53:::hostedzone/Z1"


def _account() -> str:
    return ARN.format("cloudformation", "stack/farebox-account/1")
