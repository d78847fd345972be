"""AssemblyAI's streaming sessions (`wss://…/v3/ws`).

Sources: https://www.assemblyai.com/docs/api-reference/streaming-api, and its Python SDK."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from service.core.metrics import Metric, Metrics
from service.providers.assemblyai.credentials import AssemblyAiCredentials
from service.providers.assemblyai.mapping import redacted
from service.providers.base import RejectionReason
from service.providers.speech import (
    BrokenOff,
    Ended,
    SpeechEvent,
    SpeechRefused,
    SpeechRequest,
    SpokenWord,
    Utterance,
)
from service.storage.secrets import SecretUnavailable

log = structlog.get_logger()

PATH = "/v3/ws"
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
PING_SECONDS = 20.0
# A utterance of many minutes with all its words.
MAX_MESSAGE_BYTES = 256 * 1024
MAX_UTTERANCE_CHARACTERS = 20_000
MAX_UTTERANCE_WORDS = 4_000
MAX_UTTERANCES = 100_000
MAX_MILLISECONDS = 7 * 24 * 3600 * 1000
MAX_SECONDS = 7 * 24 * 3600
ENGLISH, SEVERAL = "universal-streaming-english", "universal-streaming-multilingual"
# 1008: key, account or too many sessions; 3009: too many sessions; 4002: balance.
_BUSY_CODES = {3009}
# Chunks that are too short or too long, which this client never sends, or too much audio at once.
TOO_FAST_CODE = 3007
_BUSY_WORDS = "too many"


def model_of(language: str) -> str:
    return ENGLISH if language == "en" else SEVERAL


class AssemblyAiSpeech:
    """The provider "assemblyai" of `service.providers.speech.SpeechProvider`."""

    name = "assemblyai"

    def __init__(
        self, base_url: str, credentials: AssemblyAiCredentials, metrics: Metrics, tls: Any
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._metrics = metrics
        self._tls = tls

    def model_of(self, language: str) -> str:
        return model_of(language)

    async def open(self, request: SpeechRequest) -> "AssemblyAiStream":
        """A key that was replaced a moment ago is read again, once."""
        for is_last in (False, True):
            try:
                return await self._open(request)
            except InvalidStatus as error:
                status = error.response.status_code
                self._report(request.job_id, str(status))
                if status == 429:
                    raise SpeechRefused(RejectionReason.BUSY) from None
                # In a thread, since another may hold the keys' lock while it reads the secret.
                renew = self._credentials.renew
                if status == 401 and not is_last and await asyncio.to_thread(renew):
                    continue
                if status in (401, 403):
                    self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self.name)
                raise SpeechRefused(RejectionReason.UNAVAILABLE) from None
            except (OSError, TimeoutError, WebSocketException, SecretUnavailable) as error:
                log.warning(
                    "speech_not_reached",
                    provider=self.name,
                    job_id=request.job_id,
                    reason=type(error).__name__,
                )
                self._metrics.count(Metric.PROVIDER_NOT_REACHED, provider=self.name)
                raise SpeechRefused(RejectionReason.UNAVAILABLE) from None
        raise AssertionError("unreachable")

    async def _open(self, request: SpeechRequest) -> "AssemblyAiStream":
        keys = await asyncio.to_thread(self._credentials.keys)
        is_tls = self._base_url.startswith("wss:")
        async with asyncio.timeout(OPEN_SECONDS):
            connection = await connect(
                self._url(request),
                additional_headers={"Authorization": str(keys.api_key)},
                ssl=self._tls if is_tls else None,
                compression=None,
                proxy=None,
                user_agent_header=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=16,
            )
            try:
                await self._await_begin(connection, request.job_id)
            except BaseException:
                connection.transport.abort()
                raise
        return AssemblyAiStream(connection, request.job_id, self._report)

    def _url(self, request: SpeechRequest) -> str:
        query = {
            "sample_rate": request.sample_rate,
            "encoding": request.encoding.value,
            "speech_model": self.model_of(request.language),
            "format_turns": "true",
            "inactivity_timeout": request.idle_seconds,
        }
        if request.language != "en":
            query["language_detection"] = "true"
        return f"{self._base_url}{PATH}?{urlencode(query)}"

    async def _await_begin(self, connection: ClientConnection, job_id: str) -> None:
        """Raises `SpeechRefused` for a session that ends instead of beginning."""
        try:
            first = _parsed(await connection.recv())
        except ConnectionClosed as error:
            closed = error.rcvd
            code, reason = (closed.code, closed.reason) if closed else (1006, "")
            self._report(job_id, str(code), reason)
            raise SpeechRefused(self._refusal(code, reason)) from None
        if first.get("type") != "Begin":
            words = str(first.get("error", ""))
            self._report(job_id, str(first.get("error_code", "other")), words)
            raise SpeechRefused(self._refusal(_whole(first.get("error_code"), 10_000) or 0, words))

    def _refusal(self, code: int, reason: str) -> RejectionReason:
        if code in _BUSY_CODES or _BUSY_WORDS in reason.lower():
            return RejectionReason.BUSY
        if code in (1008, 4001, 4002):
            self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self.name)
        return RejectionReason.UNAVAILABLE

    def _report(self, job_id: str, code: str, words: str = "") -> None:
        log.warning(
            "speech_error",
            provider=self.name,
            job_id=job_id,
            provider_code=code,
            provider_message=redacted(words),
        )
        self._metrics.count(Metric.PROVIDER_ERRORS, provider=self.name, provider_code=code)


class AssemblyAiStream:
    """See `service.providers.speech.SpeechStream`."""

    def __init__(self, connection: ClientConnection, job_id: str, report: Any) -> None:
        self._connection = connection
        self._job_id = job_id
        self._report = report

    async def send(self, audio: bytes) -> None:
        try:
            await self._connection.send(audio)
        except ConnectionClosed:
            return

    async def finish(self) -> None:
        try:
            await self._connection.send('{"type": "Terminate"}')
        except ConnectionClosed:
            return

    async def events(self) -> AsyncIterator[SpeechEvent]:
        while True:
            try:
                message = _parsed(await self._connection.recv())
            except ConnectionClosed as error:
                code = error.rcvd.code if error.rcvd else 1006
                self._report(self._job_id, str(code), error.rcvd.reason if error.rcvd else "")
                yield BrokenOff(f"closed_{code}", is_too_fast=code == TOO_FAST_CODE)
                return
            match message.get("type"):
                case "Turn":
                    utterance = utterance_of(message)
                    if utterance is not None:
                        yield utterance
                case "Termination":
                    yield ended_of(message)
                    return
                case "Error":
                    code = _whole(message.get("error_code"), 10_000) or 0
                    self._report(self._job_id, str(code), str(message.get("error", "")))
                    yield BrokenOff(f"error_{code}", is_too_fast=code == TOO_FAST_CODE)
                    return

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close()
        except (TimeoutError, OSError, InvalidHandshake):
            self._connection.transport.abort()


def utterance_of(message: Mapping[str, Any]) -> Utterance | None:
    """The utterance that a message shows; None for one that cannot be read."""
    number, text = _whole(message.get("turn_order"), MAX_UTTERANCES), message.get("transcript")
    words = message.get("words")
    if number is None or not isinstance(text, str) or not isinstance(words, list | None):
        return None
    spoken = tuple(found for each in (words or ())[:MAX_UTTERANCE_WORDS] if (found := _word(each)))
    said = text or " ".join(word.text for word in spoken)
    return Utterance(
        number, _clean(said)[:MAX_UTTERANCE_CHARACTERS], spoken, message.get("end_of_turn") is True
    )


def ended_of(message: Mapping[str, Any]) -> Ended:
    """What a vendor's last message says of its session, whole seconds rounded down."""
    return Ended(
        _whole(message.get("audio_duration_seconds"), MAX_SECONDS),
        _whole(message.get("session_duration_seconds"), MAX_SECONDS),
    )


def _word(given: Any) -> SpokenWord | None:
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return None
    start, end = (
        _whole(given.get("start"), MAX_MILLISECONDS),
        _whole(given.get("end"), MAX_MILLISECONDS),
    )
    if start is None or end is None or end < start:
        return None
    return SpokenWord(start, end, _clean(given["text"])[:200])


def _parsed(message: str | bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: object, limit: int) -> int | None:
    """A number from 0 up to the limit, rounded down; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= limit else None


def _clean(text: str) -> str:
    """Half a surrogate pair, which JSON can spell, has no UTF-8."""
    return text.encode("utf-8", "replace").decode()
