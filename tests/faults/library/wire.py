"""Faults between the service and DynamoDB, injected under the real client.

`lost-request`: never arrives, the caller sees a read timeout. `lost-response`: arrives and is done,
the caller sees a read timeout. `late`: like lost-request, but `deliver_late()` lets it arrive
afterwards. `throttle`, `conflict`, `internal`: DynamoDB's own refusals. `unreachable`: no
connection. `foreign-applied`, `foreign-lost`: something else responds with a 200, whether the
request was done or never arrived."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

WRITES = ("TransactWriteItems", "PutItem", "UpdateItem")


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


def response_with(status: int, content: Any) -> AWSResponse:
    """DynamoDB's response on the wire."""
    body = json.dumps(content).encode()
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-crc32": str(zlib.crc32(body)),
    }
    return AWSResponse("http://127.0.0.1", status, headers, _Raw(body))


def page() -> AWSResponse:
    """What a proxy or a sign-in page says in DynamoDB's place."""
    body = b"<html><body>Please sign in.</body></html>"
    return AWSResponse("http://127.0.0.1", 200, {"content-type": "text/html"}, _Raw(body))


def refusal(status: int, code: str, **extra: object) -> AWSResponse:
    """DynamoDB's own response with that error."""
    return response_with(
        status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **extra}
    )


def operation_of(request: AWSPreparedRequest) -> str:
    target = request.headers["X-Amz-Target"]
    return str((target.decode() if isinstance(target, bytes) else target).partition(".")[2])


@dataclass
class Planned:
    operation: str
    fault: str
    skip: int
    times: int


_APPLIED = ("lost-answer", "foreign-applied")
_CONFLICT = [{"Code": "TransactionConflict", "Message": "ongoing"}]
_RESPONSES: dict[str, Callable[[], AWSResponse]] = {
    "foreign-applied": page,
    "foreign-lost": page,
    "throttle": lambda: refusal(400, "ThrottlingException"),
    "internal": lambda: refusal(500, "InternalServerError"),
    "conflict": lambda: refusal(400, "TransactionCanceledException", CancellationReasons=_CONFLICT),
}
FAULTS = {"lost-answer", "lost-request", "late", "unreachable", *_RESPONSES}


class Wire:
    """Watches and disturbs one client's requests. `calls` names every operation sent, in order."""

    def __init__(self, client: Any) -> None:
        self.calls: list[str] = []
        self._plans: list[Planned] = []
        self._session = URLLib3Session()
        self._late: list[AWSPreparedRequest] = []
        self._before: list[Callable[[str], None]] = []
        client.meta.events.register("before-send.dynamodb", self._meet)

    def plan(self, operation: str, fault: str, *, skip: int = 0, times: int = 1) -> None:
        """The next `times` requests of that operation (after `skip` others) meet the fault. `Write`
        stands for any write."""
        if fault not in FAULTS:
            raise ValueError(fault)
        self._plans.append(Planned(operation, fault, skip, times))

    def before(self, act: Callable[[str], None]) -> None:
        """Calls `act(operation)` before each request is sent."""
        self._before.append(act)

    def deliver_late(self) -> list[int]:
        """Delivers every late request now. Returns their statuses."""
        late, self._late = self._late, []
        return [self._session.send(request).status_code for request in late]

    def _meet(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        operation = operation_of(request)
        for act in self._before:
            act(operation)
        self.calls.append(operation)
        fault = self._next_fault(operation)
        return self._apply(fault, request) if fault else None

    def _next_fault(self, operation: str) -> str | None:
        for plan in self._plans:
            if plan.operation == operation or (plan.operation == "Write" and operation in WRITES):
                if plan.skip:
                    plan.skip -= 1
                    continue
                plan.times -= 1
                if not plan.times:
                    self._plans.remove(plan)
                return plan.fault
        return None

    def _apply(self, fault: str, request: AWSPreparedRequest) -> AWSResponse:
        if fault in _APPLIED:
            self._session.send(request)
        if fault == "late":
            self._late.append(request)
        if fault == "unreachable":
            raise EndpointConnectionError(endpoint_url=request.url)
        if fault not in _RESPONSES:
            raise ReadTimeoutError(endpoint_url=request.url)
        return _RESPONSES[fault]()
