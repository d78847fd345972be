"""The infrastructure's own calls, and every recorded call through the endpoint it goes by."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.infrastructure.checks.packet_walk import placed
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.packets import name_of
from tests.infrastructure.permissions import arn, recorded_calls
from tests.infrastructure.policies import Call, permits
from tests.infrastructure.render import ACCOUNT, REGION

_LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LAYERS = f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/digest"
_ENDPOINTS = {
    "dynamodb": "dynamodb",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "kms": "kms",
}
# DynamoDB, S3 and Secrets Manager use this key on their own side.
BY_A_SERVICE = "key"
_FOREIGN = {
    "dynamodb:GetItem": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/other",
    "s3:PutObject": "arn:aws:s3:::other/uploads/x",
    "secretsmanager:GetSecretValue": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:other",
    "kms:Decrypt": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other",
}


def the_agent_may_pull_the_image_and_write_logs(deployment: Deployment) -> Iterator[str]:
    roles = deployment.service.of("IAM::Role")
    for task_name, task in deployment.service.of("ECS::TaskDefinition").items():
        role = roles[name_of(task["ExecutionRoleArn"])]
        repository = str(deployment.service.parameters["RepositoryArn"])
        calls = [Call("", "ecr:GetAuthorizationToken", "*")]
        calls += [Call("", action, repository) for action in PULL]
        for container in task["ContainerDefinitions"]:
            options = container["LogConfiguration"]["Options"]
            prefix = options["awslogs-stream-prefix"]
            stream = f"{_LOGS}:{options['awslogs-group']}:log-stream:{prefix}/x"
            calls += [
                Call("", f"logs:{word}", stream) for word in ("CreateLogStream", "PutLogEvents")
            ]
            if options["awslogs-region"] != REGION:
                yield f"{task_name} logs to {options['awslogs-region']}"
        yield from _refused(task_name, role, calls)
        foreign = Call("", "ecr:BatchGetImage", repository + "-of-another")
        if _may(role, foreign):
            yield f"{task_name} may pull other images"


def every_log_group_of_a_task_exists(deployment: Deployment) -> Iterator[str]:
    """The agent may not create one: without it no task starts."""
    groups = {body["LogGroupName"] for body in deployment.data.of("Logs::LogGroup").values()}
    for container in deployment.containers:
        group = container.definition["LogConfiguration"]["Options"]["awslogs-group"]
        if group not in groups:
            yield f"{container.name} logs to {group}, which does not exist"


def the_scheduler_may_start_the_audit(deployment: Deployment) -> Iterator[str]:
    stack = deployment.service
    for name, schedule in stack.of("Scheduler::Schedule").items():
        target = schedule["Target"]
        role = stack.of("IAM::Role")[name_of(target["RoleArn"])]
        task = stack.of("ECS::TaskDefinition")[
            name_of(target["EcsParameters"]["TaskDefinitionArn"])
        ]
        cluster = {"ecs:cluster": target["Arn"]}
        family = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{task['Family']}:7"
        passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
        calls = [Call("", "ecs:RunTask", family, cluster)]
        calls += [
            Call("", "iam:PassRole", task[key], passed)
            for key in ("TaskRoleArn", "ExecutionRoleArn")
        ]
        yield from _refused(name, role, calls)
        wrong = [Call("", "ecs:RunTask", family, {"ecs:cluster": "<Other.Arn>"})]
        wrong += [Call("", "iam:PassRole", task["TaskRoleArn"], {"iam:PassedToService": "lambda"})]
        wrong += [Call("", "iam:PassRole", "<RepairRole.Arn>", passed)]
        yield from (
            f"{name} may {one.action} on {one.resource}" for one in wrong if _may(role, one)
        )
        clusters = {f"<{cluster}.Arn>" for cluster in stack.of("ECS::Cluster")}
        if target["Arn"] not in clusters or target["EcsParameters"]["LaunchType"] != "FARGATE":
            yield f"{name} starts its tasks in {target['Arn']}, or not on Fargate"
        if int(target["EcsParameters"]["TaskCount"]) != 1:
            yield f"{name} starts {target['EcsParameters']['TaskCount']} audits at once"


def the_flow_log_may_be_delivered(deployment: Deployment) -> Iterator[str]:
    stack = deployment.service
    for name, log in stack.of("EC2::FlowLog").items():
        role = stack.of("IAM::Role")[name_of(log["DeliverLogsPermissionArn"])]
        group = f"{_LOGS}:{log['LogGroupName']}:log-stream:eni"
        words = ("CreateLogStream", "PutLogEvents", "DescribeLogStreams")
        calls = [Call("", f"logs:{word}", group) for word in words]
        calls += [Call("", "logs:DescribeLogGroups", f"{_LOGS}:any:*")]
        yield from _refused(name, role, calls)
        if _may(role, Call("", "logs:PutLogEvents", f"{_LOGS}:/farebox/other/web:log-stream:x")):
            yield f"{name} may write to other logs"


def every_call_passes_its_endpoint(deployment: Deployment) -> Iterator[str]:
    """A gateway endpoint takes every call of its service, an interface endpoint with a private name
    too. Calls of operators on a restored table go the same way."""
    endpoints = _policies(deployment)
    calls = [
        (call.action, arn(deployment, call.resource))
        for call in recorded_calls()
        if call.resource != BY_A_SERVICE
    ]
    calls += [("s3:GetObject", LAYERS)]
    calls = [(action, resource.partition("#")[0]) for action, resource in calls]
    for role in deployment.service.of("IAM::Role").values():
        calls += list(_allowed(role))
    for action, resource in sorted(set(calls)):
        policy = endpoints.get(action.partition(":")[0])
        if policy and not permits(policy, Call("<role>", action, resource)):
            yield f"no task may {action} on {resource} through its endpoint"


def no_endpoint_leads_elsewhere(deployment: Deployment) -> Iterator[str]:
    endpoints = _policies(deployment)
    for action, resource in _FOREIGN.items():
        policy = endpoints.get(action.partition(":")[0])
        if policy and permits(policy, Call("<role>", action, resource)):
            yield f"{action} on {resource} passes the endpoint"


def endpoints_that_decide_nothing_are_those_of_the_agent(deployment: Deployment) -> Iterator[str]:
    """ECR and CloudWatch Logs take whatever the roles permit; every other endpoint has a policy."""
    for name, body in deployment.service.of("EC2::VPCEndpoint").items():
        service = str(body["ServiceName"]).split(f".{REGION}.")[1]
        has_policy = "PolicyDocument" in body
        if has_policy is not (service in _ENDPOINTS):
            yield f"{name} for {service} has {'a' if has_policy else 'no'} policy"


def every_task_uses_the_endpoints_of_its_network(deployment: Deployment) -> Iterator[str]:
    interface = [
        body
        for body in deployment.service.of("EC2::VPCEndpoint").values()
        if body["VpcEndpointType"] == "Interface"
    ]
    wanted = deployment.service.parameters["InterfaceEndpoints"] == "true"
    if bool(interface) is not wanted:
        yield "interface endpoints do not follow InterfaceEndpoints"
    if not placed(deployment):
        yield "no task runs anywhere"


def _policies(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    """The policy of the endpoint of each AWS service that has one."""
    return {
        str(body["ServiceName"]).split(f".{REGION}.")[1]: body["PolicyDocument"]
        for body in deployment.service.of("EC2::VPCEndpoint").values()
        if "PolicyDocument" in body
    }


def _allowed(role: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a role allows on tables, so that an endpoint does not take it back."""
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            for action in actions if isinstance(actions, list) else [actions]:
                if re.fullmatch(r"(dynamodb|s3|secretsmanager):\w+", action):
                    for resource in resources if isinstance(resources, list) else [resources]:
                        yield action, resource.replace("/*", "/x")


def _may(role: Mapping[str, Any], call: Call) -> bool:
    return any(permits(policy["PolicyDocument"], call) for policy in role["Policies"])


def _refused(name: str, role: Mapping[str, Any], calls: Sequence[Call]) -> Iterator[str]:
    for call in calls:
        if not _may(role, call):
            yield f"{name} needs {call.action} on {call.resource}, which its role does not permit"
