"""The boundary of every role that the stacks make: wide enough for each of them, and for nothing
beyond, least of all for another stage."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.infrastructure.checks.roles import statements
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.identity_stack import variants
from tests.infrastructure.policies import Call, like, listed, permits
from tests.infrastructure.render import ACCOUNT, REGION, Stack

# The services that a backup of a table concerns, of all that AWS's policies name.
_OF_A_TABLE = ("backup:", "dynamodb:", "kms:", "tag:")
# What these policies name besides: other kinds of resources, calls of AWS Backup itself, and the
# end of a backup, which its service-linked role brings about.
_OF_OTHERS = {
    *("backup:CopyFromBackupVault", "backup:StartRestoreJob", "backup:ListRestoreJobs"),
    *("backup:ListRecoveryPointsByBackupVault", "backup:DescribeRestoreJob"),
    "dynamodb:DeleteBackup",
}
_OTHERS = {"dev": "production", "staging": "dev", "production": "staging"}


def every_role_fits_into_the_boundary(deployment: Deployment) -> Iterator[str]:
    """Each permission of each role of the stacks, and what AWS's own policies for backups need."""
    missing = {
        f"{name}: the boundary does not permit {call.action} on {call.resource}"
        for name, call in _needed(deployment)
        if not permits(_boundary(deployment), call)
    }
    yield from sorted(missing)


def no_role_reaches_another_stage_through_the_boundary(deployment: Deployment) -> Iterator[str]:
    """A role of another stage, with the same permissions."""
    other = {"aws:PrincipalTag/stage": _OTHERS[deployment.stage]}
    reached = {
        f"{name}: in another stage it could {call.action} on {call.resource}"
        for name, call in _needed(deployment)
        if (deployment.stage in call.resource or call.action.startswith("kms:"))
        and permits(
            _boundary(deployment),
            Call(call.who, call.action, call.resource, {**call.context, **other}),
        )
    }
    yield from sorted(reached)


def the_boundary_permits_nothing_that_no_role_needs(deployment: Deployment) -> Iterator[str]:
    """Judged where every choice is taken; elsewhere some permissions are not there."""
    if not deployment.service.parameters["PermissionsBoundary"]:
        return
    needed = [call for _, call in _needed(deployment)]
    for statement in _boundary(deployment)["Statement"]:
        for action in listed(statement["Action"]):
            if not any(like(action, call.action) for call in needed):
                yield f"{statement['Sid']}: no role needs {action}"


def no_role_can_be_dangerous_within_the_boundary(deployment: Deployment) -> Iterator[str]:
    stage, arn = deployment.stage, f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}".format
    table, key = f"table/UserCredits-{stage}", {"aws:ResourceTag/stage": stage}
    cases: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/farebox-{stage}-x", {}),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/farebox-{stage}-x", {}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/farebox-{stage}-x", {}),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/eve", {}),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/farebox-deploy-{stage}", {}),
        ("dynamodb:DeleteTable", arn("dynamodb", table), {}),
        ("dynamodb:UpdateTable", arn("dynamodb", table), {}),
        ("dynamodb:UpdateContinuousBackups", arn("dynamodb", table), {}),
        ("dynamodb:GetItem", arn("dynamodb", "table/Another"), {}),
        ("s3:DeleteBucket", f"arn:aws:s3:::farebox-{stage}-data-records-1", {}),
        ("s3:DeleteObject", f"arn:aws:s3:::farebox-{stage}-data-records-1/audit/x", {}),
        ("s3:DeleteObjectVersion", f"arn:aws:s3:::farebox-{stage}-data-records-1/audit/x", {}),
        ("s3:GetObject", "arn:aws:s3:::another/x", {}),
        ("secretsmanager:PutSecretValue", arn("secretsmanager", f"secret:farebox/{stage}/k"), {}),
        ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:another"), {}),
        ("kms:ScheduleKeyDeletion", arn("kms", "key/1"), key),
        ("kms:PutKeyPolicy", arn("kms", "key/1"), key),
        ("kms:Decrypt", arn("kms", "key/1"), {}),
        ("backup:DeleteBackupVault", arn("backup", f"backup-vault:farebox-{stage}"), {}),
        ("backup:DeleteRecoveryPoint", arn("backup", "recovery-point:1"), {}),
        ("logs:DeleteLogGroup", arn("logs", f"log-group:/farebox/{stage}/audit"), {}),
        ("ecr:PutImage", arn("ecr", f"repository/farebox-{stage}"), {}),
        ("ecs:RegisterTaskDefinition", arn("ecs", f"task-definition/farebox-{stage}-x:1"), {}),
        ("cloudformation:CreateChangeSet", arn("cloudformation", f"stack/farebox-{stage}/1"), {}),
    )
    for action, resource, context in cases:
        known = {"aws:PrincipalTag/stage": stage, **context}
        if permits(_boundary(deployment), Call("", action, resource, known)):
            yield f"the boundary permits {action} on {resource}"


