"""How tasks run, value by value: processor, memory for temporary files, health, deployments."""

import re
from collections.abc import Iterator, Mapping

from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing

COMMANDS: Mapping[str, str] = {
    "web": "gunicorn -c docker/gunicorn.conf.py service.wsgi:app",
    "worker": "python -m service.worker",
    "relay": "python -m service.relay",
    "audit": (
        "farebox audit --segments 16 --reads-per-second {AuditReadsPerSecond} "
        "--record s3://{RecordsBucket}/audit/{TableName}"
    ),
    "operator": "farebox --help",
}
STOP_SECONDS = {"web": 60, "worker": 120, "relay": 60, "audit": 30, "operator": 30}
PROCESSORS = ("X86_64", "ARM64")
_OPTIONS = "LogConfiguration.Options"


def one_parameter_decides_the_processor(deployment: Deployment) -> Iterator[str]:
    """Every task has the processor that the stage's image is built for (release/build)."""
    chosen = deployment.service.parameters["CpuArchitecture"]
    if chosen not in PROCESSORS:
        yield f"Fargate has no processor {chosen}"
    for name, task in deployment.service.of("ECS::TaskDefinition").items():
        wanted = {
            "RuntimePlatform.CpuArchitecture": chosen,
            "RuntimePlatform.OperatingSystemFamily": "LINUX",
        }
        yield from differing(name, task, wanted)
    text = (deployment.root / "release" / "stage.sh").read_text(encoding="utf-8")
    for source in ("""'"CpuArchitecture": *""", "'/^  CpuArchitecture:/,/Default:/"):
        if text.count(source) != 1:
            yield f"release/stage.sh must read the processor by {source}, once"
    build = (deployment.root / "release" / "build").read_text(encoding="utf-8")
    if re.findall(r"linux/\w+", build) != ["linux/amd64", "linux/arm64"]:
        yield "release/build builds for other processors than Fargate has"
    if "if on_arm; then platform=linux/arm64; fi" not in build:
        yield "release/build does not build for the processor of the stage"


