"""Kling's image-to-video API (legacy paths, `POST` and `GET /v1/videos/image2video`), and its
callbacks."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog

from service.core.amounts import Micros, parse_micros
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.providers.base import (
    Accepted,
    CallbackEvent,
    Created,
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    Task,
    TaskLookup,
    TaskStatus,
    VideoRequest,
)
from service.providers.http import NeverSent, NoResponse, ProviderHttp, Reply
from service.providers.kling.credentials import KlingCredentials
from service.providers.kling.messages import (
    is_id_in_use,
    is_task_not_found,
    redacted,
    rejection_of,
)
from service.providers.reports import Reports
from service.providers.signatures import signature_holds
from service.storage.codec import Value
from service.storage.secrets import SecretUnavailable

log = structlog.get_logger()

PATH = "/v1/videos/image2video"
MAX_SENDS = 3
BUSY_PAUSE_SECONDS = 1.0
TASK_NOT_FOUND = (404, 1203)
STALE_TOKEN_CODES = {1000, 1001, 1002, 1003, 1004}
PARAMETER_CODES = {1200, 1201}
REQUEST_TIMEOUT = 408

# Kling's error codes (https://kling.ai/document-api/api/get-started/error-codes) that prove a
# create was turned down. Of `PARAMETER_CODES` the message says why.
REASON_OF_CODE = {
    **dict.fromkeys((1300, 1301), RejectionReason.CONTENT),
    **dict.fromkeys((1302, 1303), RejectionReason.BUSY),
    **dict.fromkeys(
        (*STALE_TOKEN_CODES, 1100, 1101, 1102, 1103, *PARAMETER_CODES, 1202, 1203, 1304),
        RejectionReason.UNAVAILABLE,
    ),
}
TROUBLES = (5000, 5001, 5002)
_STATUSES = {
    "submitted": TaskStatus.RUNNING,
    "processing": TaskStatus.RUNNING,
    "succeed": TaskStatus.SUCCEEDED,
    "succeeded": TaskStatus.SUCCEEDED,
    "failed": TaskStatus.FAILED,
}
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_FACT = 40


@dataclass(frozen=True)
class KlingDefaults:
    """The parameters that are the same for every request."""

    model_name: str
    mode: str
    duration: str


class Kling:
    """The provider "kling". See `service.providers.base.Provider` for what its methods promise."""

    name = "kling"

    def __init__(
        self,
        http: ProviderHttp,
        credentials: KlingCredentials,
        clock: Clock,
        metrics: Metrics,
        base_url: str,
        defaults: KlingDefaults,
        query_seconds: float,
        callback_secret: Callable[[], str],
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._metrics = metrics
        self._url = base_url.rstrip("/") + PATH
        self._defaults = defaults
        self._query_seconds = query_seconds
        self._callback_secret = callback_secret
        self._reports = Reports(self.name, metrics, clock)

    def create(self, request: VideoRequest, until: float) -> Created:
        body = json.dumps(self._body(request)).encode()
        outcome: Created = Rejected(RejectionReason.UNAVAILABLE)
        renewed = missed = False
        for sends_left in reversed(range(MAX_SENDS)):
            if self._clock.monotonic() >= until:
                break
            reply = self._send(body, request.job_id, until)
            missed = reply is None
            if reply is None:
                continue
            if isinstance(reply, Indeterminate):
                return reply
            outcome = self._created(reply, request.job_id, until)
            stale = (
                outcome == Rejected(RejectionReason.UNAVAILABLE)
                and _code(reply) in STALE_TOKEN_CODES
            )
            if stale and not renewed and sends_left:
                renewed = True
                self._credentials.renew()
                continue
            self._count_refusal(outcome)
            if outcome == Rejected(RejectionReason.BUSY) and sends_left:
                self._clock.sleep(BUSY_PAUSE_SECONDS)
            else:
                return outcome
        if missed:
            # Of orders, not of tries: one that gets through in the end was not out of reach.
            self._metrics.count(Metric.PROVIDER_NOT_REACHED, provider=self.name)
        return outcome

    def fetch_task(self, task_id: str | None, job_id: str) -> TaskLookup:
        return self._fetch(task_id, job_id, self._clock.monotonic() + self._query_seconds)

    def _fetch(self, task_id: str | None, job_id: str, until: float) -> TaskLookup:
        started = self._clock.monotonic()
        url = f"{self._url}/{quote(task_id or job_id, safe='')}"
        for last in (False, True):
            try:
                reply = self._timed("query", lambda: self._http.get(url, self._headers(), until))
            except SecretUnavailable as error:
                self._reports.not_reached("query", job_id, error)
                return Indeterminate()
            except NoResponse:
                self._reports.silent("query", job_id, started)
                return Indeterminate()
            if last or _code(reply) not in STALE_TOKEN_CODES:
                break
            self._credentials.renew()
        return self._lookup(reply, task_id, job_id)

    def show(self, facts: Mapping[str, Value], job_id: str) -> Mapping[str, object]:
        shown: dict[str, object] = {
            name: value for name, value in facts.items() if name != "videos"
        }
        shown["task_info"] = {"external_task_id": job_id}
        if facts.get("videos"):
            shown["task_result"] = {"videos": facts["videos"]}
        return shown

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        secret = self._callback_secret()
        if secret and not signature_holds(secret, headers, body, now):
            return None
        task: Any = Reply(200, body).json()
        if not isinstance(task, dict):
            return None
        status = _STATUSES.get(str(task.get("task_status") or task.get("status")))
        return CallbackEvent(final=status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED))

    def _send(self, body: bytes, job_id: str, until: float) -> Reply | Indeterminate | None:
        """One try: the response, `Indeterminate` when it may have arrived, None when it surely was
        not sent."""
        started = self._clock.monotonic()
        try:
            return self._timed(
                "create", lambda: self._http.send_once(self._url, self._headers(), body, until)
            )
        except (NeverSent, SecretUnavailable) as error:
            self._reports.not_reached("create", job_id, error)
            return None
        except NoResponse:
            self._reports.silent("create", job_id, started)
            return Indeterminate()

    def _body(self, request: VideoRequest) -> dict[str, str]:
        body = {
            "model_name": self._defaults.model_name,
            "mode": self._defaults.mode,
            "duration": self._defaults.duration,
            "image": request.image,
            "prompt": request.prompt,
            "external_task_id": request.job_id,
        }
        return body | ({"callback_url": request.callback_url} if request.callback_url else {})

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._credentials.bearer()}",
            "Content-Type": "application/json",
        }

    def _created(self, reply: Reply, job_id: str, until: float) -> Created:
        if reply.status == 200 and _code(reply) == 0:
            task = _task(reply)
            if task is None or not self._is_own(reply, task, None, job_id):
                return Indeterminate()
            return Accepted(task)
        self._report("create", reply, job_id)
        if _is_from_a_proxy(reply):
            return self._turned_away(job_id, until)
        reason = _refusal(reply)
        return Rejected(reason) if reason else Indeterminate()

    def _turned_away(self, job_id: str, until: float) -> Created:
        """Something in front of Kling refused the request. That is certain only once Kling itself
        says that it has no task of ours: one query, within what is left of the create's time."""
        until = min(until, self._clock.monotonic() + self._query_seconds)
        if isinstance(self._fetch(None, job_id, until), NotFound):
            return Rejected(RejectionReason.UNAVAILABLE)
        return Indeterminate()

    def _lookup(self, reply: Reply, task_id: str | None, job_id: str) -> TaskLookup:
        code = _code(reply)
        if reply.status == 200 and code == 0:
            task = _task(reply)
            if task is None or not self._is_own(reply, task, task_id, job_id):
                return Indeterminate()
            return Found(task)
        self._report("query", reply, job_id)
        if _is_not_found(reply, task_id or job_id):
            return NotFound()
        reason = _refusal(reply)
        self._count_refusal(Rejected(reason) if reason else Indeterminate())
        return Indeterminate()

    def _is_own(self, reply: Reply, task: Task, task_id: str | None, job_id: str) -> bool:
        """Whether the response is about the job's own task. Another's says nothing about the job,
        and would deliver one video twice, or to the wrong user."""
        if task_id in (None, task.task_id) and _external_id(reply) in (None, "", job_id):
            return True
        self._reports.foreign_task(job_id, task.task_id)
        return False

    def _report(self, operation: str, reply: Reply, job_id: str) -> None:
        """Kling's words go to the log, for the operator; never to the client."""
        body: Any = reply.json() if isinstance(reply.json(), dict) else {}
        log.warning(
            "provider_error",
            provider=self.name,
            operation=operation,
            job_id=job_id,
            status=reply.status,
            provider_code=body.get("code"),
            provider_message=redacted(_message(reply)),
            provider_request_id=str(body.get("request_id", ""))[:64],
        )
        code = _code(reply) or 0
        known = str(code) if code in REASON_OF_CODE or code in TROUBLES else "other"
        self._metrics.count(Metric.PROVIDER_ERRORS, provider=self.name, provider_code=known)

    def _count_refusal(self, outcome: Created) -> None:
        """Counts refusals of our key, our balance or our requests, of creates and queries alike:
        one is enough to wake somebody, so a token that is only stale does not count before it was
        made anew."""
        if outcome == Rejected(RejectionReason.UNAVAILABLE):
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


