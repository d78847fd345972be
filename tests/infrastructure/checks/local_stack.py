"""The compose file as what runs on one machine: nothing of it leaves that machine, each container
calls where another listens, and each runs exactly what it is for."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.documents import compose_settings, env_example
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.texts import plain_yaml

# Where each container listens, for the others.
LISTENS = {
    "web": {"8080"},
    "relay": {"8080"},
    "simulators": {"8090", "8095"},
    "dynamodb": {"8000"},
}
# Whose port of this machine a variable chooses.
PORTS = {
    "web": ("PORT", "8080"),
    "relay": ("LIVE_PORT", "8085"),
    "simulators": ("SIMULATOR_PORT", "8090"),
    "dynamodb": ("DYNAMODB_PORT", "8000"),
    "browser": ("BROWSER_PORT", "8001"),
}
# What a browser opens, and which container must have published it.
OPENED = {
    "PUBLIC_URL": "web",
    "LIVE_URL": "relay",
    "LOCAL_TOKEN_URL": "simulators",
    "LOCAL_START_URL": "simulators",
    "UPLOADS_PUBLIC_URL": "simulators",
    "APP_URL": "simulators",
}
# Addresses that a container calls; with any other name they end like these.
CALLED = ("_URL", "_ENDPOINT", "_ORIGIN")
# Not an address that is called: what tokens name, derived from the pool.
NAMED = {"COGNITO_ISSUER_URL"}
_URL = re.compile(r"(?:https?|wss?)://([\w.-]+)(?::(\d+|\$\{\w+:-\d+\}))?")
_COMMANDS: Mapping[str, list[str] | None] = {
    "web": None,
    "worker": ["python", "-m", "service.worker"],
    "relay": ["python", "-m", "service.relay"],
    "dynamodb": [
        "-Djava.library.path=./DynamoDBLocal_lib",
        *("-jar", "DynamoDBLocal.jar", "-sharedDb", "-disableTelemetry", "-dbPath", "/data"),
    ],
    "table": [
        *("python", "-m", "devstack.compose", "table", "--endpoint=http://dynamodb:8000"),
        "--name=${DYNAMODB_TABLE_NAME:-UserCredits}",
    ],
    "welcome": [
        *("python", "-m", "devstack.compose", "welcome", "--web=http://web:8080"),
        *("--simulators=http://simulators:8090", "--port=${PORT:-8080}"),
        *("--dynamodb-port=${DYNAMODB_PORT:-8000}", "--simulator-port=${SIMULATOR_PORT:-8090}"),
    ],
    "browser": None,
}
# The options of the simulators: what they know of the service is what the service is set to.
_FIXED_OPTIONS = {
    "host": "0.0.0.0",
    "socket-port": "8095",
    "public-url": "http://127.0.0.1:${SIMULATOR_PORT:-8090}",
    "callback-origin": "http://web:8080",
    "app-url": "http://127.0.0.1:${PORT:-8080}",
    "video-seconds": "${SIMULATOR_VIDEO_SECONDS:-2}",
}
_SHARED_OPTIONS = {
    "google-client-id": "GOOGLE_CLIENT_IDS",
    "cognito-user-pool-id": "COGNITO_USER_POOL_ID",
    "cognito-hook-secret": "COGNITO_HOOK_SECRET",
    "cognito-client-id": "COGNITO_CLIENT_IDS",
    "kling-api-key": "KLING_API_KEY",
    "kling-callback-secret": "KLING_CALLBACK_SECRET",
    "assemblyai-api-key": "ASSEMBLYAI_API_KEY",
    "openai-api-key": "OPENAI_API_KEY",
    "twitch-client-id": "TWITCH_CLIENT_ID",
    "twitch-client-secret": "TWITCH_CLIENT_SECRET",
    "bedrock-region": "BEDROCK_REGION",
    "bedrock-api-key": "BEDROCK_API_KEY",
    "stripe-keys": "STRIPE_SECRET_KEY",
    "stripe-webhook-secrets": "STRIPE_WEBHOOK_SECRETS",
    "stripe-plan-prices": "PLAN_PRICES",
}
_PROBE = ["CMD", "python", "-I", "/app/docker/healthcheck.py"]
_HEALTH: Mapping[str, Any] = {
    "web": [*_PROBE, "/health/ready"],
    "relay": [*_PROBE, "/health/ready"],
    "simulators": [*_PROBE, "/health", "8090"],
    "dynamodb": ["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000"],
    "browser": None,
}
_WAITING = {
    "table": {"condition": "service_completed_successfully"},
    "simulators": {"condition": "service_healthy"},
}
_DEPENDS: Mapping[str, Any] = {
    "web": _WAITING,
    "worker": _WAITING,
    "relay": _WAITING,
    "simulators": None,
    "dynamodb": None,
    "table": ["dynamodb"],
    "welcome": {
        "web": {"condition": "service_healthy"},
        "relay": {"condition": "service_healthy"},
        "worker": {"condition": "service_started"},
    },
    "browser": {"table": {"condition": "service_completed_successfully"}},
}
_BROWSER = {
    "DYNAMO_ENDPOINT": "http://dynamodb:8000",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "HOME": "/tmp",
}
# Every key that a service may have: `env_file`, `extra_hosts` or `entrypoint` would change what it
# reaches or runs.
_KEYS = {
    *("image", "build", "pull_policy", "command", "environment", "ports", "healthcheck"),
    *("stop_grace_period", "restart", "depends_on", "volumes", "profiles", "user", "working_dir"),
    *("cap_add", "cap_drop", "read_only", "security_opt", "tmpfs", "init", "logging"),
}


def what_the_service_is_set_to_follows_from_the_code(deployment: Deployment) -> Iterator[str]:
    """The same defaults as `make run`, so that both local stacks behave alike."""
    text = _text(deployment)
    block = re.search(r"  # <settings>\n(.*)\n  # </settings>\n", text, re.DOTALL)
    if block is None or block[1] != compose_settings():
        yield "the settings of the compose file are not those of the code: make documents"
    if (deployment.root / ".env.example").read_text(encoding="utf-8") != env_example():
        yield ".env.example is not what follows from the code: make documents"


def a_copy_of_the_example_changes_nothing(deployment: Deployment) -> Iterator[str]:
    """Everybody copies it to `.env`, and its values are those of production."""
    lines = (deployment.root / ".env.example").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            yield f".env.example sets {line}"


def no_address_of_the_local_stack_is_elsewhere(deployment: Deployment) -> Iterator[str]:
    """No vendor's address, of those that are there and of those that come: by any name."""
    services = _services(deployment)
    for where, text in _values(deployment):
        if where.endswith("ADMIN_SUBJECTS"):
            # Names of operators, not addresses.
            continue
        for host, port in _URL.findall(text):
            inside = host in services and port in LISTENS.get(host, set())
            ours = host in ("127.0.0.1", "localhost")
            if not inside and not ours:
                yield f"{where} leads to {host}:{port}"