def each_container_runs_its_command(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        wanted = COMMANDS.get(container.name, "").format(**deployment.service.parameters)
        if container.command != wanted:
            yield f"{container.name} runs {container.command}: it must run {wanted}"
        if container.task["Family"] != f"farebox-{deployment.stage}-{container.name}":
            yield f"{container.name} belongs to the family {container.task['Family']}"


def each_container_is_closed_in(deployment: Deployment) -> Iterator[str]:
    """The only writable folder is memory, 64 MiB, from which nothing can be run."""
    for container in deployment.containers:
        wanted = {
            "Privileged": False,
            "ReadonlyRootFilesystem": True,
            "User": "10001:10001",
            "Essential": True,
            "DockerLabels": None,
            "LinuxParameters.InitProcessEnabled": True,
            "LinuxParameters.Capabilities.Drop.0": "ALL",
            "LinuxParameters.Capabilities.Add": None,
            "LinuxParameters.Tmpfs.0.ContainerPath": "/tmp",
            "LinuxParameters.Tmpfs.0.Size": 64,
            "LinuxParameters.Tmpfs.1": None,
            "StopTimeout": STOP_SECONDS.get(container.name),
            "Secrets": None,
            "Image": deployment.service.parameters["ImageUri"],
        }
        yield from differing(container.name, container.definition, wanted)
        options = [
            list(one["MountOptions"]) for one in container.definition["LinuxParameters"]["Tmpfs"]
        ]
        if options != [["mode=1777", "noexec", "nosuid", "nodev"]]:
            yield f"{container.name} mounts /tmp with {options}"
        if len(container.task["ContainerDefinitions"]) != 1:
            yield f"{container.task_name} has other containers"


def each_log_is_written_without_making_requests_wait(deployment: Deployment) -> Iterator[str]:
    """A slow log drops lines rather than delay a request; 25 MiB hold minutes of it."""
    for container in deployment.containers:
        wanted = {
            "LogConfiguration.LogDriver": "awslogs",
            f"{_OPTIONS}.awslogs-group": f"/farebox/{deployment.stage}/{container.name}",
            f"{_OPTIONS}.awslogs-stream-prefix": container.name,
            f"{_OPTIONS}.mode": "non-blocking",
            f"{_OPTIONS}.max-buffer-size": "25m",
            f"{_OPTIONS}.awslogs-create-group": None,
        }
        yield from differing(container.name, container.definition, wanted)


def a_dead_web_process_is_replaced_within_a_minute(deployment: Deployment) -> Iterator[str]:
    """By the image's own program, which requests liveness; half a minute to start."""
    health = deployment.web.definition["HealthCheck"]
    command = ["CMD", "python", "-I", "/app/docker/healthcheck.py"]
    if list(health["Command"]) != command:
        yield f"the web container is probed by {list(health['Command'])}"
    wanted = {"Interval": 15, "Timeout": 5, "Retries": 3, "StartPeriod": 30}
    yield from differing("the health check", health, wanted)
    others = [one for one in deployment.containers if one is not deployment.web]
    yield from (
        f"{one.name} serves nothing and has a health check"
        for one in others
        if "HealthCheck" in one.definition and not one.ports
    )


def each_service_is_deployed_without_a_gap(deployment: Deployment) -> Iterator[str]:
    for name, service in deployment.service.of("ECS::Service").items():
        wanted = {
            "DeploymentConfiguration.MinimumHealthyPercent": 100,
            "DeploymentConfiguration.MaximumPercent": 200,
            "DeploymentConfiguration.DeploymentCircuitBreaker.Enable": True,
            "DeploymentConfiguration.DeploymentCircuitBreaker.Rollback": True,
            "DeploymentConfiguration.Alarms.Enable": True if deployment.guarded else None,
            "DeploymentConfiguration.Alarms.Rollback": True if deployment.guarded else None,
            "EnableExecuteCommand": False,
            "EnableECSManagedTags": True,
            "PropagateTags": "SERVICE",
            "DesiredCount": None,
            "LaunchType": None,
            "SchedulingStrategy": None,
            # As long as a task takes to start, and no longer: its failure must be noticed.
            "HealthCheckGracePeriodSeconds": 60 if service.get("LoadBalancers") else None,
            "TaskDefinition": f"<{name.removesuffix('Service')}Task>",
        }
        yield from differing(name, service, wanted)


def the_cluster_is_the_one_of_its_stage(deployment: Deployment) -> Iterator[str]:
    cluster = deployment.service.one("ECS::Cluster")
    yield from differing("Cluster", cluster, {"ClusterName": f"farebox-{deployment.stage}"})
    if list(cluster["CapacityProviders"]) != ["FARGATE", "FARGATE_SPOT"]:
        yield f"the cluster has {list(cluster['CapacityProviders'])}"
    for setting in cluster.get("ClusterSettings", []):
        if setting["Name"] != "containerInsights":
            yield f"the cluster has a setting {setting['Name']}"
        if setting["Value"] != "disabled":
            yield f"{deployment.stage} pays for Container Insights, which nothing reads"


def the_audit_starts_every_two_hours(deployment: Deployment) -> Iterator[str]:
    """On time; a start that fails is tried again within the hour, before the next."""
    wanted = {
        "ScheduleExpression": "cron(15 0/2 * * ? *)",
        "ScheduleExpressionTimezone": None,
        "State": None,
        "FlexibleTimeWindow.Mode": "OFF",
        "Target.RetryPolicy.MaximumRetryAttempts": 3,
        "Target.RetryPolicy.MaximumEventAgeInSeconds": 3600,
        "Target.EcsParameters.TaskDefinitionArn": "<AuditTask>",
    }
    for name, schedule in deployment.service.of("Scheduler::Schedule").items():
        yield from differing(name, schedule, wanted)


def mails_are_sent_and_their_reputation_watched(deployment: Deployment) -> Iterator[str]:
    for name, one in deployment.service.of("SES::ConfigurationSet").items():
        wanted = {
            "Name": f"farebox-{deployment.stage}",
            "SendingOptions.SendingEnabled": True,
            "ReputationOptions.ReputationMetricsEnabled": True,
        }
        yield from differing(name, one, wanted)
        if list(one["SuppressionOptions"]["SuppressedReasons"]) != ["BOUNCE", "COMPLAINT"]:
            yield f"{name} suppresses {list(one['SuppressionOptions']['SuppressedReasons'])}"
    if bool(deployment.service.parameters["MailFrom"]) is not bool(
        deployment.service.of("SES::ConfigurationSet")
    ):
        yield "mails are sent without a configuration set, or the other way round"


def each_setting_is_the_parameter_of_its_name(deployment: Deployment) -> Iterator[str]:
    """Settings that every process has: where its name leads, and no other value."""
    parameters = deployment.service.parameters
    for container in deployment.containers:
        for setting, value in container.environment.items():
            name = _parameter(setting, parameters)
            if name and value != _text(parameters[name]):
                yield f"{container.name}: {setting} is {value}, the parameter {name} says otherwise"


def _parameter(setting: str, parameters: Mapping[str, object]) -> str:
    """The parameter that is spelled like a setting, such as MaxUsers for MAX_USERS."""
    plain = {name.lower(): name for name in parameters}
    words = setting.lower().replace("_", "")
    return plain.get(words, plain.get(words.removesuffix("secretname") + "secretarn", ""))


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
