"""The environment of the processes of the embedded stack. The developer's own settings win over
the local defaults: first the environment of `make run`, then the checkout's `.env` file."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from devstack.errors import LocalSetupError
from devstack.ports import LOOPBACK, Ports
from service.app import setting_names

SIMULATED_KLING_KEY = "kling-local-api-key"
SIMULATED_ASSEMBLYAI_KEY = "assemblyai-local-api-key"
SIMULATED_OPENAI_KEY = "openai-local-api-key"
SIMULATED_TWITCH_ID = "farebox-local-twitch-application"
SIMULATED_TWITCH_SECRET = "farebox-local-twitch-secret"
SIMULATED_STRIPE_KEY = "sk_test_farebox_local"
_ASSEMBLYAI_CALLBACK_SECRET = "assemblyai-local-callback-secret"
_STRIPE_WEBHOOK_SECRET = "whsec_farebox_local_stack"
UPLOADS_BUCKET = "farebox-uploads-local"
_CLIENT_ID = "farebox-local.apps.example"
_USER_POOL_ID = "us-east-1_Farebox01"
_USER_POOL_CLIENT_ID = "fareboxlocal"
LOCAL_OPERATOR = "https://accounts.google.com|operator"
_LOCALHOST = "localhost"
_SIMULATOR_PREFIX = "SIMULATOR_"


# Where the development servers of the usual front-end tools listen: Next.js and Create React App,
# `vite preview`, Angular, Astro, Vite, Live Server, Expo.
_FRONTEND_PORTS = (3000, 3001, 4173, 4200, 4321, 5173, 5174, 5500, 8081)
FRONTEND_ORIGINS = tuple(
    f"http://{host}:{port}" for host in ("localhost", LOOPBACK) for port in _FRONTEND_PORTS
)
# Enough to play with for a day, and for every token that `make run` prints.
_LIMITS = {"WELCOME_CREDITS": "100", "MAX_USERS": "1000"}
# Short, so that a developer can watch what takes minutes in production. They keep the order that
# the settings require among each other.
_TIMES = {
    "SUBMIT_SECONDS": "16",
    "TRANSACTION_DEADLINE_SECONDS": "3",
    "DYNAMODB_READ_TIMEOUT_SECONDS": "2",
    "KLING_CREATE_SECONDS": "4",
    "KLING_QUERY_SECONDS": "3",
    "ASSEMBLYAI_CREATE_SECONDS": "4",
    "ASSEMBLYAI_QUERY_SECONDS": "5",
    "QUARANTINE_SECONDS": "20",
    "NOT_FOUND_GAP_SECONDS": "1",
    "POLL_MIN_SECONDS": "1",
    "POLL_MAX_SECONDS": "2",
    "CALLBACK_POLL_MIN_SECONDS": "2",
    "CALLBACK_POLL_MAX_SECONDS": "4",
    "WATCH_SECONDS": "120",
    "WATCH_POLL_SECONDS": "5",
    "WORKER_INTERVAL_SECONDS": "0.2",
}


def with_env_file(environment: Mapping[str, str], file: Path) -> dict[str, str]:
    """The environment over the settings in that `.env` file, if there is one.

    Values are taken as written: `$` has no meaning. Raises `LocalSetupError` if the file cannot be
    read.
    """
    try:
        written = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise LocalSetupError(f"{file} cannot be read: {error}.") from error
    return {name: value for name, value in written.items() if value} | dict(environment)


def default_ports(environment: Mapping[str, str]) -> Ports:
    """8080, 8000, 8090, 8085 and 8095, or what PORT, DYNAMODB_PORT, SIMULATOR_PORT, LIVE_PORT and
    SIMULATOR_SOCKET_PORT say. Raises `LocalSetupError`."""
    return Ports(
        _port(environment, "PORT", 8080),
        _port(environment, "DYNAMODB_PORT", 8000),
        _port(environment, "SIMULATOR_PORT", 8090),
        _port(environment, "LIVE_PORT", 8085),
        _port(environment, "SIMULATOR_SOCKET_PORT", 8095),
    )


def stack_environment(
    own: Mapping[str, str], ports: Ports, keys: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of web and worker: the developer's `own` over the local defaults.

    `PORT` and `LIVE_PORT` always come from `ports`. Empty values count as not set, as they do for
    the settings.
    """
    defaults = {
        "STAGE": "dev",
        "LOG_FORMAT": "pretty",
        "PUBLIC_URL": ports.app_url,
        "CORS_ALLOWED_ORIGINS": ",".join(FRONTEND_ORIGINS),
        "SESSION_COOKIE_SECURE": "false",
        **(_operators(ports) | _uploads(ports)),
        "DRAIN_SECONDS": "0",
        "LIVE_LEAVE_SECONDS": "0",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DYNAMODB_TABLE_NAME": "UserCredits",
        "DYNAMODB_ENDPOINT_URL": ports.dynamodb_url,
        "GOOGLE_CLIENT_IDS": _CLIENT_ID,
        "GOOGLE_CERTS_URL": f"{ports.simulators_url}/google/oauth2/v3/certs",
        "COGNITO_USER_POOL_ID": _USER_POOL_ID,
        "COGNITO_CLIENT_IDS": _USER_POOL_CLIENT_ID,
        "COGNITO_ENDPOINT_URL": f"{ports.simulators_url}/cognito",
        "COGNITO_HOOK_SECRET": "cognito-local-hook-secret-of-32-characters",
        "COGNITO_JWKS_URL": (
            f"{ports.simulators_url}/cognito/{_USER_POOL_ID}/.well-known/jwks.json"
        ),
        "TRUST_BARE_GOOGLE_ID": "true",
        "LOCAL_TOKEN_URL": f"{ports.simulators_url}/google/__token",
        "LOCAL_START_URL": f"{ports.simulators_url}/",
        **_ai_vendors(ports),
        "STRIPE_API_URL": f"{ports.simulators_url}/stripe",
        "STRIPE_SECRET_KEY": SIMULATED_STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRETS": _STRIPE_WEBHOOK_SECRET,
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "MAIL_FROM": "Farebox <no-reply@farebox.example>",
        "SES_ENDPOINT_URL": f"{ports.simulators_url}/ses",
        "APP_URL": f"{ports.simulators_url}/app",
        **_LIMITS,
        **_TIMES,
        **keys,
    }
    chosen = {name: value for name, value in own.items() if value}
    return defaults | chosen | {"PORT": str(ports.app), "LIVE_PORT": str(ports.relay)}


