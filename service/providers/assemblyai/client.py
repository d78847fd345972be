"""AssemblyAI's transcripts of recordings (`POST` and `GET /v2/transcript`), and its callbacks."""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.providers.assemblyai.credentials import AssemblyAiCredentials
from service.providers.assemblyai.mapping import (
    CALLBACK_HEADER,
    body_of,
    created_at_of,
    error_of,
    is_from_a_proxy,
    is_not_found,
    redacted,
    refusal_of,
    refuses_us,
    task_of,
    transcript_of,
)
from service.providers.base import (
    Accepted,
    CallbackEvent,
    Created,
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    SoughtJob,
    Task,
    TaskLookup,
    TranscriptionRequest,
    audio_digest,
)
from service.providers.http import NeverSent, NoResponse, ProviderHttp, Reply
from service.providers.reports import Reports
from service.storage.secrets import SecretUnavailable

log = structlog.get_logger()

PATH = "/v2/transcript"
MAX_SENDS = 3
BUSY_PAUSE_SECONDS = 1.0
# A word of a transcript takes about 90 bytes, and ten hours have about 90,000 of them.
MAX_TRANSCRIPT_BYTES = 24 * 1024 * 1024
# With the head of the response, and what chunks and encryption add.
MAX_RECEIVED_BYTES = MAX_TRANSCRIPT_BYTES + 1024 * 1024
PAGE = 200
MAX_PAGES = 10
# Of transcripts that were created at about the time of the sought one, and are of other audio.
MAX_OTHERS = 100
CLOCK_SKEW_MILLISECONDS = 120_000


class _Unusable(Exception):
    """A response that proves nothing."""


@dataclass(frozen=True)
class AssemblyAiCalls:
    """How it is called: which speech model, and for how long one query may take."""

    base_url: str
    speech_model: str
    query_seconds: float


