"""The settings of a simulator process. Nothing here reads the environment."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from devstack.simulators.bedrock.access import Keys
from devstack.simulators.stripe.seeds import price_ids


def _option(default: object, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """All settings, with defaults for one machine.

    The keys are those of the local service; they are of no use elsewhere.
    Raises `ValueError` with one sentence if a value is invalid.
    """

    host: str = _option("127.0.0.1", "address to listen on")
    port: int = _option(8090, "port to listen on; 0 takes a free one")
    socket_port: int = _option(0, "port of live sessions; 0 takes a free one")
    public_url: str = _option("", "address that result links carry; empty: http://host:port")
    app_url: str = _option(
        "http://127.0.0.1:8080", "address of the service, for the start page at /"
    )
    callback_origin: str = _option(
        "",
        "origin to send callbacks to, if their own address cannot be reached; empty: their own",
    )
    video_seconds: float = _option(2.0, "how long one simulated video takes at speed 1")
    google_client_id: str = _option("farebox-local.apps.example", "audience of Google ID tokens")
    cognito_user_pool_id: str = _option("us-east-1_Farebox01", "user pool of Cognito's tokens")
    cognito_hook_secret: str = _option(
        "cognito-local-hook-secret-of-32-characters",
        "signs the post-confirmation events",
    )
    cognito_client_id: str = _option("fareboxlocal", "app client of Cognito's tokens")
    kling_api_key: str = _option(
        "kling-local-api-key", "API key that Kling accepts; empty: only signed tokens"
    )
    kling_access_key: str = _option(
        "kling-local-access-key", "issuer of signed tokens that Kling accepts"
    )
    kling_secret_key: str = _option(
        "kling-local-secret-key-of-32-characters", "key those tokens are signed with"
    )
    kling_concurrency: int = _option(200, "tasks that may run at once before Kling answers 1303")
    kling_units: float = _option(1_000_000.0, "prepaid units before Kling answers 1102")
    kling_callback_secret: str = _option(
        "",
        "webhook secret (whsec_…); two with a comma: both sign, as in a rotation; empty: unsigned",
    )
    kling_unique_external_ids: bool = _option(
        True, "refuse an external_task_id that was used before"
    )
    openai_api_key: str = _option("openai-local-api-key", "API key that OpenAI accepts")
    bedrock_region: str = _option("us-east-1", "region of Bedrock")
    bedrock_access_key: str = _option("local", "access key whose signatures Bedrock accepts")
    bedrock_secret_key: str = _option("local", "secret key of these signatures")
    bedrock_api_key: str = _option("bedrock-local-api-key", "API key that Bedrock accepts")
    text_tokens: int = _option(40, "how many tokens a simulated model writes")
    text_seconds_per_token: float = _option(0.02, "how long each of them takes at speed 1")

    s3_access_key: str = _option("local", "access key that requests to S3 are signed with")
    s3_secret_key: str = _option("local", "its secret key")
    assemblyai_api_key: str = _option("assemblyai-local-api-key", "API key that AssemblyAI accepts")
    assemblyai_concurrency: int = _option(
        200, "recordings that AssemblyAI transcribes at once; the others wait"
    )
    transcript_seconds: float = _option(
        1.0, "how long one simulated transcription takes at speed 1"
    )
    twitch_client_id: str = _option(
        "farebox-local-twitch-application", "client id that Twitch accepts"
    )
    twitch_client_secret: str = _option(
        "farebox-local-twitch-secret", "client secret that Twitch accepts"
    )
    twitch_token_seconds: int = _option(5_011_271, "how long a token of Twitch's lasts")
    twitch_points: int = _option(800, "how many calls a minute Twitch takes")
    stripe_keys: str = _option(
        "sk_test_farebox_local", "API keys that Stripe accepts, separated by commas"
    )
    stripe_webhook_url: str = _option(
        "", "where Stripe sends its events; empty: /stripe/webhook of app_url"
    )
    stripe_webhook_secrets: str = _option(
        "whsec_farebox_local_stack",
        "secrets that sign Stripe's events; two with a comma: both sign, as in a rotation; empty: "
        "no events are sent",
    )
    stripe_plan_prices: str = _option(
        "", "plan:price pairs with commas: prices of plans that differ from the plans' file"
    )

    def __post_init__(self) -> None:
        _in_range("port", self.port, 0, 65_535)
        _in_range("socket_port", self.socket_port, 0, 65_535)
        _in_range("video_seconds", self.video_seconds, 0, 86_400)
        _in_range("transcript_seconds", self.transcript_seconds, 0, 86_400)
        _in_range("assemblyai_concurrency", self.assemblyai_concurrency, 1, 10**9)
        _in_range("twitch_token_seconds", self.twitch_token_seconds, 1, 10**8)
        _in_range("twitch_points", self.twitch_points, 0, 10**9)
        _in_range("kling_concurrency", self.kling_concurrency, 0, 10**9)
        _in_range("text_tokens", self.text_tokens, 0, 200_000)
        _in_range("text_seconds_per_token", self.text_seconds_per_token, 0, 60)
        _in_range("kling_units", self.kling_units, 0, 10**12)
        for name, url in (
            ("public_url", self.public_url),
            ("app_url", self.app_url),
            ("callback_origin", self.callback_origin),
            ("stripe_webhook_url", self.stripe_webhook_url),
        ):
            if url and not url.startswith(("http://", "https://")):
                raise ValueError(f"{name} must be an http(s) address")
        _ = self.callback_keys
        _ = price_ids(self.stripe_plan_prices)

    @property
    def address(self) -> str:
        """Base of the result links, without a slash at the end."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def bedrock_keys(self) -> Keys:
        return Keys(
            self.bedrock_access_key,
            self.bedrock_secret_key,
            self.bedrock_region,
            self.bedrock_api_key,
        )

    def callback_address(self, url: str) -> str:
        """The URL to which a callback for `url` is sent: `callback_origin`, if set, with the same
        path."""
        parts = urlsplit(url)
        rest = urlunsplit(("", "", parts.path, parts.query, ""))
        return f"{self.callback_origin.rstrip('/')}{rest}" if self.callback_origin else url

    @property
    def callback_keys(self) -> tuple[bytes, ...]:
        """The signing keys of `kling_callback_secret`, in order. Empty: callbacks are unsigned."""
        secrets = [part.strip() for part in self.kling_callback_secret.split(",") if part.strip()]
        return tuple(_decoded(secret) for secret in secrets)


def _in_range(name: str, value: float, minimum: float, maximum: float) -> None:
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} must be between {minimum} and {maximum}")


def _decoded(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("kling_callback_secret must be whsec_ and base64")
    return key
