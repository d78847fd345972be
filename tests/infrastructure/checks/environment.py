"""The environment of the containers against the settings that the code reads, in both
directions."""

import os
from collections.abc import Iterator

from gunicorn.workers.ggevent import GeventWorker

from service.app import load_settings, sections, setting_names
from service.core.settings import Secret, SettingsError
from service.jobs.settings import JobsSettings
from service.settings import Settings, declared
from service.web.settings import WebSettings
from tests.infrastructure.deployments import Container, Deployment

SETTINGS = setting_names()
SECRETS = {each.name.upper() for each in declared(sections()) if each.type is Secret}
# Facts of a deployment, for which no default can be right.
NEEDED = {
    "ACCESS_TOKEN_KEYS_SECRET_NAME",
    "AWS_REGION",
    "DYNAMODB_TABLE_NAME",
    "GOOGLE_CLIENT_IDS",
    "KEYS_SECRET_NAME",
    "KLING_API_KEY_SECRET_NAME",
    "KMS_KEY_ID",
    "LOG_FORMAT",
    "OPERATOR_KEYS_SECRET_NAME",
    "SEALED_TABLE_NAME",
    "STAGE",
    "UPLOADS_BUCKET",
}
# Sizes and addresses that each kind of process may set for itself.
OWN_SIZES = {
    "LIVE_HOST",
    "LONG_POLL_LIMIT",
    "SUBMIT_LIMIT",
    "USER_SUBMIT_LIMIT",
    "UPLOAD_LIMIT_MEGABYTES",
    "WEB_CONNECTIONS",
    "WORKER_INTERVAL_SECONDS",
    "WORKER_THREADS",
}
# What an operator decides for a stage, without building another image.
ADJUSTABLE = {
    "ADMIN_APPROVAL_CREDITS",
    "ADMIN_COGNITO_GROUPS",
    "ADMIN_GOOGLE_DOMAINS",
    "ADMIN_SUBJECTS",
    "APP_NAME",
    "BEDROCK_API_KEY_SECRET_NAME",
    "BEDROCK_GUARDRAIL_ID",
    "BEDROCK_GUARDRAIL_VERSION",
    "BEDROCK_REGION",
    "APP_URL",
    "COGNITO_CLIENT_IDS",
    "COGNITO_USER_POOL_ID",
    "CORS_ALLOWED_ORIGINS",
    "DEVICE_POLICY",
    "LIVE_BLOCK_SECONDS",
    "LIVE_VENDOR_TOKENS",
    "LOG_LEVEL",
    "HOUSE_CREDITS_PER_DAY",
    "HOUSE_LOSS_PER_USER_DAY",
    "MAIL_CONFIGURATION_SET",
    "MAIL_FROM",
    "MAX_CREDITS_PER_USER_DAY",
    "MAX_OPEN_JOBS_PER_USER",
    "MAX_USERS",
    "MAX_USERS_PER_DEVICE",
    "ASSEMBLYAI_API_KEY_SECRET_NAME",
    "TWITCH_CREDENTIALS_SECRET_NAME",
    "OPENAI_API_KEY_SECRET_NAME",
    "PUBLIC_URL",
    "PLAN_PRICES",
    "SESSION_COOKIE_SAME_SITE",
    "STRIPE_SECRETS_SECRET_NAME",
    "STRIPE_TAX",
    "UPLOADS_DAILY_MEGABYTES",
    "UPLOADS_DAYS",
    "UPLOADS_MALWARE_SCAN",
    "UPLOADS_MAX_AUDIO_MEGABYTES",
    "TEXT_DEFAULT_MODEL",
    "TEXT_PLACES",
    "USER_TEXT_PLACES",
    "ASSEMBLYAI_SPEECH_MODEL",
    "VIDEOS_COPY_DAYS",
    "VIDEO_PRICE_CREDITS",
    "WELCOME_CREDITS",
}


