"""The settings of everything that is replaced: real ones, but for addresses, keys and times."""

from devstack.ports import LOOPBACK
from devstack.simulators.configuration import SimulatorSettings

TABLE = "Drain"
WELCOME_CREDITS = 100_000
# Long waits, for a crowded machine is not what is tried here; then the worker's turn as soon
# as the rules allow.
_TIMES = {
    "DYNAMODB_CONNECT_TIMEOUT_SECONDS": "10",
    "DYNAMODB_READ_TIMEOUT_SECONDS": "10",
    "TRANSACTION_DEADLINE_SECONDS": "20",
    "KLING_CREATE_SECONDS": "20",
    "SUBMIT_SECONDS": "64.1",
    "POLL_MIN_SECONDS": "0.5",
    "POLL_MAX_SECONDS": "1",
    "CALLBACK_POLL_MIN_SECONDS": "1",
    "CALLBACK_POLL_MAX_SECONDS": "2",
    "WORKER_INTERVAL_SECONDS": "1",
    "WEB_CONCURRENCY": "2",
    "GUNICORN_CMD_ARGS": "--timeout=180",
}


def settings_of(
    dynamodb: str, simulators: str, sockets: str, public_url: str, drain_seconds: float
) -> dict[str, str]:
    return {
        "STAGE": "dev",
        "LOG_FORMAT": "pretty",
        "LOG_LEVEL": "WARNING",
        "HOST": LOOPBACK,
        "PUBLIC_URL": public_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DYNAMODB_TABLE_NAME": TABLE,
        "DYNAMODB_ENDPOINT_URL": dynamodb,
        "GOOGLE_CLIENT_IDS": SimulatorSettings.google_client_id,
        "GOOGLE_CERTS_URL": f"{simulators}/google/oauth2/v3/certs",
        "KLING_BASE_URL": f"{simulators}/kling",
        "KLING_API_KEY": SimulatorSettings.kling_api_key,
        "OPENAI_BASE_URL": f"{simulators}/openai/v1",
        "OPENAI_API_KEY": SimulatorSettings.openai_api_key,
        "ASSEMBLYAI_BASE_URL": f"{simulators}/assemblyai",
        "ASSEMBLYAI_STREAMING_URL": sockets,
        "ASSEMBLYAI_API_KEY": SimulatorSettings.assemblyai_api_key,
        "ASSEMBLYAI_CALLBACK_SECRET": "c" * 32,
        "LIVE_HOST": LOOPBACK,
        "LIVE_GRACE_SECONDS": "90",
        "DRAIN_SECONDS": str(drain_seconds),
        "LIVE_LEAVE_SECONDS": str(drain_seconds),
        "FINGERPRINT_PEPPERS": "1:" + "p" * 32,
        "LEDGER_MAC_KEY": "m" * 32,
        "CALLBACK_TOKEN_KEYS": "t" * 32,
        "ACCESS_TOKEN_KEYS": "one:" + "dHR0" * 10 + "dHQ",
        "WELCOME_CREDITS": str(WELCOME_CREDITS),
        "CALLER_REQUEST_LIMIT": "0",
        "ADDRESS_REQUEST_LIMIT": "0",
        **_TIMES,
    }