def each_container_calls_where_another_listens(deployment: Deployment) -> Iterator[str]:
    """Loopback is the container itself. Where nothing is set, the service calls the vendor."""
    for name, raw in _settings(deployment).items():
        if not name.endswith(CALLED) or name in OPENED or name in NAMED:
            continue
        default = raw.partition(":-")[2].removesuffix("}")
        found = _URL.match(default)
        if name == "FAREBOX_URL":
            if raw != "http://127.0.0.1:8080":
                yield f"an operator's command in a container calls {raw}"
        elif found is None or found[1] not in ("simulators", "dynamodb"):
            yield f"{name} is {default or 'not set'}: no simulator"
        elif (found[1] == "dynamodb") is not (name == "DYNAMODB_ENDPOINT_URL"):
            yield f"{name} leads to {found[1]}"


def browsers_open_what_is_published(deployment: Deployment) -> Iterator[str]:
    settings = _settings(deployment)
    for name, service in OPENED.items():
        variable, default = PORTS[service]
        scheme = "ws" if service == "relay" else "http"
        wanted = f"${{{name}:-{scheme}://127.0.0.1:${{{variable}:-{default}}}"
        if not settings[name].startswith(wanted):
            yield f"{name} is {settings[name]}, which is not where {service} is published"
    for service, (variable, default) in PORTS.items():
        (inside,) = {"8001"} if service == "browser" else LISTENS[service] - {"8095"}
        wanted_port = f"127.0.0.1:${{{variable}:-{default}}}:{inside}"
        if _services(deployment)[service].get("ports") != [wanted_port]:
            yield f"{service} publishes {_services(deployment)[service].get('ports')}"


