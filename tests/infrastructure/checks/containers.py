"""How the containers run: sizes, hardening, stopping, logs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.deployments import Container, Deployment

MAX_STOP_SECONDS = 120
DEFAULT_STOP_SECONDS = 30
IMAGE_BY_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")


def _fargate_memory(cpu: int) -> range:
    """The sizes of memory that Fargate offers for a number of CPU units (Amazon ECS, task
    definition parameters, task size)."""
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


def each_task_has_a_size_that_fargate_offers(deployment: Deployment) -> Iterator[str]:
    for name, task in deployment.service.of("ECS::TaskDefinition").items():
        cpu, memory = int(task["Cpu"]), int(task["Memory"])
        if memory not in _fargate_memory(cpu) or (cpu == 256 and memory == 1536):
            yield f"{name}: Fargate has no size of {cpu} CPU units with {memory} MiB"


def each_task_is_made_for_fargate(deployment: Deployment) -> Iterator[str]:
    for name, task in deployment.service.of("ECS::TaskDefinition").items():
        if (task.get("NetworkMode"), task.get("RequiresCompatibilities")) != (
            "awsvpc",
            ["FARGATE"],
        ):
            yield (
                f"{name} is for {task.get('NetworkMode')} {task.get('RequiresCompatibilities')}: "
                "Fargate needs awsvpc and [FARGATE]"
            )


def no_container_runs_as_root(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        user = str(container.definition.get("User", "")).split(":")[0]
        if not user.isdecimal() or int(user) == 0:
            yield f"{container.name} runs as {user or 'the user of the image'}: set a numeric User"


def every_root_file_system_is_read_only(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if container.definition.get("ReadonlyRootFilesystem") is not True:
            yield f"{container.name} can write to its image: set ReadonlyRootFilesystem"


def no_container_has_capabilities_or_privileges(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        linux = container.definition.get("LinuxParameters", {})
        capabilities = linux.get("Capabilities", {})
        if capabilities.get("Drop") != ["ALL"] or capabilities.get("Add"):
            yield f"{container.name} has the capabilities {capabilities}: drop ALL, add none"
        if container.definition.get("Privileged"):
            yield f"{container.name} is privileged: remove Privileged"


def every_container_has_an_init_process(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if container.definition.get("LinuxParameters", {}).get("InitProcessEnabled") is not True:
            yield f"{container.name} has no init process: set InitProcessEnabled"


def every_container_that_writes_temporary_files_has_memory_for_them(
    deployment: Deployment,
) -> Iterator[str]:
    """gunicorn writes large bodies and the drain flag to /tmp. A volume would belong to root, so
    /tmp is memory."""
    mounts = deployment.web.definition.get("LinuxParameters", {}).get("Tmpfs", [])
    temporary = [mount for mount in mounts if mount["ContainerPath"] == "/tmp"]
    if not temporary:
        yield f"{deployment.web.name} has no /tmp: mount a Tmpfs"
    for mount in temporary:
        if not {"mode=1777", "noexec", "nosuid", "nodev"} <= set(mount.get("MountOptions", [])):
            yield (
                f"{deployment.web.name} mounts /tmp with {mount.get('MountOptions')}: "
                "it needs mode=1777, noexec, nosuid and nodev"
            )


def every_image_is_named_by_its_digest(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if not IMAGE_BY_DIGEST.fullmatch(str(container.definition["Image"])):
            yield f"{container.name} runs {container.definition['Image']}: name it by its digest"


def all_containers_run_the_same_image(deployment: Deployment) -> Iterator[str]:
    images = {str(container.definition["Image"]) for container in deployment.containers}
    if len(images) != 1:
        yield f"the containers run different images: {sorted(images)}"


def every_container_may_take_the_time_it_needs_to_stop(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        seconds = stop_seconds(container)
        if not 2 <= seconds <= MAX_STOP_SECONDS:
            yield f"{container.name}: Fargate has no stop timeout of {seconds} s"
    drain, grace = deployment.server["_DRAIN_SECONDS"], deployment.server["graceful_timeout"]
    if not drain + grace < stop_seconds(deployment.web):
        yield (
            f"{deployment.web.name} needs {drain} + {grace} s to stop and is killed after "
            f"{stop_seconds(deployment.web)} s: raise StopTimeout"
        )


def the_worker_may_finish_its_batch(deployment: Deployment) -> Iterator[str]:
    needed_seconds = _worker_seconds(deployment)
    for container in deployment.containers:
        if "service.worker" in container.command and not needed_seconds < stop_seconds(container):
            yield (
                f"{container.name} may need {needed_seconds} s to stop and is killed after "
                f"{stop_seconds(container)} s: raise StopTimeout"
            )


def the_web_container_reports_whether_it_is_alive(deployment: Deployment) -> Iterator[str]:
    """Liveness, never readiness: an outage of the table must not end every task. The script
    docker/healthcheck.py of the image sends the request."""
    health_check = deployment.web.definition.get("HealthCheck", {})
    if health_check.get("Command") != ["CMD", "python", "-I", "/app/docker/healthcheck.py"]:
        yield (
            f"the health check runs {health_check.get('Command')}: "
            "it must run docker/healthcheck.py of the image"
        )
        return
    script = (deployment.root / "docker" / "healthcheck.py").read_text(encoding="utf-8")
    probed = re.search(r'"(/health/\w+)"', script)
    timeout = re.search(r"^_SECONDS = (\d+)$", script, re.MULTILINE)
    if probed is None or probed[1] != "/health/live" or "PORT" not in script:
        yield (
            f"docker/healthcheck.py requests {probed[1] if probed else 'nothing'}: "
            "it must request /health/live at PORT"
        )
    if timeout is None or not int(timeout[1]) < int(health_check.get("Timeout", 5)) < int(
        health_check.get("Interval", 30)
    ):
        yield (
            f"docker/healthcheck.py waits {timeout[1] if timeout else '?'} s, the task has "
            f"{health_check}: keep script < Timeout < Interval"
        )
    if int(health_check.get("Retries", 3)) < 2:
        yield "one lost probe ends a task: set Retries to 2 or more"


def every_container_is_essential(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        if container.definition.get("Essential") is not True:
            yield f"the task would survive the end of {container.name}: set Essential"


def every_log_goes_to_a_group_of_the_stack(deployment: Deployment) -> Iterator[str]:
    groups = {group.get("LogGroupName") for group in deployment.of("Logs::LogGroup").values()}
    for container in deployment.containers:
        log = container.definition.get("LogConfiguration", {})
        options = log.get("Options", {})
        if log.get("LogDriver") != "awslogs" or options.get("awslogs-group") not in groups:
            yield f"{container.name} logs to {log}: use awslogs and a log group of the stacks"
        if not options.get("awslogs-stream-prefix"):
            yield f"{container.name}: Fargate needs awslogs-stream-prefix"
        if not container.task.get("ExecutionRoleArn"):
            yield (
                f"{container.task_name} has no ExecutionRoleArn, which writes the log of "
                f"{container.name}"
            )


def a_full_log_never_stops_a_request(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        options = container.definition.get("LogConfiguration", {}).get("Options", {})
        if options.get("mode") != "non-blocking" or not options.get("max-buffer-size"):
            yield (
                f"{container.name} blocks when its log is full: "
                "set mode non-blocking and max-buffer-size"
            )


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
                yield (
                    f"{container.name} has {name} in its environment: pass the secret's name "
                    f"instead"
                )
            if re.search(r"\{\{resolve:|AKIA[0-9A-Z]{16}|whsec_", value):
                yield f"{container.name}: the value of {name} is a secret: read it at run time"


def every_injected_secret_exists_and_may_be_read(deployment: Deployment) -> Iterator[str]:
    known = deployment.of("SecretsManager::Secret")
    for container in deployment.containers:
        for secret in container.definition.get("Secrets", []):
            name, _, rest = str(secret["ValueFrom"]).partition(">")
            owner = name.strip("<").split(".")[0]
            key = rest.split(":")[1] if ":" in rest else ""
            if owner not in known:
                yield (
                    f"{secret['Name']} comes from {secret['ValueFrom']}, which is no secret of "
                    f"the stacks"
                )
            elif key and key not in _secret_keys(known[owner]):
                yield f"{secret['Name']}: the secret {owner} has no key {key}"


def stop_seconds(container: Container) -> int:
    return int(container.definition.get("StopTimeout", DEFAULT_STOP_SECONDS))


def _worker_seconds(deployment: Deployment) -> float:
    """One request to a provider and one wallet write: what a stopping worker still has to
    finish."""
    return 5.0 + 5.0 + 2 * 3.0


def _secret_keys(secret: Mapping[str, Any]) -> str:
    generated = secret.get("GenerateSecretString", {})
    template, key = (
        generated.get("SecretStringTemplate", ""),
        generated.get("GenerateStringKey", ""),
    )
    return f"{secret.get('SecretString', '')}{template}{key}"
