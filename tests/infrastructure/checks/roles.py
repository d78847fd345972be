"""Who may do what. Which calls each role needs is proved by making them (test_roles.py); here is
what no role may have."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.render import REGION

# Actions that IAM cannot bind to a resource (Service Authorization Reference).
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}
# KMS names families of actions so; AWS's own examples for encrypted tables grant them by family.
FAMILIES = {"kms:GenerateDataKey*", "kms:ReEncrypt*"}
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
    """The roles that containers act in, by their container's name."""
    roles = deployment.service.of("IAM::Role")
    return {
        container.name: roles[str(container.task["TaskRoleArn"]).strip("<>").split(".")[0]]
        for container in deployment.containers
    }


def no_role_may_do_everything(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for statement in statements(role):
            if "NotAction" in statement or "NotResource" in statement:
                yield f"{name} is permitted by exclusion"
            for action in listed(statement.get("Action", [])):
                if "*" in action and action not in FAMILIES:
                    yield f"{name}: {action}"


def no_role_may_do_it_to_everything(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for statement in statements(role):
            if (
                "*" in listed(statement.get("Resource", []))
                and not set(listed(statement["Action"])) <= WITHOUT_RESOURCE
            ):
                yield f"{name}: {statement['Action']} on everything"


def no_role_has_a_policy_from_elsewhere(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.service.of("IAM::Role").items():
        if role.get("ManagedPolicyArns"):
            yield f"{name}: {role['ManagedPolicyArns']}"
    for kind in ("IAM::Policy", "IAM::ManagedPolicy", "IAM::User", "IAM::AccessKey"):
        yield from deployment.of(kind)


def each_role_is_taken_only_by_the_service_of_this_account(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.of("IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            if set(statement["Principal"]) != {"Service"} or not isinstance(
                statement["Principal"]["Service"], str
            ):
                yield f"{name} may be taken by {statement['Principal']}"
            if "aws:SourceAccount" not in str(statement.get("Condition", {})):
                yield f"{name} may be taken for another account"


def containers_act_in_roles_of_their_own(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        roles = {str(container.task.get(kind)) for kind in ("TaskRoleArn", "ExecutionRoleArn")}
        if len(roles) != 2 or "None" in roles:
            yield f"{container.task_name}: {sorted(roles)}"
    tasks = [str(container.task["TaskRoleArn"]) for container in deployment.containers]
    if len(tasks) != len(set(tasks)):
        yield "two tasks share a role"


def only_this_stages_table_is_touched(deployment: Deployment) -> Iterator[str]:
    table = str(deployment.service.parameters["TableName"])
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if any(action.startswith("dynamodb:") for action in listed(statement["Action"])):
                for resource in listed(statement["Resource"]):
                    if not resource.endswith((f":table/{table}", f":table/{table}/index/*")):
                        yield f"{name}: {resource}"


def only_the_audits_records_are_touched(deployment: Deployment) -> Iterator[str]:
    """In their own bucket, and of this stage's table alone."""
    parameters = deployment.service.parameters
    records = f"arn:aws:s3:::{parameters['RecordsBucket']}/audit/{parameters['TableName']}/*"
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if any(action.startswith("s3:") for action in listed(statement["Action"])):
                for resource in listed(statement["Resource"]):
                    if (name, resource) != ("AuditRole", records):
                        yield f"{name}: {resource}"


def no_request_may_walk_the_whole_table(deployment: Deployment) -> Iterator[str]:
    for name, role in task_roles(deployment).items():
        actions = {
            action for statement in statements(role) for action in listed(statement["Action"])
        }
        if name in ("web", "worker") and "dynamodb:Scan" in actions:
            yield f"{name} may scan"
        if name == "audit" and actions & WRITES:
            yield f"the audit may write: {sorted(actions & WRITES)}"


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
            action for statement in statements(role) for action in listed(statement["Action"])
        }
        # Its own records; which they are is proved by its calls (test_roles.py).
        own = {"s3:PutObject"} if name == "audit" else set()
        wrong = {
            action
            for action in actions - harmless - own
            if any(word in action.split(":")[1] for word in words)
        }
        yield from (f"{name}: {action}" for action in sorted(wrong))


def our_key_may_be_used_wherever_a_role_reaches_what_it_encrypts(
    deployment: Deployment,
) -> Iterator[str]:
    """A grant of the key counts only through the services that it names."""
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
        }
        for service in sorted(reached & set(wanted)):
            through = {
                action
                for statement in statements(role)
                if f"{service}.{REGION}.amazonaws.com"
                in listed(
                    statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", [])
                )
                for action in listed(statement["Action"])
            }
            yield from (
                f"{name} may not {action} through {service}"
                for action in sorted(wanted[service] - through)
            )


def only_a_repair_may_delete(deployment: Deployment) -> Iterator[str]:
    """Its role is no task's own: an operator has to ask for it by name."""
    for name, role in deployment.of("IAM::Role").items():
        deletes = any(
            "Delete" in action
            for statement in statements(role)
            for action in listed(statement["Action"])
        )
        taken = any(
            f"<{name}.Arn>" == container.task["TaskRoleArn"] for container in deployment.containers
        )
        if deletes and (name != "RepairRole" or taken):
            yield name


def roles_are_handed_on_only_to_tasks(deployment: Deployment) -> Iterator[str]:
    for name, role in deployment.service.of("IAM::Role").items():
        for statement in statements(role):
            if "iam:PassRole" in listed(statement["Action"]):
                condition = statement.get("Condition", {}).get("StringEquals", {})
                if condition.get("iam:PassedToService") != "ecs-tasks.amazonaws.com":
                    yield name


def the_audit_is_started_with_every_role_it_needs(deployment: Deployment) -> Iterator[str]:
    """The scheduler must be permitted to hand on both roles of what it starts, or nothing ever
    runs."""
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
        yield from (f"{name} may not hand on {role}" for role in sorted(missing))
        if not any(
            f"task-definition/{task['Family']}:" in resource
            for resource in granted.get("ecs:RunTask", set())
        ):
            yield f"{name} may not run {task['Family']}"


def whoever_writes_the_networks_log_finds_its_group(deployment: Deployment) -> Iterator[str]:
    """The least that VPC asks for where the group is there already (Amazon VPC, IAM role for
    publishing flow logs)."""
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
        yield from (f"{name} may not {action}" for action in sorted(needed - granted))


def the_table_gateway_lets_nobody_take_data_elsewhere(deployment: Deployment) -> Iterator[str]:
    table = str(deployment.service.parameters["TableName"])
    for name, endpoint in deployment.service.of("EC2::VPCEndpoint").items():
        if endpoint["ServiceName"].endswith(".dynamodb"):
            for statement in endpoint.get("PolicyDocument", {}).get(
                "Statement", [{"Resource": "*"}]
            ):
                for resource in listed(statement["Resource"]):
                    if not resource.endswith((f":table/{table}", f":table/{table}/index/*")):
                        yield f"{name}: {resource}"
