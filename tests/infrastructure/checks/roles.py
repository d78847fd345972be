"""What no role may be allowed. Which calls each role needs is proved by making them, in
test_roles.py."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.checks.trust import WITHOUT_ACCOUNT
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import ACCOUNT, REGION

# Actions that IAM cannot bind to a resource (Service Authorization Reference).
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}
# KMS names families of actions like this, and AWS's examples for encrypted tables grant them so.
FAMILIES = {"kms:GenerateDataKey*", "kms:ReEncrypt*"}
ERASABLE = {
    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*", "RESULT#*", "WEBHOOK#*"]}
}
ERASABLE_WITH_STRIPE = {
    "ForAllValues:StringLike": {
        "dynamodb:LeadingKeys": ["USER#*", "RESULT#*", "WEBHOOK#*", "STRIPE_CUSTOMER#*"]
    }
}
CLOSED_DAYS = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ANALYTICS"]}}
_ON_FILES = ("PutObject", "GetObject", "GetObjectVersion")
_ON_COPIES = ("PutObject", "GetObject", "AbortMultipartUpload")
WRITES = {
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
}


def statements(role: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for policy in role.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def task_roles(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    """The task role of each container, by the container's name."""
    roles = deployment.service.of("IAM::Role")
    return {
        container.name: roles[str(container.task["TaskRoleArn"]).strip("<>").split(".")[0]]
        for container in deployment.containers
    }


