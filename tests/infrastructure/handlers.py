"""What CloudFormation calls to make, read, change and delete a resource, by the schema of its type,
and on what: the stack role of a stage must permit all of it, and no more."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cfnlint
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.infrastructure.policies import Call
from tests.infrastructure.render import ACCOUNT, REGION, Stack

_ACTIONS = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
_ID = "11111111-2222-3333-4444-555555555555"
# Services that our resources do not use, though the handlers of their types can.
NOT_USED = {
    *("acm-pca", "amplify", "apigateway", "apprunner", "appsync", "autoscaling"),
    *("bedrock-agentcore", "elasticfilesystem", "firehose", "kinesis", "organizations"),
    *("payments", "s3files", "s3tables", "vpc-lattice", "vpce"),
}
# What a handler can do and ours need not, by the property or the feature that it belongs to.
NOT_NEEDED: Mapping[str, frozenset[str]] = {
    "another type": frozenset(
        {
            *("cognito-idp:AssociateWebACL", "cognito-idp:DisassociateWebACL"),
            *("cognito-idp:GetWebACLForResource", "cognito-idp:ListUserPoolClientSecrets"),
            *("iam:DescribeOrganization", "wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"),
            "appsync:SetWebACL",
        }
    ),
    "checked apart, by use (`stack_rights`)": frozenset(
        {"iam:PassRole", "iam:CreateServiceLinkedRole"}
    ),
    "what the boundary forbids": frozenset({"iam:DeleteRolePermissionsBoundary"}),
    "settings of the whole account": frozenset(
        {"ecs:PutAccountSetting", "ecs:PutAccountSettingDefault"}
    ),
    "addresses that move, or of one's own": frozenset(
        {
            *("ec2:AcceptAddressTransfer", "ec2:AssignPrivateNatGatewayAddress"),
            *("ec2:AssociateNatGatewayAddress", "ec2:DisassociateNatGatewayAddress"),
            *("ec2:UnassignPrivateNatGatewayAddress", "ec2:AssociateSubnetCidrBlock"),
            *("ec2:DisassociateSubnetCidrBlock", "elasticloadbalancing:ModifyIpPools"),
        }
    ),
    "other gateways, tenancy and encryption of a network": frozenset(
        {
            *("ec2:AttachVpnGateway", "ec2:DetachVpnGateway", "ec2:ModifyVpcTenancy"),
            *("ec2:CreateVpcEncryptionControl", "ec2:AssociateVerifiedAccessInstanceWebAcl"),
            *("ec2:DisassociateVerifiedAccessInstanceWebAcl",),
            *("ec2:GetVerifiedAccessInstanceWebAcl",),
        }
    ),
    "capacity that is reserved": frozenset({"elasticloadbalancing:ModifyCapacityReservation"}),
    "scaling at set times, or by forecast": frozenset(
        {
            *("application-autoscaling:PutScheduledAction", "cloudwatch:GetMetricData"),
            *("application-autoscaling:DeleteScheduledAction",),
        }
    ),
    "copies, imports, streams and policies of a table": frozenset(
        {
            *("dynamodb:AssociateTableReplica", "dynamodb:CreateTableReplica"),
            *("dynamodb:DescribeImport", "dynamodb:ImportTable", "dynamodb:PutResourcePolicy"),
            *("dynamodb:DeleteResourcePolicy", "dynamodb:UpdateContributorInsights"),
            *("dynamodb:EnableKinesisStreamingDestination", "dynamodb:Query", "dynamodb:Scan"),
            *("dynamodb:DisableKinesisStreamingDestination", "dynamodb:GetItem"),
            *("dynamodb:UpdateKinesisStreamingDestination", "dynamodb:PutItem"),
            *("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"),
            *("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            *("s3:GetObject", "s3:GetObjectMetadata"),
        }
    ),
    "values of secrets, and copies in other regions": frozenset(
        {
            *("secretsmanager:GetSecretValue",),
            *("secretsmanager:ReplicateSecretToRegions",),
            *("secretsmanager:RemoveRegionsFromReplication",),
        }
    ),
    "features of a bucket that ours do not have": frozenset(
        {
            *("s3:PutBucketAbac", "s3:PutAnalyticsConfiguration", "s3:PutInventoryConfiguration"),
            *("s3:PutMetricsConfiguration", "s3:PutBucketNotification", "s3:PutBucketReplication"),
            *("s3:PutBucketWebsite", "s3:PutAccelerateConfiguration", "s3:PutObjectAcl"),
            *("s3:PutReplicationConfiguration", "s3:PutBucketObjectLockConfiguration"),
            *("s3:DeleteObject", "s3:PutObjectLockConfiguration", "s3:PutBucketAcl"),
            *("s3:PutIntelligentTieringConfiguration", "s3:CreateBucketMetadataTableConfiguration"),
            *("s3:DeleteBucketMetadataTableConfiguration", "s3:DeleteBucketWebsite"),
            *("s3:UpdateBucketMetadataJournalTableConfiguration", "s3:GetObjectVersion"),
            *("s3:UpdateBucketMetadataInventoryTableConfiguration",),
            *("s3:UpdateBucketMetadataAnnotationTableConfiguration",),
            *("s3:DeleteBucketAnalyticsConfiguration", "s3:DeleteBucketCors"),
            *("s3:DeleteBucketMetricsConfiguration", "s3:DeleteBucketEncryption"),
            *("s3:DeleteBucketLifecycle", "s3:DeleteBucketReplication", "s3:REST.PUT.OBJECT"),
        }
    ),
    "who else may use a vault, a repository or a topic": frozenset(
        {
            *("backup:PutBackupVaultAccessPolicy", "backup:DeleteBackupVaultAccessPolicy"),
            *("backup:PutBackupVaultNotifications", "backup:DeleteBackupVaultNotifications"),
            *("backup:DeleteBackupVaultLockConfiguration", "backup-storage:Mount"),
            *("ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"),
            *("sns:PutDataProtectionPolicy",),
        }
    ),
    "keys that are switched on and off": frozenset({"kms:DisableKey", "kms:EnableKey"}),
    "other ways to a log group": frozenset(
        {
            *("logs:PutDataProtectionPolicy", "logs:DeleteDataProtectionPolicy"),
            *("logs:PutIndexPolicy", "logs:DeleteIndexPolicy", "logs:DeleteResourcePolicy"),
            *("logs:PutBearerTokenAuthentication", "logs:PutLogGroupDeletionProtection"),
        }
    ),
    "features of mail and functions that ours do not have": frozenset(
        {
            *("ses:PutConfigurationSetTrackingOptions", "ses:PutConfigurationSetVdmOptions"),
            *("ses:PutConfigurationSetArchivingOptions", "lambda:GetCodeSigningConfig"),
            *("lambda:PutRuntimeManagementConfig", "lambda:PutFunctionRecursionConfig"),
            *("lambda:PutFunctionScalingConfig", "lambda:PassCapacityProvider"),
            *("lambda:AssociateRuntimeAlias", "lambda:PutFunctionCodeSigningConfig"),
            *("lambda:DeleteFunctionCodeSigningConfig", "lambda:PublishVersion"),
            *("lambda:GetLayerVersion",),
        }
    ),
}
# Services that a type calls only for properties that ours do not have.
NOT_NEEDED_BY: Mapping[str, tuple[str, ...]] = {
    "ApplicationAutoScaling::ScalableTarget": ("cloudwatch", "lambda"),
    "Cognito::UserPool": ("kms",),
    "Cognito::UserPoolClient": ("iam",),
    "Cognito::UserPoolDomain": ("cloudfront", "kms"),
    "Cognito::UserPoolGroup": ("iam",),
    "DynamoDB::Table": ("logs", "s3"),
    "EC2::FlowLog": ("s3",),
    "ElasticLoadBalancingV2::Listener": ("cognito-idp",),
    "ElasticLoadBalancingV2::ListenerRule": ("cognito-idp",),
    "Lambda::Function": ("ec2", "kms"),
    "SNS::Subscription": ("iam",),
    "SNS::Topic": ("iam",),
    "WAFv2::LoggingConfiguration": ("s3",),
}
# The resources of each type, by the service that is called.
_EC2 = "arn:aws:ec2:{region}:{account}:{kind}/id"
_ELB = "arn:aws:elasticloadbalancing:{region}:{account}:"
_KEY = "arn:aws:kms:{region}:{account}:key/" + _ID
_TARGET = "arn:aws:application-autoscaling:{region}:{account}:scalable-target/1ab"
_PLAN = "arn:aws:backup:{region}:{account}:backup-plan:" + _ID
_ALARM = "arn:aws:cloudwatch:{region}:{account}:alarm:{AlarmName}"
_ACL = "arn:aws:wafv2:{region}:{account}:regional/webacl/farebox-{stage}/" + _ID
_BALANCER = _ELB + "loadbalancer/app/farebo-Balan-1AB/50dc"
_BUCKET = "arn:aws:s3:::{bucket}"
_POOL = "arn:aws:cognito-idp:{region}:{account}:userpool/{region}_AbCdEf123"
_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{FunctionName}"
_ROLE = "arn:aws:iam::{account}:role/{generated}"
_GROUP = "arn:aws:logs:{region}:{account}:log-group:{LogGroupName}"
_TOPIC = "arn:aws:sns:{region}:{account}:{generated}"
_ZONE = "arn:aws:route53:::hostedzone/Z1"
_TABLE = "arn:aws:dynamodb:{region}:{account}:table/{TableName}"
ARNS: Mapping[str, Mapping[str, str]] = {
    "ApplicationAutoScaling::ScalableTarget": {"application-autoscaling": _TARGET},
    "ApplicationAutoScaling::ScalingPolicy": {"application-autoscaling": _TARGET},
    "Backup::BackupPlan": {"backup": _PLAN},
    "Backup::BackupSelection": {"backup": _PLAN, "iam": _ROLE},
    "Backup::BackupVault": {
        "backup": "arn:aws:backup:{region}:{account}:backup-vault:{BackupVaultName}",
        "kms": _KEY,
    },
    "CertificateManager::Certificate": {
        "acm": "arn:aws:acm:{region}:{account}:certificate/" + _ID,
        "route53": _ZONE,
    },
    "CloudWatch::Alarm": {"cloudwatch": _ALARM},
    "CloudWatch::CompositeAlarm": {"cloudwatch": _ALARM},
    "CloudWatch::Dashboard": {
        "cloudwatch": "arn:aws:cloudwatch::{account}:dashboard/{DashboardName}"
    },
    "Cognito::UserPool": {"cognito-idp": _POOL},
    "Cognito::UserPoolClient": {"cognito-idp": _POOL},
    "Cognito::UserPoolDomain": {"cognito-idp": _POOL},
    "Cognito::UserPoolGroup": {"cognito-idp": _POOL},
    "Cognito::UserPoolIdentityProvider": {"cognito-idp": _POOL},
    "DynamoDB::Table": {"dynamodb": _TABLE, "kms": _KEY},
    "ECR::Repository": {
        "ecr": "arn:aws:ecr:{region}:{account}:repository/{RepositoryName}",
        "kms": _KEY,
    },
    "ECS::Cluster": {"ecs": "arn:aws:ecs:{region}:{account}:cluster/{ClusterName}", "kms": _KEY},
    "ECS::Service": {"ecs": "arn:aws:ecs:{region}:{account}:service/farebox-{stage}/{generated}"},
    "ECS::TaskDefinition": {
        "ecs": "arn:aws:ecs:{region}:{account}:task-definition/{Family}:7",
        "iam": _ROLE,
    },
    "ElasticLoadBalancingV2::Listener": {
        "elasticloadbalancing": _ELB + "listener/app/farebo-Balan-1AB/50dc/1"
    },
    "ElasticLoadBalancingV2::ListenerRule": {
        "elasticloadbalancing": _ELB + "listener-rule/app/farebo-Balan-1AB/50dc/1/2"
    },
    "ElasticLoadBalancingV2::LoadBalancer": {"elasticloadbalancing": _BALANCER},
    "ElasticLoadBalancingV2::TargetGroup": {
        "elasticloadbalancing": _ELB + "targetgroup/farebo-Targe-1AB/50dc"
    },
    "Events::Rule": {"events": "arn:aws:events:{region}:{account}:rule/{generated}"},
    "IAM::Role": {"iam": _ROLE},
    "KMS::Alias": {"kms": "arn:aws:kms:{region}:{account}:{AliasName}"},
    "KMS::Key": {"kms": _KEY},
    "Lambda::Function": {"lambda": _FUNCTION},
    "Lambda::Permission": {"lambda": _FUNCTION},
    "Logs::LogGroup": {"logs": _GROUP},
    "Route53::RecordSet": {"route53": _ZONE},
    "S3::Bucket": {"s3": _BUCKET},
    "S3::BucketPolicy": {"s3": _BUCKET},
    "SES::ConfigurationSet": {"ses": "arn:aws:ses:{region}:{account}:configuration-set/{Name}"},
    "SNS::Subscription": {"sns": _TOPIC},
    "SNS::Topic": {"sns": _TOPIC},
    "SNS::TopicPolicy": {"sns": _TOPIC},
    "Scheduler::Schedule": {
        "scheduler": "arn:aws:scheduler:{region}:{account}:schedule/default/{generated}"
    },
    "SecretsManager::Secret": {
        "secretsmanager": "arn:aws:secretsmanager:{region}:{account}:secret:{Name}-AbCdEf"
    },
    "WAFv2::LoggingConfiguration": {"wafv2": _ACL},
    "WAFv2::WebACL": {"wafv2": _ACL},
    "WAFv2::WebACLAssociation": {"wafv2": _ACL, "elasticloadbalancing": _BALANCER},
}
# What is made inside something that exists.
PARENTS: Mapping[str, tuple[str, ...]] = {
    "ec2:CreateSubnet": ("vpc",),
    "ec2:CreateRouteTable": ("vpc",),
    "ec2:CreateSecurityGroup": ("vpc",),
    "ec2:CreateNatGateway": ("subnet", "elastic-ip"),
    "ec2:CreateVpcEndpoint": ("vpc", "subnet", "route-table", "security-group"),
    "ec2:CreateFlowLogs": ("vpc",),
}
_NEW = ("Create", "Allocate", "RegisterScalableTarget")
_TAGS = ("AddTags", "CreateTags", "TagResource", "TagRole")
# What says that a tag comes with the resource (EC2 and ELB user guides, tagging on creation).
MADE_BY: Mapping[str, str] = {
    "ec2:CreateTags": "ec2:CreateAction",
    "elasticloadbalancing:AddTags": "elasticloadbalancing:CreateAction",
}
# They change what exists, in spite of their names.
_ON_WHAT_EXISTS = {
    *("ec2:CreateRoute", "ec2:CreateTags", "elasticloadbalancing:CreateListener"),
    *("elasticloadbalancing:CreateRule", "elasticloadbalancing:CreateWebACLAssociation"),
    *("kms:CreateAlias", "kms:CreateGrant", "backup:CreateBackupSelection"),
    *("cognito-idp:CreateUserPoolClient", "cognito-idp:CreateUserPoolDomain"),
    *("cognito-idp:CreateGroup", "cognito-idp:CreateIdentityProvider"),
}


@dataclass(frozen=True)
class Handled:
    """A call that CloudFormation makes for a resource, and the type it is for."""

    kind: str
    call: Call


def handled(stack: Stack, who: Mapping[str, str], boundary: str) -> Iterator[Handled]:
    """Every call for every resource of a stack, once for those that differ by a made-up name only.
    `who` is what IAM knows of the role.

    Raises `LookupError` for a type or a service that is not described here.
    """
    done: set[tuple[str, str, str]] = set()
    for name, resource in stack.resources.items():
        kind = str(resource["Type"]).removeprefix("AWS::")
        facts = _facts(name, resource.get("Properties", {}), stack)
        for action in actions(kind):
            for arn, known in _on(kind, action, facts):
                like_others = (action, arn.replace(name, "").replace(name.lower(), ""), str(known))
                if like_others not in done:
                    done.add(like_others)
                    context = {**who, **_context(facts, boundary), **known}
                    yield Handled(kind, Call("stack role", action, arn, context))


@lru_cache(maxsize=128)
def actions(kind: str) -> tuple[str, ...]:
    """What the handlers of a type call, without what ours do not need.

    Raises `LookupError` for a type whose schema has no handlers.
    """
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, f"AWS::{kind}").schema
    handlers = schema["handlers"]
    called = {
        action
        for name, handler in handlers.items()
        if name != "list"
        for action in handler["permissions"]
    }
    left_out = frozenset().union(*NOT_NEEDED.values())
    services = NOT_USED | set(NOT_NEEDED_BY.get(kind, ()))
    return tuple(
        sorted(each for each in called - left_out if each.partition(":")[0] not in services)
    )


@lru_cache(maxsize=1)
def _known_actions() -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = json.loads(_ACTIONS.read_text(encoding="utf-8"))
    return made


def has_resource(action: str) -> bool:
    """Whether IAM can bind an action to a resource. Raises `LookupError` for an unknown action."""
    service, _, name = action.partition(":")
    return bool(_known_actions()[service]["Actions"][name.lower()].get("Resources"))


def _facts(name: str, properties: Mapping[str, Any], stack: Stack) -> dict[str, str]:
    generated = f"{stack.name}-{name}-1ABCDEFGHIJKL"
    facts: dict[str, str] = defaultdict(lambda: generated)
    facts |= {
        key: _own(key, value, stack) for key, value in properties.items() if isinstance(value, str)
    }
    facts |= {"region": REGION, "account": ACCOUNT, "generated": generated}
    facts |= {"stage": str(stack.parameters["Stage"]), "bucket": generated.lower()}
    return facts


def _own(key: str, value: str, stack: Stack) -> str:
    """A value; where it refers to a resource of the stack, the property of that name there."""
    other = stack.resources.get(value.strip("<>"), {}).get("Properties", {})
    return str(other.get(key, value))


def _on(kind: str, action: str, facts: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """What an action is on, each with the tags that IAM sees."""
    ours, new = {"aws:ResourceTag/stage": facts["stage"]}, {"aws:RequestTag/stage": facts["stage"]}
    service, _, name = action.partition(":")
    is_new = _makes(action)
    if action in MADE_BY:
        text = _EC2 if service == "ec2" else ARNS[kind][service]
        arn = text.format_map({**facts, "kind": kind.lower()})
        for made in actions(kind):
            if made.startswith(f"{service}:") and _makes(made):
                yield arn, new | {MADE_BY[action]: made.partition(":")[2]}
    if name.startswith(_TAGS):
        ours = ours | new
    if not has_resource(action):
        yield "*", new if is_new else {}
        return
    if service == "ec2":
        yield _EC2.format(**facts, kind=kind.lower()), new if is_new else ours
        for parent in PARENTS.get(action, ()):
            yield _EC2.format(**facts, kind=parent), ours
    else:
        yield ARNS[kind][service].format_map(facts), new if is_new else ours


def _makes(action: str) -> bool:
    """Whether it makes a resource that was not there."""
    return action.partition(":")[2].startswith(_NEW) and action not in _ON_WHAT_EXISTS


def _context(facts: Mapping[str, str], boundary: str) -> dict[str, str]:
    """What IAM knows of a call for one of ours."""
    return {
        "iam:PermissionsBoundary": boundary,
        "iam:PolicyARN": "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
        "kms:GrantIsForAWSResource": "true",
        "kms:ViaService": f"dynamodb.{REGION}.amazonaws.com",
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": (
            # The record that proves a certificate, or that of the name itself.
            f"_1a2b.{facts['DomainName']}" if "DomainName" in facts else facts["Name"]
        ),
        "acm:DomainNames": facts["DomainName"],
        "acm:ValidationMethod": facts["ValidationMethod"],
    }
