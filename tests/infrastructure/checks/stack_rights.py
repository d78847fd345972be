"""What the stack role of a stage may do: all that CloudFormation needs for our resources, no more,
and nothing of another stage."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.account import (
    BOUNDARY,
    every_statement,
    known_of,
    may,
    policies,
    stack_role,
)
from tests.infrastructure.checks.trust import PLACES
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.handlers import MADE_BY, handled, has_resource
from tests.infrastructure.identity_stack import variants
from tests.infrastructure.policies import Call, denies, like, listed
from tests.infrastructure.render import ACCOUNT, REGION, Stack

# The service-linked roles that a first resource of a type makes.
LINKED: Mapping[str, str] = {
    "ApplicationAutoScaling::ScalableTarget": "ecs.application-autoscaling.amazonaws.com",
    "Backup::BackupSelection": "backup.amazonaws.com",
    "Cognito::UserPool": "email.cognito-idp.amazonaws.com",
    "ECS::Cluster": "ecs.amazonaws.com",
    "EC2::FlowLog": "delivery.logs.amazonaws.com",
    "ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing.amazonaws.com",
    "WAFv2::LoggingConfiguration": "wafv2.amazonaws.com",
}
# Reads and families of IAM's that no resource bounds, beyond what has_resource says.
ON_EVERYTHING = {"ec2:Describe*", "elasticloadbalancing:Describe*", "s3:GetBucket*"}
MAX_POLICY_CHARACTERS = 6144
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
_OTHERS = {"dev": "production", "staging": "dev", "production": "staging"}


def cloudformation_may_do_all_that_its_handlers_call(deployment: Deployment) -> Iterator[str]:
    """By the schema of each resource type. What is kept may be made, and not deleted."""
    account, role = deployment.account, stack_role(deployment.stage)
    who, documents = known_of(account, role), policies(account, role)
    missing = {
        f"{one.kind}: the stack role may not {one.call.action} on {one.call.resource}"
        for stack in _stacks(deployment)
        for one in handled(stack, who, BOUNDARY)
        if not may(account, role, one.call)
        and not (_is_kept(one.call) and any(denies(policy, one.call) for policy in documents))
    }
    yield from sorted(missing)


def the_stack_role_may_do_nothing_that_no_resource_needs(
    deployment: Deployment,
) -> Iterator[str]:
    """Judged where every choice is taken; elsewhere some types are not there."""
    if not deployment.service.parameters["PermissionsBoundary"]:
        return
    role = stack_role(deployment.stage)
    who = known_of(deployment.account, role)
    needed = {
        one.call.action for stack in _stacks(deployment) for one in handled(stack, who, BOUNDARY)
    } | {"iam:PassRole", "iam:CreateServiceLinkedRole", "secretsmanager:GetSecretValue"}
    for statement in every_statement(deployment.account, role):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                if not any(like(action, each) for each in needed):
                    yield f"{statement['Sid']}: no resource needs {action}"


def what_iam_can_bind_is_bound(deployment: Deployment) -> Iterator[str]:
    """By a resource, or by a tag where a resource has no name before it is made."""
    role = stack_role(deployment.stage)
    for statement in every_statement(deployment.account, role):
        if statement["Effect"] == "Deny" or listed(statement["Resource"]) != ["*"]:
            continue
        for action in listed(statement["Action"]):
            bound = "Condition" in statement or action in ON_EVERYTHING
            if not bound and has_resource(action) and not _reads(action):
                yield f"{statement['Sid']} allows {action} on everything: name a resource or a tag"


def another_stage_is_out_of_reach(deployment: Deployment) -> Iterator[str]:
    """Whatever CloudFormation may call for one stage, it may not call for another."""
    other = _OTHERS[deployment.stage]
    account, role = deployment.account, stack_role(other)
    reached = {
        f"the stack role of {other} may {one.call.action} on {one.call.resource}"
        for stack in _stacks(deployment)
        for one in handled(stack, known_of(account, role), BOUNDARY)
        if one.call.resource != "*"
        and deployment.stage in f"{one.call.resource} {dict(one.call.context)}"
        and one.call.action not in _ANYWHERE
        # What is tagged while it is made is no one's yet.
        and not set(MADE_BY.values()) & set(one.call.context)
        and may(account, role, one.call)
    }
    yield from sorted(reached)


def roles_are_made_within_the_boundary_and_never_beyond(deployment: Deployment) -> Iterator[str]:
    """A role without the boundary, with another, of another stage or of another name is refused,
    and no boundary is taken away or changed."""
    stage = deployment.stage
    ours, tagged = f"{_ROLE}farebox-{stage}-WebRole-1AB", {"aws:RequestTag/stage": stage}
    within = {"iam:PermissionsBoundary": BOUNDARY}
    other = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/wide"}
    cases: tuple[tuple[str, str, str, dict[str, str], bool], ...] = (
        ("makes a role", "CreateRole", ours, within | tagged, True),
        ("makes one without a boundary", "CreateRole", ours, tagged, False),
        ("makes one within another boundary", "CreateRole", ours, other | tagged, False),
        ("makes one of no stage", "CreateRole", ours, within, False),
        (
            "makes one of another stage",
            "CreateRole",
            ours,
            within | {"aws:RequestTag/stage": _OTHERS[stage]},
            False,
        ),
        ("makes one of another name", "CreateRole", f"{_ROLE}admin", within | tagged, False),
        ("gives a policy", "PutRolePolicy", ours, within, True),
        ("gives a policy without a boundary", "PutRolePolicy", ours, {}, False),
        ("takes the boundary away", "DeleteRolePermissionsBoundary", ours, within, False),
        ("sets another boundary", "PutRolePermissionsBoundary", ours, other, False),
        ("sets the boundary", "PutRolePermissionsBoundary", ours, within, True),
        ("moves a role to another stage", "TagRole", ours, _tag(_OTHERS[stage]), False),
        ("takes a role out of its stage", "UntagRole", ours, {"aws:TagKeys": "stage"}, False),
        ("gives every right", "AttachRolePolicy", ours, within | _attached("Admin"), False),
        ("changes the boundary", "CreatePolicyVersion", _policy("boundary"), {}, False),
        ("deletes the boundary", "DeletePolicy", _policy("boundary"), {}, False),
        ("changes its own trust", "UpdateAssumeRolePolicy", _own(stage), within, False),
        ("changes its own rights", "AttachRolePolicy", _own(stage), within, False),
        ("makes a user", "CreateUser", f"arn:aws:iam::{ACCOUNT}:user/eve", {}, False),
        ("makes a key", "CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/eve", {}, False),
    )
    for what, name, resource, context, wanted in cases:
        call = Call("stack role", f"iam:{name}", resource, context)
        if may(deployment.account, stack_role(stage), call) is not wanted:
            yield f"the stack role of {stage} {what}" if not wanted else f"it never {what}"


def roles_are_passed_where_they_are_used_and_nowhere_else(
    deployment: Deployment,
) -> Iterator[str]:
    role = f"{_ROLE}farebox-{deployment.stage}-WebRole-1AB"
    used = {service for (kind, _), service in PLACES.items() if _has(deployment, kind)}
    for service in (*sorted(used), "ec2.amazonaws.com", "cloudformation.amazonaws.com"):
        call = Call("", "iam:PassRole", role, {"iam:PassedToService": service})
        if may(deployment.account, stack_role(deployment.stage), call) is not (service in used):
            yield f"a role may {'not ' if service in used else ''}be passed to {service}"
    strange = (f"{_ROLE}admin", f"{_ROLE}farebox-deploy-{deployment.stage}", _own(deployment.stage))
    for resource in strange:
        call = Call(
            "", "iam:PassRole", resource, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
        )
        if may(deployment.account, stack_role(deployment.stage), call):
            yield f"the stack role may pass {resource}"


def services_get_the_roles_that_they_make_themselves(deployment: Deployment) -> Iterator[str]:
    """By the exact name of the service."""
    wanted = {service for kind, service in LINKED.items() if _has(deployment, kind)}
    for service in (*sorted(set(LINKED.values())), "spot.amazonaws.com", "ec2.amazonaws.com"):
        call = Call(
            "",
            "iam:CreateServiceLinkedRole",
            f"{_ROLE}aws-service-role/{service}/AWSServiceRoleForIt",
            {"iam:AWSServiceName": service},
        )
        allowed = may(deployment.account, stack_role(deployment.stage), call)
        if allowed is not (service in set(LINKED.values())):
            yield f"the role of {service} is {'made' if allowed else 'refused'}"
    if deployment.production and wanted != set(LINKED.values()):
        yield f"no resource needs the roles of {sorted(set(LINKED.values()) - wanted)}"


def the_secret_of_google_is_the_only_one_that_is_read(deployment: Deployment) -> Iterator[str]:
    """CloudFormation reads it for the user pool, as the stack role."""
    through = {
        "aws:ResourceTag/stage": deployment.stage,
        "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com",
    }
    on = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:farebox/{{}}-AbCdEf".format
    cases: tuple[tuple[str, str, dict[str, str], bool], ...] = (
        ("secretsmanager:GetSecretValue", on(f"{deployment.stage}/google"), {}, True),
        ("secretsmanager:GetSecretValue", on(f"{deployment.stage}/keys"), {}, False),
        ("secretsmanager:GetSecretValue", on(f"{_OTHERS[deployment.stage]}/google"), {}, False),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", through, True),
    )
    for action, resource, context, wanted in cases:
        call = Call("", action, resource, context)
        if may(deployment.account, stack_role(deployment.stage), call) is not wanted:
            yield f"the stack role may {'not ' if wanted else ''}{action} on {resource}"


def the_firewall_may_deliver_its_logs(deployment: Deployment) -> Iterator[str]:
    """AWS WAF Developer Guide, Permissions required to publish logs to CloudWatch Logs."""
    names = ("CreateLogDelivery", "DeleteLogDelivery", "PutResourcePolicy")
    for name in (*names, "DescribeResourcePolicies", "DescribeLogGroups"):
        if not may(deployment.account, stack_role(deployment.stage), Call("", f"logs:{name}", "*")):
            yield f"the stack role may not logs:{name}"


def a_stage_changes_only_its_own_name(deployment: Deployment) -> Iterator[str]:
    domain = str(deployment.service.parameters["DomainName"])
    if not domain:
        return
    names = {
        "www.example.org": False,
        "": False,
        f"x.{domain}": False,
        domain: True,
        f"_1a2b.{domain}": True,
        f"{domain} www.example.org": False,
    }
    for name, wanted in names.items():
        context = {"route53:ChangeResourceRecordSetsNormalizedRecordNames": name} if name else {}
        call = Call(
            "", "route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z", context
        )
        if may(deployment.account, stack_role(deployment.stage), call) is not wanted:
            yield f"the name {name!r} is {'refused' if wanted else 'changed'}"


def a_stage_has_a_certificate_of_its_own_name_alone(deployment: Deployment) -> Iterator[str]:
    """Proved by DNS, never by a mail; and one of another stage or of no stage is not touched."""
    stage, domain = deployment.stage, str(deployment.service.parameters["DomainName"])
    by_dns = {"acm:ValidationMethod": "DNS"}
    named = {"acm:DomainNames": domain or "dev.example.com"}
    ours = {"aws:ResourceTag/stage": stage}
    other = {"aws:ResourceTag/stage": _OTHERS[stage]}
    cases: tuple[tuple[str, dict[str, str], bool], ...] = (
        ("Request", by_dns | named, bool(domain)),
        ("Request", named | {"acm:ValidationMethod": "EMAIL"}, False),
        ("Request", named, False),
        ("Request", by_dns, False),
        ("Request", by_dns | {"acm:DomainNames": "www.example.org"}, False),
        ("Request", by_dns | {"acm:DomainNames": f"*.{domain}"}, False),
        ("Request", by_dns | {"acm:DomainNames": f"{domain} www.example.org"}, False),
        ("AddTagsTo", _tag(stage), True),
        ("AddTagsTo", _tag(stage) | other, False),
        ("AddTagsTo", _tag(_OTHERS[stage]), False),
        *((name, ours, True) for name in ("Delete", "RemoveTagsFrom")),
        *((name, other, False) for name in ("Delete", "RemoveTagsFrom")),
        ("Delete", {}, False),
        *((name, ours, False) for name in ("Export", "Import", "Renew", "Revoke", "Update")),
    )
    for name, context, wanted in cases:
        resource = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1" if name != "Request" else "*"
        call = Call("", f"acm:{name}Certificate", resource, context)
        if may(deployment.account, stack_role(stage), call) is not wanted:
            yield f"acm:{name}Certificate with {context} is {'refused' if wanted else 'allowed'}"


def what_is_kept_is_deleted_by_no_release(deployment: Deployment) -> Iterator[str]:
    """In staging and production, even with every other right."""
    for name in KEPT_ACTIONS:
        call = Call("", name, "*", {"aws:ResourceTag/stage": deployment.stage})
        denied = any(
            denies(policy, call)
            for policy in policies(deployment.account, stack_role(deployment.stage))
        )
        if denied is (deployment.stage == "dev"):
            yield f"{name} is {'denied' if denied else 'not denied'} in {deployment.stage}"


def a_key_becomes_ours_only_when_it_is_made(deployment: Deployment) -> Iterator[str]:
    stage, key = deployment.stage, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    cases = (
        ("kms:TagResource", {"aws:RequestTag/stage": stage}, True),
        (
            "kms:TagResource",
            {"aws:RequestTag/stage": stage, "aws:ResourceTag/stage": _OTHERS[stage]},
            False,
        ),
        ("kms:TagResource", {"aws:RequestTag/stage": _OTHERS[stage]}, False),
        ("kms:PutKeyPolicy", {}, False),
        ("kms:Decrypt", {"aws:ResourceTag/stage": stage}, False),
        ("kms:CreateGrant", {"aws:ResourceTag/stage": stage}, False),
    )
    for action, context, wanted in cases:
        if may(deployment.account, stack_role(stage), Call("", action, key, context)) is not wanted:
            yield f"{action} with {context} is {'refused' if wanted else 'allowed'}"


def each_policy_fits_into_what_iam_accepts(deployment: Deployment) -> Iterator[str]:
    """IAM counts the characters of a managed policy without spaces; ours may be longer in another
    region and partition."""
    longer = len("ap-southeast-1") - len(REGION) + len("aws-us-gov") - len("aws")
    for name, body in deployment.account.of("IAM::ManagedPolicy").items():
        text = "".join(str(body["PolicyDocument"]).split())
        size = len(text) + longer * text.count("arn:aws:")
        if size > MAX_POLICY_CHARACTERS:
            yield f"{name} has about {size} characters: IAM accepts {MAX_POLICY_CHARACTERS}"


KEPT_ACTIONS = (
    *("dynamodb:DeleteTable", "dynamodb:DeleteBackup", "kms:ScheduleKeyDeletion"),
    *("kms:DisableKey", "s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    *("secretsmanager:DeleteSecret", "logs:DeleteLogGroup", "ecr:DeleteRepository"),
    *("ecr:BatchDeleteImage", "backup:DeleteBackupVault", "backup:DeleteRecoveryPoint"),
    *("backup:DeleteBackupVaultLockConfiguration", "backup:PutBackupVaultAccessPolicy"),
    *("backup:UpdateRecoveryPointLifecycle", "cognito-idp:DeleteUserPool"),
)
# They read, or need what is ours for more than their name.
_ANYWHERE = {
    *("cloudwatch:DescribeAlarms", "route53:GetChange"),
    *("ec2:DescribeVpcAttribute", "route53:GetHostedZone", "route53:ListResourceRecordSets"),
    *("elasticloadbalancing:GetLoadBalancerWebACL", "wafv2:GetWebACLForResource"),
    *("acm:DescribeCertificate", "acm:ListTagsForCertificate"),
}


def _stacks(deployment: Deployment) -> tuple[Stack, ...]:
    """All of a stage, with the optional one in each way in which it can be used."""
    return *deployment.stacks, *variants(deployment)


def _has(deployment: Deployment, kind: str) -> bool:
    return any(stack.of(kind) for stack in _stacks(deployment))


def _is_kept(call: Call) -> bool:
    return call.action in KEPT_ACTIONS


def _reads(action: str) -> bool:
    return action.partition(":")[2].startswith(("Describe", "Get", "List"))


def _tag(stage: str) -> dict[str, str]:
    return {"aws:RequestTag/stage": stage}


def _attached(name: str) -> dict[str, Any]:
    return {"iam:PolicyARN": f"arn:aws:iam::aws:policy/{name}"}


def _policy(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:policy/farebox-{name}"


def _own(stage: str) -> str:
    return f"{_ROLE}farebox-cloudformation-{stage}"