def a_variable_has_one_default(deployment: Deployment) -> Iterator[str]:
    """Else two containers would be set to two values."""
    found: dict[str, set[str]] = {}
    for _, text in _values(deployment):
        for name, default in re.findall(r"\$\{(\w+):-((?:[^{}]|\$\{[^}]*\})*)\}", text):
            found.setdefault(name, set()).add(default)
        for name, default in re.findall(r"\$\{(\w+):-([^{}$]*)\}", text):
            found.setdefault(name, set()).add(default)
        if re.search(r"\$(?!\{\w+:-)", text):
            yield f"a variable without a default: {text}"
    for name, defaults in found.items():
        if len(defaults) != 1:
            yield f"{name} has the defaults {sorted(defaults)}"


def each_container_runs_exactly_what_it_is_for(deployment: Deployment) -> Iterator[str]:
    services = _services(deployment)
    if set(services) != set(_DEPENDS):
        yield f"the containers are {sorted(services)}"
    for name, service in services.items():
        if unknown := set(service) - _KEYS:
            yield f"{name} has {sorted(unknown)}"
        if name != "simulators" and service.get("command") != _COMMANDS[name]:
            yield f"{name} runs {service.get('command')}"
        shares = service.get("environment") == _settings(deployment)
        if shares is not (name in ("web", "worker", "relay")):
            yield f"{name} has settings of its own, or those of the service"
    if services["browser"]["environment"] != _BROWSER:
        yield f"the browser of the table is set to {services['browser']['environment']}"


def each_container_waits_for_what_it_needs(deployment: Deployment) -> Iterator[str]:
    for name, service in _services(deployment).items():
        if service.get("depends_on") != _DEPENDS[name]:
            yield f"{name} waits for {service.get('depends_on')}"
        health = service.get("healthcheck", {})
        if name in _HEALTH and health.get("test") != _HEALTH[name]:
            yield f"{name} is probed by {health.get('test')}"
        if name not in _HEALTH and health != {"disable": True}:
            yield f"{name} is probed by {health}, and has no port"


def the_simulators_know_what_the_service_is_set_to(deployment: Deployment) -> Iterator[str]:
    command = _services(deployment)["simulators"]["command"]
    if command[:3] != ["python", "-m", "devstack.simulators"]:
        yield f"the simulators run {command[:3]}"
    given = dict(word.removeprefix("--").split("=", 1) for word in command[3:])
    settings = _settings(deployment)
    wanted = _FIXED_OPTIONS | {option: settings[name] for option, name in _SHARED_OPTIONS.items()}
    for option in sorted(set(given) | set(wanted)):
        if given.get(option) != wanted.get(option):
            yield f"the simulators have --{option}={given.get(option)}, not {wanted.get(option)}"


def _text(deployment: Deployment) -> str:
    return (deployment.root / "docker-compose.yml").read_text(encoding="utf-8")


def _services(deployment: Deployment) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = plain_yaml(_text(deployment))["services"]
    return made


def _settings(deployment: Deployment) -> dict[str, str]:
    made: dict[str, str] = plain_yaml(_text(deployment))["x-settings"]
    return made


def _values(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Every text of the services, with where it stands."""
    for name, service in _services(deployment).items():
        yield from _texts(name, service)


def _texts(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(f"{where}.{key}", each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(where, each)
    else:
        yield where, str(value)