def _code(reply: Reply) -> int | None:
    body = reply.json()
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _message(reply: Reply) -> str:
    body = reply.json()
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def _is_from_a_proxy(reply: Reply) -> bool:
    """A 4xx without Kling's code: its edge refused the request. Not 408, which may mean that Kling
    received the request and was slow."""
    is_refusal = 400 <= reply.status < 500 and reply.status != REQUEST_TIMEOUT
    return is_refusal and _code(reply) is None


def _refusal(reply: Reply) -> RejectionReason | None:
    """Why Kling declined for certain, None if the response does not prove that it did."""
    code = _code(reply)
    if code not in REASON_OF_CODE or not 400 <= reply.status < 500:
        return None
    if code in PARAMETER_CODES:
        # An id that is in use proves that the task exists.
        if is_id_in_use(_message(reply)):
            return None
        return rejection_of(_message(reply)) or RejectionReason.UNAVAILABLE
    return REASON_OF_CODE[code]


def _is_not_found(reply: Reply, requested_id: str) -> bool:
    """Kling's definite "no such task": 404 with 1203 by its documentation, 400 with 1201 and the
    id that was requested in practice."""
    if (reply.status, _code(reply)) == TASK_NOT_FOUND:
        return True
    refused = reply.status == 400 and _code(reply) in PARAMETER_CODES
    return refused and is_task_not_found(_message(reply), requested_id)


