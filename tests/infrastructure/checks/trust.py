"""Who takes each role follows from where the role is used."""

import re
from collections.abc import Iterator
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.policies import Call, permits
from tests.infrastructure.render import ACCOUNT

# The property that names a role, and the service that takes it there.
PLACES = {
    ("ECS::TaskDefinition", "TaskRoleArn"): "ecs-tasks.amazonaws.com",
    ("ECS::TaskDefinition", "ExecutionRoleArn"): "ecs-tasks.amazonaws.com",
    ("Scheduler::Schedule", "RoleArn"): "scheduler.amazonaws.com",
    ("EC2::FlowLog", "DeliverLogsPermissionArn"): "vpc-flow-logs.amazonaws.com",
    ("Backup::BackupSelection", "IamRoleArn"): "backup.amazonaws.com",
    ("Lambda::Function", "Role"): "lambda.amazonaws.com",
}
# Roles that release/operate names when it starts a task.
HANDED_OUT = {"RepairRoleArn": "ecs-tasks.amazonaws.com"}
# Services that need not say for which account they take a role: a condition that they do not meet
# would stop them. Why: docs/decisions.md, Deployment.
WITHOUT_ACCOUNT = {"backup.amazonaws.com"}
OTHER = "210987654321"
_TRUST_KEYS = {"Effect", "Principal", "Action"}


def each_role_is_taken_by_the_service_that_uses_it(deployment: Deployment) -> Iterator[str]:
    uses = _uses(deployment)
    for name, role in deployment.of("IAM::Role").items():
        document = role["AssumeRolePolicyDocument"]
        takers = uses.get(name, set())
        if len(takers) != 1:
            yield f"{name} is used by {sorted(takers)}: it must be used by one service"
        for service in (*takers, "ec2.amazonaws.com"):
            for account in (ACCOUNT, OTHER, ""):
                context = {"aws:SourceAccount": account} if account else {}
                wanted = service in takers and (account == ACCOUNT or service in WITHOUT_ACCOUNT)
                if permits(document, Call(service, "sts:AssumeRole", name, context)) is not wanted:
                    word = "must" if wanted else "may not"
                    yield f"{name}: {service} of {account or 'no account'} {word} take it"
        keys = _TRUST_KEYS | (set() if takers <= WITHOUT_ACCOUNT else {"Condition"})
        for statement in document["Statement"]:
            if set(statement) != keys:
                yield f"{name} has a trust of {sorted(statement)}"


def a_boundary_bounds_every_role(deployment: Deployment) -> Iterator[str]:
    for stack in (deployment.data, deployment.service):
        boundary = stack.parameters["PermissionsBoundary"]
        for name, role in stack.of("IAM::Role").items():
            if role.get("PermissionsBoundary", "") != boundary:
                yield f"{name} has the boundary {role.get('PermissionsBoundary')}, not {boundary!r}"


def each_policy_is_named_for_what_it_is(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for policy in role.get("Policies", []):
            if policy["PolicyName"] not in ("least", "write"):
                yield f"{name} has a policy {policy['PolicyName']}"
            if policy["PolicyDocument"]["Version"] != "2012-10-17":
                yield f"{name} has a policy of another version"
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Allow":
                    yield f"{name} has an effect {statement['Effect']}: a role allows what it needs"
                if not re.fullmatch("[A-Z][A-Za-z]+", statement.get("Sid", "Unnamed")):
                    yield f"{name}: the Sid {statement['Sid']} is no name"
                extra = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
                if extra:
                    yield f"{name} has a statement with {sorted(extra)}"


def _uses(deployment: Deployment) -> dict[str, set[str]]:
    """The services that take each role, by its name."""
    found: dict[str, set[str]] = {}
    for _, resource in deployment.resources():
        kind = resource["Type"].removeprefix("AWS::")
        for (place, key), service in PLACES.items():
            if place == kind:
                for value in _named(resource.get("Properties", {}), key):
                    found.setdefault(str(value).strip("<>").partition(".")[0], set()).add(service)
    for output, service in HANDED_OUT.items():
        role = str(deployment.service.outputs[output]).strip("<>").partition(".")[0]
        found.setdefault(role, set()).add(service)
    return found


def _named(body: Any, key: str) -> Iterator[Any]:
    """Every value of that key, at any depth."""
    if isinstance(body, dict):
        if key in body:
            yield body[key]
        for part in body.values():
            yield from _named(part, key)
    elif isinstance(body, list):
        for part in body:
            yield from _named(part, key)