class AssemblyAi:
    """The provider "assemblyai". See `service.providers.base.TranscriptionProvider` for what its
    methods promise.

    It takes no id of ours. What is unique to a job is the address of its callback: `job_of` returns
    whose job's address that is."""

    name = "assemblyai"

    def __init__(
        self,
        http: ProviderHttp,
        credentials: AssemblyAiCredentials,
        clock: Clock,
        metrics: Metrics,
        calls: AssemblyAiCalls,
        job_of: Callable[[str], str | None],
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._metrics = metrics
        self._calls = calls
        self._url = calls.base_url.rstrip("/") + PATH
        self._job_of = job_of
        self._reports = Reports(self.name, metrics, clock)

    def create(self, request: TranscriptionRequest, until: float) -> Created:
        outcome: Created = Rejected(RejectionReason.UNAVAILABLE)
        missed = False
        for sends_left in reversed(range(MAX_SENDS)):
            if self._clock.monotonic() >= until:
                break
            reply = self._send(request, until)
            missed = reply is None
            if reply is None:
                continue
            if isinstance(reply, Indeterminate):
                return reply
            outcome = self._created(reply, request, until)
            if reply.status == 401 and sends_left and self._credentials.renew():
                continue
            if outcome == Rejected(RejectionReason.UNAVAILABLE) and refuses_us(reply):
                self._count_refusal()
            if outcome != Rejected(RejectionReason.BUSY) or not sends_left:
                return outcome
            self._clock.sleep(BUSY_PAUSE_SECONDS)
        if missed:
            self._metrics.count(Metric.PROVIDER_NOT_REACHED, provider=self.name)
        return outcome

    def fetch_task(self, task_id: str | None, job: SoughtJob) -> TaskLookup:
        until = self._clock.monotonic() + self._calls.query_seconds
        try:
            if task_id is not None:
                return self._fetched(task_id, job.job_id, until)
            return self._searched(job, until)
        except _Unusable:
            return Indeterminate()

    def delete(self, task_id: str) -> bool:
        """AssemblyAI's response is the transcript, which may be long; one that is deleted already
        may be shown, too, or is not found."""
        until = self._clock.monotonic() + self._calls.query_seconds
        url = f"{self._url}/{quote(task_id, safe='')}"
        try:
            reply = self._timed(
                "delete",
                lambda: self._http.delete(url, self._headers(), until, MAX_TRANSCRIPT_BYTES),
            )
        except (NoResponse, SecretUnavailable):
            log.warning("transcript_not_deleted", provider=self.name, transcript_id=task_id)
            return False
        if transcript_of(reply) is not None or is_not_found(reply):
            return True
        self._report("delete", reply, "")
        if reply.status == 401:
            self._credentials.renew()
        return False

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        """AssemblyAI signs nothing: its callbacks carry the secret that each create named."""
        del now
        secret = self._credentials.keys().callback_secret
        given = headers.get(CALLBACK_HEADER.lower(), "")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            return None
        event: Any = Reply(200, body).json()
        if not isinstance(event, dict):
            return None
        return CallbackEvent(final=event.get("status") in ("completed", "error"))

    def _send(self, request: TranscriptionRequest, until: float) -> Reply | Indeterminate | None:
        """One try: the response, `Indeterminate` when it may have arrived, None when it surely was
        not sent."""
        started = self._clock.monotonic()
        try:
            secret = self._credentials.keys().callback_secret
            body = json.dumps(body_of(request, self._calls.speech_model, secret)).encode()
            headers = {**self._headers(), "Content-Type": "application/json"}
            return self._timed(
                "create", lambda: self._http.send_once(self._url, headers, body, until)
            )
        except (NeverSent, SecretUnavailable) as error:
            self._reports.not_reached("create", request.job_id, error)
            return None
        except NoResponse:
            self._reports.silent("create", request.job_id, started)
            return Indeterminate()

    def _created(self, reply: Reply, request: TranscriptionRequest, until: float) -> Created:
        transcript = transcript_of(reply)
        if transcript is not None:
            if self._is_of_another(transcript, request.job_id):
                return Indeterminate()
            return Accepted(task_of(transcript))
        self._report("create", reply, request.job_id)
        if is_from_a_proxy(reply):
            return self._turned_away(request, until)
        reason = refusal_of(reply)
        return Rejected(reason) if reason else Indeterminate()

    def _turned_away(self, request: TranscriptionRequest, until: float) -> Created:
        """Something in front of AssemblyAI refused the request. That is certain only once its list
        has no transcript of ours: one search, within what is left of the create's time."""
        now = self._clock.now()
        sought = SoughtJob(request.job_id, now - 60_000, now, audio_digest(request.audio_url))
        try:
            found = self._searched(sought, min(until, self._clock.monotonic() + 5.0))
        except _Unusable:
            return Indeterminate()
        if isinstance(found, NotFound):
            return Rejected(RejectionReason.UNAVAILABLE)
        return Indeterminate()

    def _fetched(self, task_id: str, job_id: str, until: float) -> TaskLookup:
        reply = self._get(f"{self._url}/{quote(task_id, safe='')}", job_id, until)
        transcript = transcript_of(reply)
        if transcript is None:
            self._report("query", reply, job_id)
            return NotFound() if is_not_found(reply) else Indeterminate()
        if transcript["id"] != task_id or self._is_of_another(transcript, job_id):
            self._reports.foreign_task(job_id, transcript["id"])
            return Indeterminate()
        return Found(task_of(transcript))

    def _searched(self, job: SoughtJob, until: float) -> TaskLookup:
        """The transcript whose callback is the job's. The list shows no callbacks: those of the
        job's own audio are fetched first, since whole transcripts take time, then a few others of
        that time, should the address of the audio be shown in another form than it was sent. Raises
        `_Unusable`."""
        others: list[Mapping[str, Any]] = []
        for entry in self._listed(job, until):
            if not job.is_its_audio(str(entry.get("audio_url"))):
                others.append(entry)
            elif task := self._task_of_job(entry, job, until):
                return Found(task)
        for entry in others[:MAX_OTHERS]:
            if task := self._task_of_job(entry, job, until):
                return Found(task)
        if len(others) > MAX_OTHERS and job.audio_digest is None:
            raise _Unusable
        return NotFound()

    def _task_of_job(self, entry: Mapping[str, Any], job: SoughtJob, until: float) -> Task | None:
        """The entry's task; None where it is not the job's. Raises `_Unusable`."""
        url = f"{self._url}/{quote(str(entry.get('id')), safe='')}"
        reply = self._get(url, job.job_id, until)
        transcript = transcript_of(reply)
        if transcript is None and not is_not_found(reply):
            # Which job it is of cannot be known: it may be the sought one.
            self._report("query", reply, job.job_id)
            raise _Unusable
        if transcript and self._job_of(str(transcript.get("webhook_url"))) == job.job_id:
            return task_of(transcript)
        return None

    def _listed(self, job: SoughtJob, until: float) -> Iterator[Mapping[str, Any]]:
        """Newest first, what may have been created by the job's request; of its own audio also what
        is later, since a request may arrive long after it was given up. Raises `_Unusable` when its
        time is not reached."""
        before = ""
        for _ in range(MAX_PAGES):
            entries = self._page(job, before, until)
            for entry in entries:
                created_at = created_at_of(entry)
                if created_at is None:
                    yield entry
                elif created_at < job.sent_from - CLOCK_SKEW_MILLISECONDS:
                    return
                elif created_at <= job.sent_until + CLOCK_SKEW_MILLISECONDS or job.is_its_audio(
                    str(entry.get("audio_url"))
                ):
                    yield entry
            if len(entries) < PAGE:
                return
            before = f"&before_id={quote(str(entries[-1].get('id')), safe='')}"
        raise _Unusable

    def _page(self, job: SoughtJob, before: str, until: float) -> list[Mapping[str, Any]]:
        reply = self._get(f"{self._url}?limit={PAGE}{before}", job.job_id, until)
        body = reply.json()
        entries = body.get("transcripts") if isinstance(body, dict) else None
        whole = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
        if reply.status != 200 or not whole:
            self._report("query", reply, job.job_id)
            raise _Unusable
        return list(entries or ())

    def _get(self, url: str, job_id: str, until: float) -> Reply:
        """Raises `_Unusable` where no whole response comes."""
        started = self._clock.monotonic()
        for last in (False, True):
            try:
                reply = self._timed(
                    "query",
                    lambda: self._http.get(url, self._headers(), until, MAX_TRANSCRIPT_BYTES),
                )
            except SecretUnavailable as error:
                self._reports.not_reached("query", job_id, error)
                raise _Unusable from error
            except NoResponse as error:
                self._reports.silent("query", job_id, started)
                raise _Unusable from error
            if last or reply.status != 401 or not self._credentials.renew():
                break
        if reply.status == 401:
            self._count_refusal()
        return reply

    def _is_of_another(self, transcript: Mapping[str, Any], job_id: str) -> bool:
        """Whether its callback names another job, or is none of ours; one without a callback is the
        job's as far as its id is."""
        callback = transcript.get("webhook_url")
        return bool(callback) and self._job_of(str(callback)) != job_id

    def _headers(self) -> dict[str, str]:
        """The bare key, without a scheme in front of it."""
        return {"Authorization": self._credentials.keys().api_key}

    def _report(self, operation: str, reply: Reply, job_id: str) -> None:
        """AssemblyAI's words go to the log, for the operator; never to the client."""
        log.warning(
            "provider_error",
            provider=self.name,
            operation=operation,
            job_id=job_id,
            status=reply.status,
            provider_message=redacted(error_of(reply) or ""),
        )
        code = str(reply.status) if error_of(reply) else "other"
        self._metrics.count(Metric.PROVIDER_ERRORS, provider=self.name, provider_code=code)

    def _count_refusal(self) -> None:
        """Of our key or balance: one is enough to wake an operator."""
        self._metrics.count(Metric.PROVIDER_REFUSES_US, provider=self.name)

    def _timed(self, operation: str, send: Callable[[], Reply]) -> Reply:
        started = self._clock.monotonic()
        try:
            return send()
        finally:
            elapsed = (self._clock.monotonic() - started) * 1000
            self._metrics.timing(
                Metric.PROVIDER_LATENCY, elapsed, provider=self.name, operation=operation
            )
