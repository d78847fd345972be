"""The ECS services: how they are rolled, placed and scaled."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Deployment

SERVICE = "ECS::Service"


def a_failing_deployment_is_rolled_back(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        breaker = service.get("DeploymentConfiguration", {}).get("DeploymentCircuitBreaker", {})
        if breaker != {"Enable": True, "Rollback": True}:
            yield f"{name}: {breaker}"


def alarms_roll_a_deployment_back(deployment: Deployment) -> Iterator[str]:
    alarms = {f"<{name}>" for name in deployment.service.of("CloudWatch::Alarm")}
    for name, service in deployment.service.of(SERVICE).items():
        told = service["DeploymentConfiguration"].get("Alarms", {})
        if told and not (
            told.get("Enable") is True and told.get("Rollback") is True and told.get("AlarmNames")
        ):
            yield f"{name}: {told}"
        yield from (
            f"{name}: {alarm} is no alarm of the stack"
            for alarm in set(told.get("AlarmNames", [])) - alarms
        )
    if deployment.production and not _web(deployment)["DeploymentConfiguration"].get("Alarms"):
        yield "no alarm stops a bad deployment of the web service"


def a_deployment_can_proceed_and_never_halves_the_service(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        told = service["DeploymentConfiguration"]
        least, most = int(told["MinimumHealthyPercent"]), int(told["MaximumPercent"])
        if not least < most or (least < 100 and most <= 100):
            yield f"{name}: between {least} % and {most} % nothing can be replaced without a gap"
    if int(_web(deployment)["DeploymentConfiguration"]["MinimumHealthyPercent"]) < 100:
        yield "the web service may shrink while it is replaced"


def the_web_service_waits_for_its_listener(deployment: Deployment) -> Iterator[str]:
    """A target group that no listener uses refuses tasks."""
    for name, service in deployment.service.of(SERVICE).items():
        listeners = {
            listener
            for listener, body in deployment.service.of("ElasticLoadBalancingV2::Listener").items()
            if service.get("LoadBalancers")
            and any(action["Type"] == "forward" for action in body["DefaultActions"])
        }
        yield from (
            f"{name} does not wait for {missing}"
            for missing in sorted(listeners - deployment.service.before(name))
        )


def every_service_waits_for_its_way_out(deployment: Deployment) -> Iterator[str]:
    """A task that starts before its route cannot pull its image, and a first deployment fails by
    chance."""
    routes = {
        name
        for name, route in deployment.service.of("EC2::Route").items()
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }
    for name in deployment.service.of(SERVICE):
        yield from (
            f"{name} does not wait for {route}"
            for route in sorted(routes - deployment.service.before(name))
        )


def the_balancer_speaks_to_a_port_that_a_container_has(deployment: Deployment) -> Iterator[str]:
    (group,) = deployment.service.of("ElasticLoadBalancingV2::TargetGroup")
    for name, service in deployment.service.of(SERVICE).items():
        for balancer in service.get("LoadBalancers", []):
            containers = [
                found
                for found in deployment.containers
                if f"<{found.task_name}>" == service["TaskDefinition"]
            ]
            fitting = [found for found in containers if found.name == balancer["ContainerName"]]
            if not fitting:
                yield f"{name}: there is no container {balancer['ContainerName']}"
            elif int(balancer["ContainerPort"]) not in fitting[0].ports:
                yield f"{name}: {balancer['ContainerName']} has no port {balancer['ContainerPort']}"
            if balancer["TargetGroupArn"] != f"<{group}>":
                yield f"{name} registers with {balancer['TargetGroupArn']}"


def the_web_service_is_behind_the_balancer(deployment: Deployment) -> Iterator[str]:
    if len(_web(deployment).get("LoadBalancers", [])) != 1:
        yield "it is not"
    elif not 30 <= int(_web(deployment).get("HealthCheckGracePeriodSeconds", 0)) <= 300:
        yield f"a starting task is given {_web(deployment).get('HealthCheckGracePeriodSeconds', 0)} s"


def every_task_definition_is_run_by_something(deployment: Deployment) -> Iterator[str]:
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
            yield name


def the_daily_audit_goes_on_by_itself_where_it_died(deployment: Deployment) -> Iterator[str]:
    """Started several times a day, whole, with a record of this very table in the bucket that
    outlives the stack: on the day of a restore, nobody may go on in the new table where the old one
    was left, or take the old one's result for its own."""
    parameters = deployment.service.parameters
    records = f"s3://{parameters['RecordsBucket']}/audit/{parameters['TableName']}"
    for name, schedule in deployment.service.of("Scheduler::Schedule").items():
        task = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].strip("<>")
        (container,) = [
            container for container in deployment.containers if container.task_name == task
        ]
        words = container.command.split()
        if words[-2:] != ["--record", records]:
            yield f"{name}: {container.command} keeps no record in {records}"
        if {"--segment", "--start"} & set(words):
            yield f"{name}: {container.command} is but a part"
        hours = re.fullmatch(r"cron\(\d+ 0/(\d+) \* \* \? \*\)", schedule["ScheduleExpression"])
        if hours is None or not 1 <= int(hours[1]) <= 6:
            yield f"{name}: {schedule['ScheduleExpression']}, so who dies is not taken over the same day"
        if schedule.get("ScheduleExpressionTimezone", "UTC") != "UTC":
            yield f"{name}: a record's day is one in UTC"


def production_survives_the_loss_of_a_zone(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        if deployment.production and min_tasks(deployment, name, service) < 2:
            yield f"{name} may run {min_tasks(deployment, name, service)} task"


def scaling_has_bounds_and_a_deployment_does_not_reset_it(deployment: Deployment) -> Iterator[str]:
    for name, target in deployment.service.of("ApplicationAutoScaling::ScalableTarget").items():
        if not 1 <= int(target["MinCapacity"]) <= int(target["MaxCapacity"]) <= 100:
            yield f"{name}: {target['MinCapacity']} to {target['MaxCapacity']}"
        for service, body in deployment.service.of(SERVICE).items():
            if f"<{service}.Name>" in target["ResourceId"] and "DesiredCount" in body:
                yield f"{service}: every deployment would set it back to {body['DesiredCount']}"


def every_scaling_policy_has_a_target(deployment: Deployment) -> Iterator[str]:
    targets = {
        f"<{name}>" for name in deployment.service.of("ApplicationAutoScaling::ScalableTarget")
    }
    used = {
        policy.get("ScalingTargetId")
        for policy in deployment.service.of("ApplicationAutoScaling::ScalingPolicy").values()
    }
    yield from sorted(targets ^ {str(name) for name in used})


def requests_are_counted_on_the_target_group_they_go_to(deployment: Deployment) -> Iterator[str]:
    (group,) = deployment.service.of("ElasticLoadBalancingV2::TargetGroup")
    (balancer,) = deployment.service.of("ElasticLoadBalancingV2::LoadBalancer")
    wanted = f"<{balancer}.LoadBalancerFullName>/<{group}.TargetGroupFullName>"
    for name, policy in deployment.service.of("ApplicationAutoScaling::ScalingPolicy").items():
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        told = tracking.get("PredefinedMetricSpecification", {})
        if (
            told.get("PredefinedMetricType") == "ALBRequestCountPerTarget"
            and told.get("ResourceLabel") != wanted
        ):
            yield f"{name} looks at {told.get('ResourceLabel')}"


def nobody_logs_in_to_a_task_in_production(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of(SERVICE).items():
        if deployment.production and service.get("EnableExecuteCommand"):
            yield name


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