def every_name_is_one_that_the_code_reads(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        known = SETTINGS | (deployment.server_settings if container is deployment.web else set())
        yield from (
            f"{container.name} sets {name}, which no setting reads: correct or remove it"
            for name in sorted(set(container.environment) - known)
        )


def every_fact_of_the_deployment_is_set(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        present = set(container.environment)
        yield from (
            f"{container.name} lacks {name}: add it to the task definition"
            for name in sorted((NEEDED | ADJUSTABLE) - present)
        )


def no_name_is_set_twice(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        names = [pair["Name"] for pair in container.definition.get("Environment", [])]
        yield from (
            f"{container.name} sets {name} twice: keep one"
            for name in sorted({name for name in names if names.count(name) > 1})
        )


def all_containers_have_the_same_settings(deployment: Deployment) -> Iterator[str]:
    """Two processes over one table must agree on prices, limits and times."""
    for name in sorted(SETTINGS - deployment.server_settings - OWN_SIZES):
        values = {container.environment.get(name) for container in deployment.containers}
        if len(values) > 1:
            yield f"the containers disagree on {name}: {sorted(map(str, values))}"


def the_service_starts_with_its_environment(deployment: Deployment) -> Iterator[str]:
    for container in deployment.containers:
        try:
            settings = load_settings(container.environment)
        except SettingsError as error:
            yield from (f"{container.name} would not start: {fault}" for fault in error.faults)
        else:
            yield from _disagreements(deployment, container, settings)


def each_stage_has_its_own_table_and_secrets(deployment: Deployment) -> Iterator[str]:
    parameters = deployment.service.parameters
    wanted = {
        "STAGE": deployment.stage,
        "DYNAMODB_TABLE_NAME": parameters["TableName"],
        "KEYS_SECRET_NAME": parameters["KeysSecretArn"],
        "KLING_API_KEY_SECRET_NAME": parameters["KlingSecretArn"],
        "KMS_KEY_ID": parameters["DataKeyArn"],
        "OPERATOR_KEYS_SECRET_NAME": parameters["OperatorKeysSecretArn"],
        "ACCESS_TOKEN_KEYS_SECRET_NAME": parameters["AccessTokenKeysSecretArn"],
        "SEALED_TABLE_NAME": parameters["SealedTableName"],
        "STRIPE_SECRETS_SECRET_NAME": parameters["StripeSecretArn"],
        "OPENAI_API_KEY_SECRET_NAME": parameters["OpenAiSecretArn"],
        "UPLOADS_BUCKET": parameters["UploadsBucket"],
        "ASSEMBLYAI_API_KEY_SECRET_NAME": parameters["AssemblyAiSecretArn"],
        "TWITCH_CREDENTIALS_SECRET_NAME": parameters["TwitchSecretArn"],
        "LOG_FORMAT": "json",
    }
    for container in deployment.containers:
        for name, value in wanted.items():
            if container.environment.get(name) != value:
                found = container.environment.get(name)
                yield f"{container.name}: {name} is {found}, it must be {value}"


def production_refuses_every_weak_choice(deployment: Deployment) -> Iterator[str]:
    """The service would refuse to start; the template must be refused before it is deployed."""
    environment = deployment.web.environment
    if deployment.production and environment.get("TRUST_BARE_GOOGLE_ID", "false").lower() not in (
        "false",
        "0",
        "",
    ):
        yield "production trusts a bare GoogleID: set TRUST_BARE_GOOGLE_ID to false"
    for name in sorted(SECRETS & set(environment)):
        yield f"{name} is in the environment as plain text: pass the name of its secret"
    plain = [name for name, value in environment.items() if value.startswith("http://")]
    yield from (
        f"{name} is not https: production may not send it in the clear"
        for name in sorted(plain)
        if deployment.production
    )


def the_public_address_is_the_domain(deployment: Deployment) -> Iterator[str]:
    domain = str(deployment.service.parameters.get("DomainName", ""))
    found = deployment.web.environment.get("PUBLIC_URL", "")
    if found != (f"https://{domain}" if domain else ""):
        yield f"PUBLIC_URL is {found!r}: it must be https:// and DomainName, {domain!r}"


def the_web_process_listens_where_the_balancer_connects(deployment: Deployment) -> Iterator[str]:
    (port,) = deployment.web.ports
    group = deployment.targets
    if deployment.server["bind"] != f"0.0.0.0:{port}":
        yield (
            f"gunicorn binds {deployment.server['bind']}: bind 0.0.0.0:{port}, the container's port"
        )
    if int(group["Port"]) != port:
        yield f"the target group sends to port {group['Port']}: the container's port is {port}"
    if deployment.web.environment.get("PORT") != str(port):
        yield f"PORT is not {port}: the container's health check would connect to another port"


def the_server_fits_a_read_only_container(deployment: Deployment) -> Iterator[str]:
    server = deployment.server
    if server.get("control_socket_disable") is not True:
        yield "gunicorn would write its control socket into the home folder: disable it"
    kind = server.get("worker_class")
    if not (isinstance(kind, type) and issubclass(kind, GeventWorker)):
        yield f"the worker class {kind} makes waiting clients cost threads"
    if os.path.isdir("/dev/shm") and server.get("worker_tmp_dir") != "/dev/shm":
        yield f"gunicorn writes heartbeats to {server.get('worker_tmp_dir')}: use /dev/shm"
    if not callable(server.get("when_ready")):
        yield "gunicorn has no when_ready hook, which starts the drain"


def the_server_takes_its_sizes_from_the_task(deployment: Deployment) -> Iterator[str]:
    processes = int(deployment.web.environment["WEB_CONCURRENCY"])
    units = int(deployment.web.task["Cpu"]) // 256
    if deployment.server["workers"] != processes or not min(2, units) <= processes <= units:
        yield (
            f"{deployment.server['workers']} processes on {deployment.web.task['Cpu']} CPU units: "
            "WEB_CONCURRENCY must be one for each 256 units at most, and 2 where it can"
        )


def _disagreements(
    deployment: Deployment, container: Container, settings: Settings
) -> Iterator[str]:
    connections = settings.section(WebSettings).web_connections
    submit_seconds = settings.section(JobsSettings).submit_seconds
    if connections != deployment.server["worker_connections"]:
        yield (
            f"{container.name} sets {connections} connections, gunicorn has "
            f"{deployment.server['worker_connections']}: read WEB_CONNECTIONS in both"
        )
    if container is deployment.web and not submit_seconds < deployment.server["graceful_timeout"]:
        yield (
            f"a submission may take {submit_seconds} s, gunicorn waits "
            f"{deployment.server['graceful_timeout']} s: raise graceful_timeout"
        )