def _boundary(deployment: Deployment) -> Mapping[str, Any]:
    document: Mapping[str, Any] = deployment.account.of("IAM::ManagedPolicy")["Boundary"][
        "PolicyDocument"
    ]
    return document


def _needed(deployment: Deployment) -> Iterator[tuple[str, Call]]:
    for stack in (*deployment.stacks, *variants(deployment)):
        for name, role in stack.of("IAM::Role").items():
            for statement in statements(role):
                yield from ((name, call) for call in _of_statement(stack, statement))
            for managed in role.get("ManagedPolicyArns", []):
                for action, resource in _backups(str(managed).rpartition("/")[2]):
                    on = _table_of(deployment, resource)
                    yield name, Call(name, action, on, _known(stack))


def _of_statement(stack: Stack, statement: Mapping[str, Any]) -> Iterator[Call]:
    for action in listed(statement["Action"]):
        for resource in listed(statement["Resource"]):
            yield Call("", action.rstrip("*"), _named(stack, resource), _known(stack))


def _known(stack: Stack) -> dict[str, str]:
    stage = str(stack.parameters["Stage"])
    return {
        "aws:PrincipalTag/stage": stage,
        "aws:ResourceTag/stage": stage,
        "iam:PassedToService": "ecs-tasks.amazonaws.com",
    }


def _named(stack: Stack, resource: str) -> str:
    """The ARN that a reference to a resource of the stack becomes."""
    found = re.fullmatch(r"<(\w+)(\.Arn)?>", resource)
    if not found:
        return resource
    body = stack.resources[found[1]]
    kind, properties = str(body["Type"]), body["Properties"]
    if kind == "AWS::IAM::Role":
        return f"arn:aws:iam::{ACCOUNT}:role/{stack.name}-{found[1]}-1AB"
    if kind == "AWS::Logs::LogGroup":
        return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{properties['LogGroupName']}:*"
    if kind == "AWS::SecretsManager::Secret":
        return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{properties['Name']}-AbCdEf"
    raise LookupError(f"{resource} is a {kind}")


def _table_of(deployment: Deployment, resource: str) -> str:
    """A resource of AWS's policies, as the table or the vault of the stage."""
    table = str(deployment.service.parameters["TableName"])
    resource = resource.replace("*:*:", f"{REGION}:{ACCOUNT}:")
    if ":backup-vault:" in resource:
        return resource.replace("*", f"farebox-{deployment.stage}")
    return resource.replace("table/*", f"table/{table}") if "table/" in resource else resource


@lru_cache(maxsize=4)
def _backups(policy: str) -> tuple[tuple[str, str], ...]:
    """What a policy of AWS's permits for a table, and on what."""
    document = json.loads(aws_managed_policies_data)[policy]["Document"]
    return tuple(
        (action, _key_or(action, resource))
        for statement in document["Statement"]
        if "EncryptionContextKeys" not in str(statement.get("Condition"))
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith(_OF_A_TABLE) and action not in _OF_OTHERS
    )


def _key_or(action: str, resource: str) -> str:
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1" if action.startswith("kms:") else resource