def _uploads(ports: Ports) -> dict[str, str]:
    return {"UPLOADS_BUCKET": UPLOADS_BUCKET, "UPLOADS_ENDPOINT_URL": f"{ports.simulators_url}/s3"}


def _ai_vendors(ports: Ports) -> dict[str, str]:
    return {
        "KLING_BASE_URL": f"{ports.simulators_url}/kling",
        "KLING_API_KEY": SIMULATED_KLING_KEY,
        "ASSEMBLYAI_BASE_URL": f"{ports.simulators_url}/assemblyai",
        "ASSEMBLYAI_STREAMING_URL": f"{ports.sockets_url}/assemblyai",
        "LIVE_URL": f"ws://{LOOPBACK}:{ports.relay}/transcriptions/stream",
        "ASSEMBLYAI_API_KEY": SIMULATED_ASSEMBLYAI_KEY,
        "ASSEMBLYAI_CALLBACK_SECRET": _ASSEMBLYAI_CALLBACK_SECRET,
        "OPENAI_BASE_URL": f"{ports.simulators_url}/openai/v1",
        "OPENAI_API_KEY": SIMULATED_OPENAI_KEY,
        "TWITCH_BASE_URL": f"{ports.simulators_url}/twitch/helix",
        "TWITCH_TOKEN_URL": f"{ports.simulators_url}/twitch/oauth2/token",
        "TWITCH_CLIENT_ID": SIMULATED_TWITCH_ID,
        "TWITCH_CLIENT_SECRET": SIMULATED_TWITCH_SECRET,
        "BEDROCK_REGION": "us-east-1",
        "BEDROCK_ENDPOINT_URL": f"{ports.simulators_url}/bedrock",
        "BEDROCK_API_KEY": "bedrock-local-api-key",
    }


