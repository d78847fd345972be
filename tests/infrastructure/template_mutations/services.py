"""Mutations of the ECS services: deployments, placement and scaling."""

from tests.infrastructure.template_mutations.mutation import (
    BASE,
    DEPLOY,
    SERVICE,
    TemplateMutation,
    on,
)


def _service(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "WebService", old, new)


SERVICES = (
    _service("container-name-mismatch", "ContainerName: web", "ContainerName: app"),
    _service("container-port-mismatch", "ContainerPort: 8080", "ContainerPort: 8000"),
    _service(
        "circuit-breaker-off",
        "DeploymentCircuitBreaker: {Enable: true",
        "DeploymentCircuitBreaker: {Enable: false",
    ),
    _service("circuit-breaker-without-going-back", "Rollback: true}", "Rollback: false}"),
    _service("deployment-that-cannot-proceed", "MaximumPercent: 200", "MaximumPercent: 100"),
    _service("deployment-with-a-gap", "MinimumHealthyPercent: 100", "MinimumHealthyPercent: 50"),
    TemplateMutation("service-before-its-listener", DEPLOY, 'change "$BASE_STACK" base\n', ""),
    _service(
        "public-address-in-private",
        "AssignPublicIp: !Ref TaskPublicAddress",
        "AssignPublicIp: ENABLED",
    ),
    _service("no-way-out", "AssignPublicIp: !Ref TaskPublicAddress", "AssignPublicIp: DISABLED"),
    on(
        "addresses-the-wrong-way-round",
        "TaskSubnets",
        "!If [HasNat, DISABLED, ENABLED]",
        "!If [HasNat, ENABLED, DISABLED]",
        BASE,
    ),
    on(
        "tasks-in-public-subnets",
        "TaskSubnets",
        "!If [HasNat, !Ref PrivateSubnetA, !Ref PublicSubnetA]",
        "!Ref PublicSubnetA",
        BASE,
    ),
    _service(
        "count-set-back-by-deployments",
        "      HealthCheckGracePeriodSeconds: 60\n",
        "      HealthCheckGracePeriodSeconds: 60\n      DesiredCount: 2\n",
    ),
    _service("start-without-grace", "      HealthCheckGracePeriodSeconds: 60\n", ""),
    _service("operators-log-in", "EnableExecuteCommand: false", "EnableExecuteCommand: true"),
    _service(
        "silence-rolls-back",
        "!Ref InternalErrorsAlarm]",
        "!Ref InternalErrorsAlarm, !Ref NoHealthyTargetsAlarm]",
    ),
    TemplateMutation(
        "requests-counted-elsewhere",
        SERVICE,
        "${BalancerFullName}/${TargetGroupFullName}",
        "${TargetGroupFullName}",
    ),
)