def no_role_allows_every_action(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for statement in statements(role):
            if "NotAction" in statement or "NotResource" in statement:
                yield f"{name} allows by exclusion: list Action and Resource instead"
            for action in listed(statement.get("Action", [])):
                if "*" in action and action not in FAMILIES:
                    yield f"{name} allows {action}: name each action"


def no_role_allows_every_resource(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for statement in statements(role):
            if (
                "*" in listed(statement.get("Resource", []))
                and not set(listed(statement["Action"])) <= WITHOUT_RESOURCE
            ):
                yield f"{name} allows {statement['Action']} on every resource: name them"


def no_role_has_a_policy_outside_the_template(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.service.of("IAM::Role").items():
        if role.get("ManagedPolicyArns"):
            yield f"{name} has {role['ManagedPolicyArns']}: write the policy inline"
    for kind in ("IAM::Policy", "IAM::ManagedPolicy", "IAM::User", "IAM::AccessKey"):
        yield from (f"{name} is of type {kind}: use roles" for name in deployment.of(kind))


def each_role_is_assumed_only_by_a_service_for_this_account(
    deployment: Deployment,
) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            service = statement["Principal"].get("Service")
            if set(statement["Principal"]) != {"Service"} or not isinstance(service, str):
                yield f"{name} may be assumed by {statement['Principal']}: name one service"
            bound = "aws:SourceAccount" in str(statement.get("Condition", {}))
            if not bound and service not in WITHOUT_ACCOUNT:
                yield f"{name} may be assumed for another account: require aws:SourceAccount"


def each_container_has_a_role_of_its_own(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        roles = {str(container.task.get(kind)) for kind in ("TaskRoleArn", "ExecutionRoleArn")}
        if len(roles) != 2 or "None" in roles:
            yield (
                f"{container.task_name} has the roles {sorted(roles)}: "
                "it needs a task role and another execution role"
            )
    tasks = [str(container.task["TaskRoleArn"]) for container in deployment.containers]
    if len(tasks) != len(set(tasks)):
        yield "two tasks share a task role: give each its own"


def only_the_table_of_the_stage_is_accessible(deployment: Deployment) -> Iterator[str]:
    tables = _tables(deployment)
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if any(action.startswith("dynamodb:") for action in listed(statement["Action"])):
                for resource in listed(statement["Resource"]):
                    if not resource.endswith(tables):
                        yield f"{name} reaches {resource}: name the table of the stage"


def each_role_does_in_buckets_only_what_it_is_for(deployment: Deployment) -> Iterator[str]:
    """The audit reads and writes its records, for the table of the stage alone; web processes let
    files be sent and read below one prefix; the worker copies videos below another, from where
    web processes let them be read, and erases both."""
    parameters = deployment.service.parameters
    records = f"arn:aws:s3:::{parameters['RecordsBucket']}/audit/{parameters['TableName']}/*"
    bucket = f"arn:aws:s3:::{parameters['UploadsBucket']}"
    files, videos = f"{bucket}/uploads/*", f"{bucket}/videos/*"
    allowed = {("AuditRole", action, records) for action in ("s3:GetObject", "s3:PutObject")}
    allowed |= {("WebRole", f"s3:{action}", files) for action in _ON_FILES}
    allowed |= {("WebRole", "s3:ListBucket", bucket)}
    allowed |= {("WebRole", "s3:GetObject", videos)}
    allowed |= {("WorkerRole", "s3:DeleteObjectVersion", each) for each in (files, videos)}
    allowed |= {("WorkerRole", f"s3:List{name}", bucket) for name in ("BucketVersions", "Bucket")}
    allowed |= {("WorkerRole", f"s3:{action}", videos) for action in _ON_COPIES}
    if str(parameters["UploadMalwareScan"]) == "true":
        allowed |= {("WebRole", "s3:GetObjectVersionTagging", files)}
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    if action.startswith("s3:") and (name, action, resource) not in allowed:
                        yield f"{name} may {action} on {resource}: it is not for that"


def only_the_worker_mails_and_with_the_identity_of_the_stage(
    deployment: Deployment,
) -> Iterator[str]:
    ours = f"arn:aws:ses:{REGION}:{ACCOUNT}"
    identity = f"{ours}:identity/{deployment.service.parameters['MailIdentity']}"
    named = f"{ours}:configuration-set/farebox-{deployment.stage}"
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if any(action.startswith("ses:") for action in listed(statement["Action"])):
                for resource in listed(statement["Resource"]):
                    if name != "WorkerRole" or resource not in (identity, named):
                        yield f"{name} mails by {resource}: only WorkerRole may, by {identity}"


def no_request_may_scan_the_table(deployment: Deployment) -> Iterator[str]:
    for name, role in task_roles(deployment).items():
        actions = {
            action for statement in statements(role) for action in listed(statement["Action"])
        }
        if name == "web" and "dynamodb:Scan" in actions:
            yield f"{name} may scan the table: remove dynamodb:Scan"
        if name == "audit":
            yield from _audit_writes(role)


def _audit_writes(role: Mapping[str, Any]) -> Iterator[str]:
    """The audit proves the table, so it may change nothing that it proves."""
    for statement in statements(role):
        writes = sorted(WRITES & set(listed(statement["Action"])))
        if writes and statement.get("Condition") != CLOSED_DAYS:
            yield f"the audit may write: remove {writes}"


def no_task_may_delete_or_manage(deployment: Deployment) -> Iterator[str]:
    words = ("Delete", "Create", "Put", "Update", "PassRole", "Attach")
    harmless = {
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    for name, role in task_roles(deployment).items():
        actions = {
            action
            for statement in statements(role)
            if not (name == "worker" and _is_of_erasures(statement))
            for action in listed(statement["Action"])
        }
        # Limited by each_role_does_in_buckets_only_what_it_is_for.
        own = {"s3:PutObject"} if name in ("audit", "web", "worker") else set()
        wrong = {
            action
            for action in actions - harmless - own
            if any(word in action.split(":")[1] for word in words)
        }
        yield from (f"{name} may {action}: no task needs it" for action in sorted(wrong))


def each_role_may_use_our_key_through_every_service_it_uses(
    deployment: Deployment,
) -> Iterator[str]:
    """A grant of the key works only through the services named in `kms:ViaService`."""
    wanted = {
        "dynamodb": {"kms:Decrypt"},
        "secretsmanager": {"kms:Decrypt"},
        "s3": {"kms:Decrypt", "kms:GenerateDataKey"},
    }
    for name, role in task_roles(deployment).items():
        reached = {
            action.split(":")[0]
            for statement in statements(role)
            for action in listed(statement["Action"])
            # What lists and deletes objects opens none.
            if not action.startswith(("s3:List", "s3:Delete"))
        }
        for service in sorted(reached & set(wanted)):
            through = {
                action.removesuffix("*")
                for statement in statements(role)
                if f"{service}.{REGION}.amazonaws.com"
                in listed(
                    statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", [])
                )
                for action in listed(statement["Action"])
            }
            yield from (
                f"{name} may not {action} through {service}: add the service to kms:ViaService"
                for action in sorted(wanted[service] - through)
            )


# Only an operator wraps data keys anew; the worker opens what others have sealed.
_DATA_KEY_ACTIONS = {
    "WebRole": {"Decrypt", "GenerateDataKey"},
    "WorkerRole": {"Decrypt"},
    "RelayRole": {"Decrypt", "GenerateDataKey"},
    "OperatorRole": {"Decrypt", "Encrypt", "GenerateDataKey"},
}
_DATA_KEY_USES = {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}


def data_keys_are_used_for_one_user_of_our_table_at_a_time(deployment: Deployment) -> Iterator[str]:
    """KMS compares the encryption context, which names table and user, with each use of the key."""
    parameters = deployment.service.parameters
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if parameters["DataKeyArn"] not in listed(statement["Resource"]):
                continue
            condition = statement.get("Condition", {})
            table = condition.get("StringEquals", {}).get("kms:EncryptionContext:table")
            user = condition.get("Null", {}).get("kms:EncryptionContext:user")
            if (table, str(user).lower()) != (parameters["SealedTableName"], "false"):
                yield f"{name} uses data keys in any context: require its table and a user"
            actions = {action.removeprefix("kms:") for action in listed(statement["Action"])}
            if actions != _DATA_KEY_ACTIONS.get(name):
                yield f"{name} may {sorted(actions)} with the data key, not what its tasks need"
    policy = deployment.data.of("KMS::Key")["DataKey"]["KeyPolicy"]["Statement"]
    denied = [
        statement["Condition"]
        for statement in policy
        if statement["Effect"] == "Deny" and set(listed(statement["Action"])) >= _DATA_KEY_USES
    ]
    table = {"kms:EncryptionContext:table": parameters["SealedTableName"]}
    if {"StringNotEquals": table} not in denied:
        yield "IAM alone decides for which table a data key is used: deny others in KeyPolicy"
    if {"Null": {"kms:EncryptionContext:user": "true"}} not in denied:
        yield "IAM alone decides whether a data key is one user's: deny others in KeyPolicy"


def _is_of_erasures(statement: Mapping[str, Any]) -> bool:
    """What the worker may delete: items in the partitions of users and of webhooks, users of the
    user pool, and versions of files, limited by each_role_does_in_buckets_only_what_it_is_for."""
    actions = set(listed(statement["Action"]))
    if actions == {"s3:DeleteObjectVersion"}:
        return True
    if actions == {"cognito-idp:ListUsers", "cognito-idp:AdminDeleteUser"}:
        return True
    allowed = (ERASABLE, ERASABLE_WITH_STRIPE)
    return actions == {"dynamodb:DeleteItem"} and statement.get("Condition") in allowed


def only_a_repair_and_an_erasure_may_delete(deployment: Deployment) -> Iterator[str]:
    """No task has the role of a repair by default: an operator names it when running a task. The
    worker deletes what belongs to a user who is erased."""
    for name, role in deployment.of("IAM::Role").items():
        deletes = any(
            "Delete" in action
            for statement in statements(role)
            for action in listed(statement["Action"])
            if not (name == "WorkerRole" and _is_of_erasures(statement))
        )
        taken = any(
            f"<{name}.Arn>" == container.task["TaskRoleArn"] for container in deployment.containers
        )
        if deletes and (name != "RepairRole" or taken):
            yield f"{name} may delete: only RepairRole may, and no task may have it by default"


def roles_are_passed_only_to_tasks(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if "iam:PassRole" in listed(statement["Action"]):
                condition = statement.get("Condition", {}).get("StringEquals", {})
                if condition.get("iam:PassedToService") != "ecs-tasks.amazonaws.com":
                    yield f"{name} may pass roles to other services: require ecs-tasks"


def the_audit_is_started_with_every_role_it_needs(deployment: Deployment) -> Iterator[str]:
    """Without permission to pass both roles of the task, the scheduler starts nothing."""
    roles = deployment.service.of("IAM::Role")
    for name, schedule in deployment.service.of("Scheduler::Schedule").items():
        target = schedule["Target"]
        task = deployment.service.of("ECS::TaskDefinition")[
            target["EcsParameters"]["TaskDefinitionArn"].strip("<>")
        ]
        starter = roles[target["RoleArn"].strip("<>").split(".")[0]]
        granted = {
            action: set(listed(s["Resource"]))
            for s in statements(starter)
            for action in listed(s["Action"])
        }
        missing = {task["TaskRoleArn"], task["ExecutionRoleArn"]} - granted.get(
            "iam:PassRole", set()
        )
        yield from (
            f"{name} may not pass {role}: add it to iam:PassRole" for role in sorted(missing)
        )
        if not any(
            f"task-definition/{task['Family']}:" in resource
            for resource in granted.get("ecs:RunTask", set())
        ):
            yield f"{name} may not run {task['Family']}: add it to ecs:RunTask"


def the_role_of_the_flow_log_may_write_to_its_group(deployment: Deployment) -> Iterator[str]:
    """What VPC requires where the log group exists (Amazon VPC, IAM role for publishing flow
    logs)."""
    needed = {
        f"logs:{name}"
        for name in ("CreateLogStream", "PutLogEvents", "DescribeLogGroups", "DescribeLogStreams")
    }
    for name, flow in deployment.service.of("EC2::FlowLog").items():
        role = deployment.service.of("IAM::Role")[
            flow["DeliverLogsPermissionArn"].strip("<>").split(".")[0]
        ]
        granted = {
            action for statement in statements(role) for action in listed(statement["Action"])
        }
        yield from (
            f"the role of {name} may not {action}: add it" for action in sorted(needed - granted)
        )


def the_dynamodb_gateway_allows_only_our_table(deployment: Deployment) -> Iterator[str]:
    tables = _tables(deployment)
    for name, endpoint in deployment.service.of("EC2::VPCEndpoint").items():
        if endpoint["ServiceName"].endswith(".dynamodb"):
            for statement in endpoint.get("PolicyDocument", {}).get(
                "Statement", [{"Resource": "*"}]
            ):
                for resource in listed(statement["Resource"]):
                    if not resource.endswith(tables):
                        yield f"{name} allows {resource}: name the table of the stage"


def _tables(deployment: Deployment) -> tuple[str, ...]:
    """How the resources of policies on our table may end, and those on a restored one that an
    operator has named."""
    parameters = deployment.service.parameters
    named = [name for name in (parameters["TableName"], parameters["RestoredTable"]) if name]
    return tuple(f":table/{name}{part}" for name in named for part in ("", "/index/*"))
