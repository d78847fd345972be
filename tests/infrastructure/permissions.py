"""The permissions of each role against the calls that were recorded: nothing missing, nothing
unused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.infrastructure.checks.roles import listed, statements, task_roles
from tests.infrastructure.deployments import Deployment

# No task has this role by default: an operator names it when running a task.
REPAIR = "repair"
_SES = "arn:aws:ses:us-east-1:123456789012:{}"
RECORDED = Path(__file__).with_name("calls.json")


@dataclass(frozen=True, order=True)
class Call:
    """A recorded action of a container on a kind of resource: table, closed days (one partition of
    it), index, key, data key, keys, kling, records, uploads, videos or
    uploads bucket."""

    container: str
    action: str
    resource: str


def recorded_calls() -> tuple[Call, ...]:
    """The calls that test_roles.py has recorded; that test fails when the file is stale."""
    calls_by_container: dict[str, dict[str, list[str]]] = json.loads(
        RECORDED.read_text(encoding="utf-8")
    )
    return tuple(
        Call(container, action, resource)
        for container, kinds in calls_by_container.items()
        for resource, actions in kinds.items()
        for action in actions
    )


def written(calls: Sequence[Call]) -> str:
    """The text of the file of recorded calls, for these calls."""
    calls_by_container: dict[str, dict[str, list[str]]] = {}
    for call in sorted(set(calls)):
        calls_by_container.setdefault(call.container, {}).setdefault(call.resource, []).append(
            call.action
        )
    return json.dumps(calls_by_container, indent=1) + "\n"


def faults(deployment: Deployment, calls: Sequence[Call]) -> list[str]:
    """Every call that its role does not permit, and every permission that no call needs."""
    roles = task_roles(deployment) | {REPAIR: deployment.service.of("IAM::Role")["RepairRole"]}
    if not deployment.service.parameters["MailFrom"]:
        calls = [call for call in calls if not call.action.startswith("ses:")]
    missing = [
        f"{call.container} may not {call.action} on {call.resource}"
        for call in calls
        if not _permits(roles[call.container], call.action, arn(deployment, call.resource))
    ]
    return missing + [
        fault for name, role in roles.items() for fault in _unused(deployment, name, role, calls)
    ]


def faults_of(deployment: Deployment, container: str, calls: Sequence[Call]) -> list[str]:
    """The same of one container alone."""
    role = task_roles(deployment)[container]
    missing = [
        f"{container} may not {call.action} on {call.resource}"
        for call in calls
        if not _permits(role, call.action, arn(deployment, call.resource))
    ]
    return missing + _unused(deployment, container, role, calls)


def arn(deployment: Deployment, resource: str) -> str:
    parameters = deployment.service.parameters
    table = f"arn:aws:dynamodb:us-east-1:123456789012:table/{parameters['TableName']}"
    known = {
        "table": table,
        "closed days": f"{table}#ANALYTICS",
        "index": f"{table}/index/GSI1",
        "keys": str(parameters["KeysSecretArn"]),
        "kling": str(parameters["KlingSecretArn"]),
        "operators": str(parameters["OperatorKeysSecretArn"]),
        "access-tokens": str(parameters["AccessTokenKeysSecretArn"]),
        "assemblyai": str(parameters["AssemblyAiSecretArn"]),
        "key": str(parameters["KeyArn"]),
        "mail identity": _SES.format(f"identity/{parameters['MailIdentity']}"),
        "mail configuration set": _SES.format(f"configuration-set/farebox-{deployment.stage}"),
        "data key": str(parameters["DataKeyArn"]),
    }
    bucket = f"arn:aws:s3:::{parameters['UploadsBucket']}"
    known |= {"uploads": f"{bucket}/uploads/digest/upl_1", "uploads bucket": bucket}
    known |= {"videos": f"{bucket}/videos/digest/job_1.mp4"}
    return known[resource] if resource in known else _record(deployment)


def _record(deployment: Deployment) -> str:
    """The ARN of a record of the audit, in the folder that its command names."""
    (container,) = [container for container in deployment.containers if container.name == "audit"]
    words = container.command.split()
    address = words[words.index("--record") + 1].removeprefix("s3://")
    return f"arn:aws:s3:::{address}/2026-11-21.json"


def _permits(role: Mapping[str, Any], action: str, resource: str) -> bool:
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        and any(_covers(pattern, resource) for pattern in _resources(statement))
        for statement in statements(role)
    )


def _resources(statement: Mapping[str, Any]) -> list[str]:
    """The resources of a statement; a partition of a table, where it is bound to one, behind a
    `#`."""
    bound = statement.get("Condition", {}).get("ForAllValues:StringEquals", {})
    partitions = [f"#{key}" for key in bound.get("dynamodb:LeadingKeys", [])] or [""]
    return [
        resource + partition
        for resource in listed(statement["Resource"])
        for partition in partitions
    ]


def _covers(pattern: str, resource: str) -> bool:
    """A table covers its partitions."""
    return fnmatchcase(resource, pattern) or fnmatchcase(resource.partition("#")[0], pattern)


def _unused(
    deployment: Deployment, name: str, role: Mapping[str, Any], calls: Sequence[Call]
) -> list[str]:
    needed = [
        (call.action, arn(deployment, call.resource)) for call in calls if call.container == name
    ]
    return [
        f"{name} needs no {action} on {resource.rpartition(':')[2]}"
        for statement in statements(role)
        for action in listed(statement["Action"])
        for resource in _resources(statement)
        if not any(fnmatchcase(used, action) and _covers(resource, on) for used, on in needed)
    ]
