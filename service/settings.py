"""The only reader of the environment: every setting, its default, and the rules they keep among
each other."""

import os
import types
import typing
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from urllib.parse import urlsplit

STAGES = ("dev", "staging", "production")


class SettingsError(Exception):
    """The environment cannot be used. `faults` names every one of them, a sentence each; values of
    secrets are never quoted."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(
            "The settings cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults)
        )
        self.faults = faults


class Secret(str):
    """A string that does not show itself."""

    def __repr__(self) -> str:
        return "Secret(…)" if self else "Secret('')"


def _setting(default: object, text: str) -> typing.Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each field is the environment variable of the same name in upper case."""

    stage: str = _setting(
        "dev", "dev, staging or production; production refuses everything that weakens security"
    )
    port: int = _setting(8080, "port of the web process")
    public_url: str = _setting("", "public address of this service; set, it makes Kling call back")
    cors_allowed_origins: tuple[str, ...] = _setting(
        (), "exact origins that browsers may call from, separated by commas"
    )
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR")
    log_format: str = _setting("json", "json or pretty")
    drain_flag_path: str = _setting(
        "", "file whose existence makes readiness answer 503 while a process drains"
    )

    aws_region: str = _setting("us-east-1", "region of the table and the secrets")
    dynamodb_table_name: str = _setting("UserCredits", "the table")
    dynamodb_endpoint_url: str = _setting(
        "", "another address of DynamoDB; only outside production"
    )
    dynamodb_connect_timeout_seconds: float = _setting(
        1.0, "longest wait for a connection to DynamoDB"
    )
    dynamodb_read_timeout_seconds: float = _setting(3.0, "longest wait for an answer of DynamoDB")
    transaction_deadline_seconds: float = _setting(5.0, "how long one wallet write is tried for")

    max_users: int = _setting(33, "most users the system takes")
    welcome_credits: int = _setting(3, "credits a new user starts with")
    video_price_credits: int = _setting(1, "credits one video costs")

    google_client_ids: tuple[str, ...] = _setting(
        (), "client ids that a Google ID token may be made for, separated by commas"
    )
    google_certs_url: str = _setting(
        "https://www.googleapis.com/oauth2/v3/certs", "Google's signing keys (JWKS)"
    )
    trust_bare_google_id: bool = _setting(
        False, "believe a GoogleID without a token; refused in production"
    )

    kling_base_url: str = _setting("https://api-singapore.klingai.com", "Kling's address")
    kling_api_key_secret_name: str = _setting(
        "", "secret in Secrets Manager that holds Kling's credentials"
    )
    kling_api_key: Secret = _setting(Secret(), "Kling API key, outside production")
    kling_access_key: Secret = _setting(
        Secret(), "Kling access key (with the secret key instead of an API key), outside production"
    )
    kling_secret_key: Secret = _setting(Secret(), "Kling secret key, outside production")
    kling_callback_secret: Secret = _setting(
        Secret(),
        "Kling's webhook secret (whsec_…), outside production; empty: callbacks are unsigned",
    )
    kling_model_name: str = _setting("kling-v1", "Kling model")
    kling_mode: str = _setting("pro", "Kling mode: std or pro")
    kling_duration: str = _setting("5", "length of a video in seconds, as Kling spells it")
    kling_create_seconds: float = _setting(8.0, "longest time for all tries of one create together")
    kling_query_seconds: float = _setting(5.0, "longest time for one query")

    keys_secret_name: str = _setting(
        "", "secret in Secrets Manager with our own keys (docs/settings.md#secrets)"
    )
    fingerprint_peppers: Secret = _setting(
        Secret(), "version:pepper pairs separated by commas, outside production"
    )
    ledger_mac_key: Secret = _setting(Secret(), "key of the ledger's chain, outside production")
    callback_token_keys: Secret = _setting(
        Secret(),
        "keys that seal callback tokens, newest first, separated by commas, outside production",
    )

    submit_seconds: float = _setting(
        20.0, "window after the hold in which the request may send to the provider"
    )
    quarantine_seconds: float = _setting(
        600.0, "how long a job nobody can find stays held after the window"
    )
    not_found_gap_seconds: float = _setting(
        60.0, "least time between the two not-founds that release a job"
    )
    hard_limit_seconds: float = _setting(86400.0, "after this a job that still runs is released")
    watch_seconds: float = _setting(
        86400.0, "how long a job released as unresolved is watched further"
    )
    poll_min_seconds: float = _setting(5.0, "first interval between two looks at a running job")
    poll_max_seconds: float = _setting(60.0, "longest interval between two looks at a running job")
    watch_poll_seconds: float = _setting(900.0, "interval between two looks at a watched job")

    web_threads: int = _setting(32, "request threads of one web process")
    long_poll_limit: int = _setting(
        16, "requests that may wait for a job at once in one web process"
    )
    receive_seconds: float = _setting(
        10.0, "longest time for a request to come in; a second more for each megabyte"
    )
    slow_client_limit: int = _setting(
        8, "request threads that may wait for slow clients at once in one web process"
    )
    worker_threads: int = _setting(4, "jobs one worker process resolves side by side")
    worker_interval_seconds: float = _setting(1.0, "pause between two rounds of the worker")

    def __post_init__(self) -> None:
        faults = [fault for rule in _RULES for fault in rule(self)]
        if faults:
            raise SettingsError(faults)

    @property
    def production(self) -> bool:
        return self.stage == "production"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Reads every field from `environment` (the process's own by default). Raises
        `SettingsError` naming all faults at once."""
        given = os.environ if environment is None else environment
        values: dict[str, object] = {}
        faults: list[str] = []
        for setting in fields(cls):
            text = given.get(setting.name.upper(), "").strip()
            if not text:
                continue
            try:
                values[setting.name] = _parse(setting, text)
            except ValueError as error:
                faults.append(f"{setting.name.upper()} {error}")
        try:
            settings = cls(**values)  # type: ignore[arg-type]
        except SettingsError as error:
            raise SettingsError(faults + error.faults) from None
        if faults:
            raise SettingsError(faults)
        return settings


def process_environment() -> dict[str, str]:
    """The environment of this process, for those who start other processes."""
    return dict(os.environ)


def _parse(setting: Field[object], text: str) -> object:
    kind = setting.type
    if kind is bool:
        return _flag(text)
    if kind is int:
        return _number(int, text, "a whole number")
    if kind is float:
        return _number(float, text, "a number of seconds")
    if isinstance(kind, types.GenericAlias):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return Secret(text) if kind is Secret else text


def _flag(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def _number(kind: type[int] | type[float], text: str, name: str) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"must be {name}") from None


def _known_words(settings: Settings) -> list[str]:
    allowed = {
        "stage": STAGES,
        "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
        "log_format": ("json", "pretty"),
        "kling_mode": ("std", "pro", "4k"),
        "kling_duration": tuple(str(seconds) for seconds in range(3, 16)),
    }
    return [
        f"{name.upper()} must be one of {', '.join(words)}"
        for name, words in allowed.items()
        if getattr(settings, name) not in words
    ]


def _sizes(settings: Settings) -> list[str]:
    least = {"welcome_credits": 0, "max_users": 0}
    faults = []
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        bound = least.get(setting.name, 1 if isinstance(value, int) else 0.001)
        if not bound <= value <= 10**9:
            faults.append(f"{setting.name.upper()} must be between {bound} and {10**9}")
    return faults


def _addresses(settings: Settings) -> list[str]:
    names = ("google_certs_url", "kling_base_url", "public_url", "dynamodb_endpoint_url")
    given = {name: getattr(settings, name) for name in names if getattr(settings, name)}
    wrong = [
        f"{name.upper()} must be an http(s) address"
        for name, url in given.items()
        if not _is_http(url)
    ]
    for origin in settings.cors_allowed_origins:
        if "*" in origin or origin == "null" or "://" not in origin or origin.rstrip("/") != origin:
            wrong.append(
                "CORS_ALLOWED_ORIGINS takes exact origins such as https://app.example.com, no wildcards"
            )
    return wrong


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _times(settings: Settings) -> list[str]:
    """Protocol, section 4: transaction deadline + two reads + all sends < submit window <
    quarantine."""
    reads = 2 * settings.dynamodb_read_timeout_seconds
    needed = settings.transaction_deadline_seconds + reads + settings.kling_create_seconds
    chain = [
        (
            "SUBMIT_SECONDS",
            settings.submit_seconds,
            needed,
            "TRANSACTION_DEADLINE_SECONDS + 2 DYNAMODB_READ_TIMEOUT_SECONDS + KLING_CREATE_SECONDS",
        ),
        (
            "QUARANTINE_SECONDS",
            settings.quarantine_seconds,
            settings.submit_seconds,
            "SUBMIT_SECONDS",
        ),
        (
            "QUARANTINE_SECONDS",
            settings.quarantine_seconds,
            settings.not_found_gap_seconds,
            "NOT_FOUND_GAP_SECONDS",
        ),
        (
            "HARD_LIMIT_SECONDS",
            settings.hard_limit_seconds,
            settings.submit_seconds + settings.quarantine_seconds,
            "SUBMIT_SECONDS + QUARANTINE_SECONDS",
        ),
        (
            "POLL_MAX_SECONDS",
            settings.poll_max_seconds,
            settings.poll_min_seconds - 0.001,
            "POLL_MIN_SECONDS",
        ),
        (
            "WATCH_SECONDS",
            settings.watch_seconds,
            settings.watch_poll_seconds - 0.001,
            "WATCH_POLL_SECONDS",
        ),
    ]
    return [
        f"{name} ({value:g}) must be more than {what} ({least:g})"
        for name, value, least, what in chain
        if not value > least
    ]


def _threads(settings: Settings) -> list[str]:
    """Long polls and slow clients must leave threads for everything else, probes among them."""
    if settings.long_poll_limit + settings.slow_client_limit < settings.web_threads:
        return []
    return ["LONG_POLL_LIMIT and SLOW_CLIENT_LIMIT together must be less than WEB_THREADS"]


def _identity(settings: Settings) -> list[str]:
    if settings.google_client_ids or settings.trust_bare_google_id:
        return []
    return ["GOOGLE_CLIENT_IDS must name at least one client id, or no user can sign in"]


def _own_keys(settings: Settings) -> list[str]:
    if settings.keys_secret_name:
        return []
    given = {
        "FINGERPRINT_PEPPERS": settings.fingerprint_peppers,
        "LEDGER_MAC_KEY": settings.ledger_mac_key,
        "CALLBACK_TOKEN_KEYS": settings.callback_token_keys,
    }
    return [
        f"{name} is missing (or set KEYS_SECRET_NAME)" for name, value in given.items() if not value
    ]


def _kling_keys(settings: Settings) -> list[str]:
    if (
        settings.kling_api_key_secret_name
        or settings.kling_api_key
        or (settings.kling_access_key and settings.kling_secret_key)
    ):
        return []
    return [
        "KLING_API_KEY_SECRET_NAME is missing (outside production KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY, will do)"
    ]


def _production(settings: Settings) -> list[str]:
    if not settings.production:
        return []
    faults = [
        f"{setting.name.upper()} must not be set in production: secrets come from Secrets Manager"
        for setting in fields(settings)
        if setting.type is Secret and getattr(settings, setting.name)
    ]
    if settings.trust_bare_google_id:
        faults.append(
            "TRUST_BARE_GOOGLE_ID must not be on in production: anyone could spend anyone's credits"
        )
    if settings.log_format != "json":
        faults.append(
            "LOG_FORMAT must be json in production: the metrics that alarms watch are in it"
        )
    if settings.dynamodb_endpoint_url:
        faults.append("DYNAMODB_ENDPOINT_URL must not be set in production")
    plain = [
        name
        for name in ("google_certs_url", "kling_base_url", "public_url")
        if getattr(settings, name).startswith("http:")
    ]
    faults += [f"{name.upper()} must be https in production" for name in plain]
    faults += [
        "CORS_ALLOWED_ORIGINS must be https in production"
        for origin in settings.cors_allowed_origins
        if origin.startswith("http:")
    ][:1]
    return faults


_RULES = (
    _known_words,
    _sizes,
    _addresses,
    _times,
    _threads,
    _identity,
    _own_keys,
    _kling_keys,
    _production,
)
