"""AssemblyAI's temporary tokens (`GET /v3/token` of the streaming host), each for one session that
its holder opens without the key.

Source: https://assemblyai.com/docs/api-reference/streaming-api/generate-streaming-token."""

import re
from urllib.parse import urlencode

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.providers.assemblyai.credentials import AssemblyAiCredentials
from service.providers.assemblyai.mapping import error_of, redacted
from service.providers.assemblyai.streaming import PATH as SOCKET_PATH
from service.providers.assemblyai.streaming import model_of
from service.providers.base import Rejected, RejectionReason
from service.providers.http import NoResponse, ProviderHttp, Reply
from service.providers.reports import Reports
from service.providers.speech import Encoding, SpeechToken, TokenRequest
from service.storage.secrets import SecretUnavailable

log = structlog.get_logger()

PATH = "/v3/token"
# What an address can carry, and a job's result keep.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}", re.ASCII)


class AssemblyAiTokens:
    """The provider "assemblyai" of `service.providers.speech.SpeechTokens`."""

    name = "assemblyai"

    def __init__(
        self,
        base_url: str,
        http: ProviderHttp,
        credentials: AssemblyAiCredentials,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`base_url` is that of the sockets."""
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._metrics = metrics
        self._reports = Reports(self.name, metrics, clock)

    def issue(self, request: TokenRequest, until: float) -> SpeechToken | Rejected:
        """A key that was replaced a moment ago is read again, once: a refused request issues
        nothing."""
        reply = self._sent(request, until)
        if reply is not None and reply.status == 401 and self._credentials.renew():
            reply = self._sent(request, until)
        if reply is None:
            return Rejected(RejectionReason.UNAVAILABLE)
        token = token_of(reply, request)
        if token is not None:
            return token
        self._report(request.job_id, reply)
        is_busy = reply.status == 429
        return Rejected(RejectionReason.BUSY if is_busy else RejectionReason.UNAVAILABLE)

    def address(self, sample_rate: int, encoding: Encoding, language: str) -> str:
        query = {
            "sample_rate": sample_rate,
            "encoding": encoding.value,
            "speech_model": model_of(language),
            "format_turns": "true",
        }
        if language != "en":
            query["language_detection"] = "true"
        return f"{self._base_url}{SOCKET_PATH}?{urlencode(query)}"

    def _sent(self, request: TokenRequest, until: float) -> Reply | None:
        """None where no whole response came."""
        query = urlencode(
            {
                "expires_in_seconds": request.redeem_seconds,
                "max_session_duration_seconds": request.session_seconds,
            }
        )
        started = self._clock.monotonic()
        # `ws:` is `http:`, and `wss:` is `https:`.
        url = f"http{self._base_url.removeprefix('ws')}{PATH}?{query}"
        try:
            headers = {"Authorization": str(self._credentials.keys().api_key)}
            return self._http.get(url, headers, until)
        except SecretUnavailable as error:
            self._reports.not_reached("token", request.job_id, error)
        except NoResponse:
            self._reports.silent("token", request.job_id, started)
        return None

    def _report(self, job_id: str, reply: Reply) -> None:
        log.warning(
            "speech_error",
            provider=self.name,
            job_id=job_id,
            provider_code=str(reply.status),
            provider_message=redacted(error_of(reply) or ""),
        )
        self._metrics.count(
            Metric.PROVIDER_ERRORS, provider=self.name, provider_code=str(reply.status)
        )
        if reply.status in (401, 402, 403):
            self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self.name)


def token_of(reply: Reply, request: TokenRequest) -> SpeechToken | None:
    """The token that a response carries, never for longer than was requested; None where it carries
    none that can be used."""
    found = reply.json()
    if reply.status != 200 or not isinstance(found, dict):
        return None
    text, seconds = found.get("token"), found.get("expires_in_seconds", request.redeem_seconds)
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        return None
    if type(seconds) is not int or seconds <= 0:
        return None
    return SpeechToken(text, min(seconds, request.redeem_seconds))