def _operators(ports: Ports) -> dict[str, str]:
    """Browsers make passkeys for localhost, and for no IP address."""
    return {
        "ADMIN_SUBJECTS": LOCAL_OPERATOR,
        "OPERATOR_SECOND_FACTOR": "false",
        "PASSKEY_RP_ID": _LOCALHOST,
        "PASSKEY_ORIGINS": ports.app_url.replace(LOOPBACK, _LOCALHOST),
    }


def simulator_options(environment: Mapping[str, str], ports: Ports) -> tuple[str, ...]:
    """The simulators' command line for that environment: SIMULATOR_VIDEO_SECONDS=9 becomes
    --video-seconds=9, and SIMULATOR_KLING_UNIQUE_EXTERNAL_IDS=false becomes
    --no-kling-unique-external-ids."""
    options = {
        "app-url": ports.app_url,
        "google-client-id": environment["GOOGLE_CLIENT_IDS"].split(",")[0].strip(),
        "cognito-user-pool-id": environment["COGNITO_USER_POOL_ID"],
        "cognito-hook-secret": environment.get("COGNITO_HOOK_SECRET", ""),
        "cognito-client-id": environment["COGNITO_CLIENT_IDS"].split(",")[0].strip(),
        "kling-callback-secret": environment.get("KLING_CALLBACK_SECRET", ""),
        "kling-api-key": environment["KLING_API_KEY"],
        "assemblyai-api-key": environment["ASSEMBLYAI_API_KEY"],
        "openai-api-key": environment["OPENAI_API_KEY"],
        "twitch-client-id": environment["TWITCH_CLIENT_ID"],
        "twitch-client-secret": environment["TWITCH_CLIENT_SECRET"],
        "bedrock-region": environment["BEDROCK_REGION"],
        "bedrock-api-key": environment["BEDROCK_API_KEY"],
        "stripe-keys": environment["STRIPE_SECRET_KEY"],
        "stripe-webhook-secrets": environment["STRIPE_WEBHOOK_SECRETS"],
        "stripe-plan-prices": environment.get("PLAN_PRICES", ""),
    }
    if environment["KLING_BASE_URL"] != f"{ports.simulators_url}/kling":
        # The developer's real key: `ps` would show it to every user of this machine.
        del options["kling-api-key"], options["kling-callback-secret"]
    if environment["ASSEMBLYAI_BASE_URL"] != f"{ports.simulators_url}/assemblyai":
        del options["assemblyai-api-key"]
    if environment["OPENAI_BASE_URL"] != f"{ports.simulators_url}/openai/v1":
        del options["openai-api-key"]
    if environment["TWITCH_TOKEN_URL"] != f"{ports.simulators_url}/twitch/oauth2/token":
        del options["twitch-client-id"], options["twitch-client-secret"]
    if environment["BEDROCK_ENDPOINT_URL"] != f"{ports.simulators_url}/bedrock":
        del options["bedrock-api-key"]
    if environment["STRIPE_API_URL"] != f"{ports.simulators_url}/stripe":
        del options["stripe-keys"], options["stripe-webhook-secrets"]
    for name, value in environment.items():
        if name.startswith(_SIMULATOR_PREFIX):
            options[name.removeprefix(_SIMULATOR_PREFIX).lower().replace("_", "-")] = value
    options["port"] = str(ports.simulators)
    options["socket-port"] = str(ports.sockets)
    return tuple(_option(name, value) for name, value in options.items() if value)


def _option(name: str, value: str) -> str:
    """A switch takes no value on a command line: `--name` or `--no-name`."""
    return {"true": f"--{name}", "false": f"--no-{name}"}.get(value.lower(), f"--{name}={value}")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without any setting of the service, for a stack that must behave the same on
    every machine."""
    names = setting_names()
    return {
        name: value
        for name, value in environment.items()
        if name not in names and not name.startswith((_SIMULATOR_PREFIX, "AWS_", "WEB_", "DRAIN_"))
    }


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) <= 65535:
        raise LocalSetupError(f"{name} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)
