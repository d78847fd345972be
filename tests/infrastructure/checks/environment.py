"""What the containers are told, and what the code reads: the same names, both ways."""

import os
from collections.abc import Iterator
from dataclasses import fields

from gunicorn.workers.gthread import ThreadWorker

from service.settings import Secret, Settings, SettingsError
from tests.infrastructure.deployments import Container, Deployment

SETTINGS = {setting.name.upper() for setting in fields(Settings)}
SECRETS = {setting.name.upper() for setting in fields(Settings) if setting.type is Secret}
# Facts of a deployment: a default would be somebody else's.
NEEDED = {
    "AWS_REGION",
    "DYNAMODB_TABLE_NAME",
    "GOOGLE_CLIENT_IDS",
    "KEYS_SECRET_NAME",
    "KLING_API_KEY_SECRET_NAME",
    "LOG_FORMAT",
    "STAGE",
}
# How much one kind of process does at once is its own business.
OWN_SIZES = {
    "LONG_POLL_LIMIT",
    "SLOW_CLIENT_LIMIT",
    "WEB_THREADS",
    "WORKER_INTERVAL_SECONDS",
    "WORKER_THREADS",
}
# What an operator decides for a stage; must be possible without another image.
ADJUSTABLE = {
    "CORS_ALLOWED_ORIGINS",
    "LOG_LEVEL",
    "MAX_USERS",
    "PUBLIC_URL",
    "VIDEO_PRICE_CREDITS",
    "WELCOME_CREDITS",
}


def every_name_is_one_that_the_code_reads(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        known = SETTINGS | (deployment.server_settings if container is deployment.web else set())
        yield from (
            f"{container.name}: nobody reads {name}"
            for name in sorted(set(container.environment) - known)
        )


def every_fact_of_the_deployment_is_told(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        told = container.environment
        yield from (
            f"{container.name}: {name} is missing"
            for name in sorted((NEEDED | ADJUSTABLE) - set(told))
        )


def no_name_is_told_twice(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        names = [pair["Name"] for pair in container.definition.get("Environment", [])]
        yield from (
            f"{container.name}: {name}"
            for name in sorted({name for name in names if names.count(name) > 1})
        )


def all_containers_are_told_the_same(deployment: Deployment) -> Iterator[str]:
    """Two processes over one table must agree on prices, limits and times."""
    for name in sorted(SETTINGS - deployment.server_settings - OWN_SIZES):
        values = {container.environment.get(name) for container in deployment.containers}
        if len(values) > 1:
            yield f"{name} is {sorted(map(str, values))}"


def the_service_starts_with_what_it_is_told(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        try:
            settings = Settings.from_environment(container.environment)
        except SettingsError as error:
            yield from (f"{container.name}: {fault}" for fault in error.faults)
        else:
            yield from _contradictions(deployment, container, settings)


def each_stage_is_told_its_own_table_and_secrets(deployment: Deployment) -> Iterator[str]:
    parameters = deployment.service.parameters
    wanted = {
        "STAGE": deployment.stage,
        "DYNAMODB_TABLE_NAME": parameters["TableName"],
        "KEYS_SECRET_NAME": parameters["KeysSecretArn"],
        "KLING_API_KEY_SECRET_NAME": parameters["KlingSecretArn"],
        "LOG_FORMAT": "json",
    }
    for container in deployment.containers:
        for name, value in wanted.items():
            if container.environment.get(name) != value:
                yield f"{container.name}: {name} is {container.environment.get(name)}"


def production_refuses_every_weak_choice(deployment: Deployment) -> Iterator[str]:
    """The service would not start; the template has to say so before it is deployed."""
    environment = deployment.web.environment
    if deployment.production and environment.get("TRUST_BARE_GOOGLE_ID", "false").lower() not in (
        "false",
        "0",
        "",
    ):
        yield "a bare GoogleID is trusted"
    for name in sorted(SECRETS & set(environment)):
        yield f"{name} is told in the clear"
    plain = [name for name, value in environment.items() if value.startswith("http://")]
    yield from (f"{name} is not https" for name in sorted(plain) if deployment.production)


def the_public_address_is_the_domain(deployment: Deployment) -> Iterator[str]:
    domain = str(deployment.service.parameters.get("DomainName", ""))
    found = deployment.web.environment.get("PUBLIC_URL", "")
    if found != (f"https://{domain}" if domain else ""):
        yield f"PUBLIC_URL is {found}"


def the_web_process_listens_where_the_balancer_looks(deployment: Deployment) -> Iterator[str]:
    (port,) = deployment.web.ports
    group = deployment.service.one("ElasticLoadBalancingV2::TargetGroup")
    if deployment.server["bind"] != f"0.0.0.0:{port}":
        yield f"gunicorn binds {deployment.server['bind']}, the container's port is {port}"
    if int(group["Port"]) != port:
        yield f"the target group sends to {group['Port']}, the container's port is {port}"
    if deployment.web.environment.get("PORT") != str(port):
        yield "the container's own check looks at another port"


def the_server_fits_a_read_only_container(deployment: Deployment) -> Iterator[str]:
    server = deployment.server
    if server.get("control_socket_disable") is not True:
        yield "gunicorn would write its control socket into the home folder"
    kind = server.get("worker_class")
    if kind != "gthread" and not (isinstance(kind, type) and issubclass(kind, ThreadWorker)):
        yield f"{kind} keeps no connection alive"
    if os.path.isdir("/dev/shm") and server.get("worker_tmp_dir") != "/dev/shm":
        yield f"heartbeats go to {server.get('worker_tmp_dir')}"
    if not any(callable(server.get(hook)) for hook in ("when_ready",)):
        yield "nothing drains"


def the_server_takes_its_sizes_from_the_task(deployment: Deployment) -> Iterator[str]:
    processes = int(deployment.web.environment["WEB_CONCURRENCY"])
    if (
        deployment.server["workers"] != processes
        or not 2 <= processes <= 2 * int(deployment.web.task["Cpu"]) / 512
    ):
        yield f"{deployment.server['workers']} processes on {deployment.web.task['Cpu']} CPU units"


def _contradictions(
    deployment: Deployment, container: Container, settings: Settings
) -> Iterator[str]:
    if settings.web_threads != deployment.server["threads"]:
        yield f"{container.name}: {settings.web_threads} threads, gunicorn has {deployment.server['threads']}"
    if (
        container is deployment.web
        and not settings.submit_seconds < deployment.server["graceful_timeout"]
    ):
        yield f"an order may take {settings.submit_seconds} s, gunicorn waits {deployment.server['graceful_timeout']} s"
