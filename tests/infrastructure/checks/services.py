"""The ECS services: deployments, placement and scaling."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment, template
from tests.infrastructure.render import render

SERVICE = "ECS::Service"


def a_failing_deployment_is_rolled_back(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        breaker = service.get("DeploymentConfiguration", {}).get("DeploymentCircuitBreaker", {})
        if breaker != {"Enable": True, "Rollback": True}:
            yield f"{name} has {breaker}: enable DeploymentCircuitBreaker with Rollback"


def alarms_roll_a_deployment_back(deployment: Deployment) -> Iterator[str]:
    alarms = {f"<{name}>" for name in deployment.service.of("CloudWatch::Alarm")}
    for name, service in deployment.service.of(SERVICE).items():
        configuration = service["DeploymentConfiguration"].get("Alarms", {})
        if configuration and not (
            configuration.get("Enable") is True
            and configuration.get("Rollback") is True
            and configuration.get("AlarmNames")
        ):
            yield f"{name} has {configuration}: set Enable, Rollback and AlarmNames"
        yield from (
            f"{name} rolls back on {alarm}, which is no alarm of the stack"
            for alarm in set(configuration.get("AlarmNames", [])) - alarms
        )
    if deployment.production and not _web(deployment)["DeploymentConfiguration"].get("Alarms"):
        yield "no alarm rolls back a bad deployment of the web service: set Alarms"


def a_deployment_can_proceed_without_a_gap(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        configuration = service["DeploymentConfiguration"]
        min_percent, max_percent = (
            int(configuration["MinimumHealthyPercent"]),
            int(configuration["MaximumPercent"]),
        )
        if not min_percent < max_percent or (min_percent < 100 and max_percent <= 100):
            yield (
                f"{name} may have {min_percent} % to {max_percent} % of its tasks: "
                "none could be replaced without a gap"
            )
    if int(_web(deployment)["DeploymentConfiguration"]["MinimumHealthyPercent"]) < 100:
        yield "the web service may shrink during a deployment: MinimumHealthyPercent must be 100"


def the_web_service_waits_for_its_listener(deployment: Deployment) -> Iterator[str]:
    """ECS cannot register tasks with a target group that no listener uses."""
    for name, service in deployment.service.of(SERVICE).items():
        listeners = {
            listener
            for listener, body in deployment.service.of("ElasticLoadBalancingV2::Listener").items()
            if service.get("LoadBalancers")
            and any(action["Type"] == "forward" for action in body["DefaultActions"])
        }
        yield from (
            f"{name} does not wait for {missing}: refer to it, or add DependsOn"
            for missing in sorted(listeners - deployment.service.before(name))
        )


def every_service_waits_for_its_route_to_the_internet(deployment: Deployment) -> Iterator[str]:
    """A task that starts before its route cannot pull its image: a first deployment would fail by
    chance."""
    routes = {
        name
        for name, route in deployment.service.of("EC2::Route").items()
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }
    for name in deployment.service.of(SERVICE):
        yield from (
            f"{name} does not wait for {route}: add DependsOn"
            for route in sorted(routes - deployment.service.before(name))
        )


def the_balancer_connects_to_a_port_of_a_container(deployment: Deployment) -> Iterator[str]:
    groups = {"web": "<TargetGroup>", "relay": "<RelayTargetGroup>"}
    for name, service in deployment.service.of(SERVICE).items():
        for balancer in service.get("LoadBalancers", []):
            containers = [
                found
                for found in deployment.containers
                if f"<{found.task_name}>" == service["TaskDefinition"]
            ]
            fitting = [found for found in containers if found.name == balancer["ContainerName"]]
            if not fitting:
                yield f"{name}: its task has no container {balancer['ContainerName']}"
            elif int(balancer["ContainerPort"]) not in fitting[0].ports:
                yield f"{name}: {balancer['ContainerName']} has no port {balancer['ContainerPort']}"
            if balancer["TargetGroupArn"] != groups.get(balancer["ContainerName"]):
                yield f"{name} registers with {balancer['TargetGroupArn']}, not with its own group"


def the_web_service_is_behind_the_balancer(deployment: Deployment) -> Iterator[str]:
    if len(_web(deployment).get("LoadBalancers", [])) != 1:
        yield "the web service needs exactly one entry in LoadBalancers"
    elif not 30 <= int(_web(deployment).get("HealthCheckGracePeriodSeconds", 0)) <= 300:
        yield "HealthCheckGracePeriodSeconds of the web service must be 30 to 300"


def every_task_definition_is_used(deployment: Deployment) -> Iterator[str]:
    used = {str(service["TaskDefinition"]) for service in deployment.service.of(SERVICE).values()}
    used |= {str(value) for value in deployment.service.outputs.values()}
    rest = str(
        [
            *deployment.service.of("Scheduler::Schedule").values(),
            *deployment.service.of("Events::Rule").values(),
        ]
    )
    for name in deployment.service.of("ECS::TaskDefinition"):
        if f"<{name}>" not in used and f"<{name}" not in rest:
            yield f"{name} is neither run, scheduled nor an output: remove it"


def the_daily_audit_resumes_where_it_stopped(deployment: Deployment) -> Iterator[str]:
    """The audit of the whole table starts several times a day and keeps its record under the name
    of the table, in the bucket that outlives the stack. So after a restore, no audit of the new
    table resumes from a record of the old one."""
    parameters = deployment.service.parameters
    records = f"s3://{parameters['RecordsBucket']}/audit/{parameters['TableName']}"
    for name, schedule in deployment.service.of("Scheduler::Schedule").items():
        task = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].strip("<>")
        (container,) = [
            container for container in deployment.containers if container.task_name == task
        ]
        words = container.command.split()
        if words[-2:] != ["--record", records]:
            yield f"{name} runs {container.command}: add --record {records}"
        if {"--segment", "--start"} & set(words):
            yield f"{name} runs {container.command}: audit the whole table"
        hours = re.fullmatch(r"cron\(\d+ 0/(\d+) \* \* \? \*\)", schedule["ScheduleExpression"])
        if hours is None or not 1 <= int(hours[1]) <= 6:
            yield (
                f"{name} starts at {schedule['ScheduleExpression']}: start every 1 to 6 hours, "
                "so that a stopped audit resumes the same day"
            )
        if schedule.get("ScheduleExpressionTimezone", "UTC") != "UTC":
            yield f"{name} has another time zone: the day of a record is in UTC"


def production_survives_the_loss_of_a_zone(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        if deployment.production and min_tasks(deployment, name, service) < 2:
            yield f"{name} may run a single task: raise its minimum to 2"


def scaling_has_bounds_and_a_deployment_does_not_reset_it(deployment: Deployment) -> Iterator[str]:
    for name, target in deployment.service.of("ApplicationAutoScaling::ScalableTarget").items():
        if not 1 <= int(target["MinCapacity"]) <= int(target["MaxCapacity"]) <= 100:
            yield (
                f"{name} scales from {target['MinCapacity']} to {target['MaxCapacity']}: "
                "keep 1 <= min <= max <= 100"
            )
        for service, body in deployment.service.of(SERVICE).items():
            if f"<{service}.Name>" in target["ResourceId"] and "DesiredCount" in body:
                yield f"{service}: every deployment would reset the count; remove DesiredCount"


def only_a_first_deployment_sets_the_number_of_tasks(deployment: Deployment) -> Iterator[str]:
    """Without a number a service begins with a single task, and production lives on it until the
    first scaling; with one, each deployment would reset what scaling has set."""
    parameters = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in deployment.release.parameters.items()
    }
    source = template(deployment.root / "cloudformation" / "service.yaml")
    first = render(source, parameters | {"FirstDeployment": "true"}, deployment.release.name)
    for name, service in deployment.service.of(SERVICE).items():
        begun = first.of(SERVICE)[name].get("DesiredCount")
        wanted = min_tasks(deployment, name, service)
        if "DesiredCount" in service or int(begun or 0) != wanted:
            yield f"{name} begins with {begun} tasks instead of {wanted}, or is reset later"


def every_scaling_policy_has_a_target(deployment: Deployment) -> Iterator[str]:
    targets = {
        f"<{name}>" for name in deployment.service.of("ApplicationAutoScaling::ScalableTarget")
    }
    used = {
        policy.get("ScalingTargetId")
        for policy in deployment.service.of("ApplicationAutoScaling::ScalingPolicy").values()
    }
    for name in sorted(targets ^ {str(name) for name in used}):
        yield f"{name} is a scaling target without a policy, or the reverse"


def requests_are_counted_on_the_target_group_they_go_to(deployment: Deployment) -> Iterator[str]:
    (balancer,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    wanted = f"<{balancer}.LoadBalancerFullName>/<TargetGroup.TargetGroupFullName>"
    for name, policy in deployment.service.of("ApplicationAutoScaling::ScalingPolicy").items():
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        metric = tracking.get("PredefinedMetricSpecification", {})
        label = metric.get("ResourceLabel")
        if metric.get("PredefinedMetricType") == "ALBRequestCountPerTarget" and label != wanted:
            yield f"{name} counts requests of {label}: it must be {wanted}"


def no_one_logs_in_to_a_task_in_production(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        if deployment.production and service.get("EnableExecuteCommand"):
            yield f"{name} allows a shell in its tasks: set EnableExecuteCommand to false"


def min_tasks(deployment: Deployment, name: str, service: Mapping[str, Any]) -> int:
    for target in deployment.service.of("ApplicationAutoScaling::ScalableTarget").values():
        if f"<{name}.Name>" in target["ResourceId"]:
            return int(target["MinCapacity"])
    return int(service.get("DesiredCount", 1))


def _web(deployment: Deployment) -> Mapping[str, Any]:
    (found,) = [
        service
        for service in deployment.service.of(SERVICE).values()
        if service["TaskDefinition"] == f"<{deployment.web.task_name}>"
    ]
    return found