def _task(reply: Reply) -> Task | None:
    """Returns the task in Kling's response, None if the response is malformed."""
    data: Any = reply.json().get("data")
    if not isinstance(data, dict):
        return None
    task_id, status = data.get("task_id"), _STATUSES.get(str(data.get("task_status")))
    if not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id) or status is None:
        return None
    video = _first_video(data)
    url = video.get("url")
    message = str(data.get("task_status_msg") or "")
    facts = {"task_id": task_id, "task_status": str(data["task_status"]), **_times(data)}
    if status is TaskStatus.SUCCEEDED and isinstance(url, str):
        facts["videos"] = (
            {name: _fact(video[name]) for name in ("id", "duration") if name in video},
        )
    return Task(
        task_id,
        status,
        facts,
        url if isinstance(url, str) else None,
        redacted(message),
        rejection_of(message) if status is TaskStatus.FAILED else None,
        _units(data.get("final_unit_deduction")),
    )


def _units(given: object) -> Micros | None:
    """The units that Kling deducted for the task, which it reports as text once the task has
    ended."""
    try:
        return parse_micros(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _fact(value: object) -> str:
    """Bounded text that DynamoDB stores as it is: half a surrogate pair, which JSON can spell, has
    no UTF-8."""
    return str(value)[:_MAX_FACT].encode("utf-8", "replace").decode()


def _external_id(reply: Reply) -> object:
    """Our id of the task, as far as the response names one."""
    info = reply.json()["data"].get("task_info")
    return info.get("external_task_id") if isinstance(info, dict) else None


def _first_video(data: Mapping[str, Any]) -> dict[str, Any]:
    result = data.get("task_result")
    videos = result.get("videos") if isinstance(result, dict) else None
    first = videos[0] if isinstance(videos, list) and videos else None
    return first if isinstance(first, dict) else {}


def _times(data: Mapping[str, Any]) -> dict[str, Value]:
    return {
        name: data[name]
        for name in ("created_at", "updated_at")
        if isinstance(data.get(name), int) and 0 < data[name] < 10**14
    }
