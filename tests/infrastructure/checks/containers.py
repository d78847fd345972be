"""How the containers run: sizes, hardening, stopping, logs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Container, Deployment

MAX_STOP_SECONDS = 120
DEFAULT_STOP_SECONDS = 30
IMAGE_BY_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")


def _fargate_memory(cpu: int) -> range:
    """The memory that Fargate has for a number of CPU units (Amazon ECS, task definition
    parameters, task size)."""
    steps = {
        256: range(512, 2049, 512),
        512: range(1024, 4097, 1024),
        1024: range(2048, 8193, 1024),
        2048: range(4096, 16385, 1024),
        4096: range(8192, 30721, 1024),
        8192: range(16384, 61441, 4096),
        16384: range(32768, 122881, 8192),
    }
    return steps.get(cpu, range(0))


def each_task_has_a_size_that_fargate_has(deployment: Deployment) -> Iterator[str]:
    for name, task in deployment.service.of("ECS::TaskDefinition").items():
        cpu, memory = int(task["Cpu"]), int(task["Memory"])
        if memory not in _fargate_memory(cpu) or (cpu == 256 and memory == 1536):
            yield f"{name}: {cpu} CPU units with {memory} MiB"


def each_task_is_made_for_fargate(deployment: Deployment) -> Iterator[str]:
    for name, task in deployment.service.of("ECS::TaskDefinition").items():
        if (task.get("NetworkMode"), task.get("RequiresCompatibilities")) != (
            "awsvpc",
            ["FARGATE"],
        ):
            yield f"{name}: {task.get('NetworkMode')} {task.get('RequiresCompatibilities')}"


def no_container_runs_as_root(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        user = str(container.definition.get("User", "")).split(":")[0]
        if not user.isdecimal() or int(user) == 0:
            yield f"{container.name} runs as {user or 'whoever the image says'}"


def every_root_file_system_is_read_only(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if container.definition.get("ReadonlyRootFilesystem") is not True:
            yield container.name


def no_container_has_a_capability_or_more_than_its_own(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        linux = container.definition.get("LinuxParameters", {})
        capabilities = linux.get("Capabilities", {})
        if capabilities.get("Drop") != ["ALL"] or capabilities.get("Add"):
            yield f"{container.name} keeps {capabilities}"
        if container.definition.get("Privileged"):
            yield f"{container.name} is privileged"


def every_container_has_an_init_process(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if container.definition.get("LinuxParameters", {}).get("InitProcessEnabled") is not True:
            yield container.name


def every_container_that_writes_temporary_files_has_memory_for_them(
    deployment: Deployment,
) -> Iterator[str]:
    """gunicorn spools bodies, and the drain flag lies there; a volume would belong to root."""
    mounts = deployment.web.definition.get("LinuxParameters", {}).get("Tmpfs", [])
    temporary = [mount for mount in mounts if mount["ContainerPath"] == "/tmp"]
    if not temporary:
        yield f"{deployment.web.name} has no /tmp"
    for mount in temporary:
        if not {"mode=1777", "noexec", "nosuid", "nodev"} <= set(mount.get("MountOptions", [])):
            yield f"{deployment.web.name}: /tmp has {mount.get('MountOptions')}"


def every_image_is_named_by_its_digest(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if not IMAGE_BY_DIGEST.fullmatch(str(container.definition["Image"])):
            yield f"{container.name} runs {container.definition['Image']}"


def all_containers_run_the_same_image(deployment: Deployment) -> Iterator[str]:
    images = {str(container.definition["Image"]) for container in deployment.containers}
    if len(images) != 1:
        yield str(sorted(images))


def every_container_may_take_the_time_it_needs_to_stop(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        seconds = stop_seconds(container)
        if not 2 <= seconds <= MAX_STOP_SECONDS:
            yield f"{container.name}: Fargate has no stop time-out of {seconds} s"
    drain, grace = deployment.server["_DRAIN_SECONDS"], deployment.server["graceful_timeout"]
    if not drain + grace < stop_seconds(deployment.web):
        yield f"{deployment.web.name} needs {drain} + {grace} s, and is killed after {stop_seconds(deployment.web)} s"


def the_worker_may_finish_its_batch(deployment: Deployment) -> Iterator[str]:
    settings = _worker_seconds(deployment)
    for container in deployment.containers:
        if "service.worker" in container.command and not settings < stop_seconds(container):
            yield f"{container.name} may need {settings} s, and is killed after {stop_seconds(container)} s"


def the_web_container_says_whether_it_lives(deployment: Deployment) -> Iterator[str]:
    """Liveness, never readiness: an outage of the table must not end every task. The image's own
    script asks for it."""
    told = deployment.web.definition.get("HealthCheck", {})
    if told.get("Command") != ["CMD", "python", "-I", "/app/docker/healthcheck.py"]:
        yield f"checked by {told.get('Command')}"
        return
    script = (deployment.root / "docker" / "healthcheck.py").read_text(encoding="utf-8")
    asks = re.search(r'"(/health/\w+)"', script)
    patience = re.search(r"^_SECONDS = (\d+)$", script, re.MULTILINE)
    if asks is None or asks[1] != "/health/live" or "PORT" not in script:
        yield f"the script asks for {asks[1] if asks else 'nothing'}"
    if patience is None or not int(patience[1]) < int(told.get("Timeout", 5)) < int(
        told.get("Interval", 30)
    ):
        yield f"the script waits {patience[1] if patience else '?'} s: {told}"
    if int(told.get("Retries", 3)) < 2:
        yield "one lost probe ends a task"


def every_container_is_essential(deployment: Deployment) -> Iterator[str]:
    yield from (
        container.name
        for container in deployment.containers
        if container.definition.get("Essential") is not True
    )


def every_log_goes_to_a_group_of_the_stack(deployment: Deployment) -> Iterator[str]:
    groups = {group.get("LogGroupName") for group in deployment.of("Logs::LogGroup").values()}
    for container in deployment.containers:
        log = container.definition.get("LogConfiguration", {})
        options = log.get("Options", {})
        if log.get("LogDriver") != "awslogs" or options.get("awslogs-group") not in groups:
            yield f"{container.name} logs to {log}"
        if not options.get("awslogs-stream-prefix"):
            yield f"{container.name}: Fargate needs a stream prefix"
        if not container.task.get("ExecutionRoleArn"):
            yield f"{container.task_name} has nobody who may write the log of {container.name}"


def a_full_log_never_stops_a_request(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        options = container.definition.get("LogConfiguration", {}).get("Options", {})
        if options.get("mode") != "non-blocking" or not options.get("max-buffer-size"):
            yield f"{container.name} waits for its log"


def no_container_has_a_secret_in_its_environment(deployment: Deployment) -> Iterator[str]:
    """Secrets are read from Secrets Manager at run time, so that neither the template nor the
    console shows one."""
    words = (
        "API_KEY",
        "SECRET_KEY",
        "ACCESS_KEY",
        "PASSWORD",
        "PEPPER",
        "MAC_KEY",
        "TOKEN_KEY",
        "CALLBACK_SECRET",
    )
    for container in deployment.containers:
        for name, value in container.environment.items():
            if any(word in name for word in words) and not name.endswith(
                ("_SECRET_NAME", "_SECRET_ARN")
            ):
                yield f"{container.name} is given {name}"
            if re.search(r"\{\{resolve:|AKIA[0-9A-Z]{16}|whsec_", value):
                yield f"{container.name}: {name} holds a secret"


def every_injected_secret_exists_and_may_be_read(deployment: Deployment) -> Iterator[str]:
    known = deployment.of("SecretsManager::Secret")
    for container in deployment.containers:
        for secret in container.definition.get("Secrets", []):
            name, _, rest = str(secret["ValueFrom"]).partition(">")
            owner = name.strip("<").split(".")[0]
            key = rest.split(":")[1] if ":" in rest else ""
            if owner not in known:
                yield f"{secret['Name']} comes from {secret['ValueFrom']}"
            elif key and key not in _secret_keys(known[owner]):
                yield f"{secret['Name']}: {owner} has no {key}"


def stop_seconds(container: Container) -> int:
    return int(container.definition.get("StopTimeout", DEFAULT_STOP_SECONDS))


def _worker_seconds(deployment: Deployment) -> float:
    """One look at a provider and one wallet write: what a worker that is told to stop still has to
    finish."""
    return 5.0 + 5.0 + 2 * 3.0


def _secret_keys(secret: Mapping[str, Any]) -> str:
    generated = secret.get("GenerateSecretString", {})
    return f"{secret.get('SecretString', '')}{generated.get('SecretStringTemplate', '')}{generated.get('GenerateStringKey', '')}"
