"""Faults between the service and DynamoDB, injected where the real client's requests leave it.

`lost-request`: never arrives, the caller sees a read timeout. `lost-answer`: arrives and is done,
the caller sees a read timeout. `late`: like lost-request, but `deliver_late()` lets it arrive
afterwards. `throttle`, `conflict`, `internal`: DynamoDB's own refusals. `unreachable`: no
connection. `foreign-applied`, `foreign-lost`: something else responds with a 200, whether the
request was done or never arrived."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.storage.dynamodb import DynamoDb
from service.storage.outcomes import HttpResponse, NeverSent, Outcome, PossiblyApplied

WRITES = ("TransactWriteItems", "PutItem", "UpdateItem")
UNREACHABLE = NeverSent("Connection refused")
TIMED_OUT = PossiblyApplied("ReadTimeoutError")

Reply = HttpResponse | Outcome
Body = dict[str, Any]


def response_with(status: int, content: Any) -> HttpResponse:
    """DynamoDB's response on the wire."""
    body = json.dumps(content).encode()
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-crc32": str(zlib.crc32(body)),
        "x-amzn-requestid": "REQUEST",
    }
    return HttpResponse(status, headers, body)


def page() -> HttpResponse:
    """What a proxy or a sign-in page says in DynamoDB's place."""
    body = b"<html><body>Please sign in.</body></html>"
    return HttpResponse(200, {"content-type": "text/html"}, body)


def refusal(status: int, code: str, **extra: object) -> HttpResponse:
    """DynamoDB's own response with that error."""
    return response_with(
        status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **extra}
    )


def operation_of(headers: Mapping[str, str]) -> str:
    return headers["x-amz-target"].partition(".")[2]


@dataclass
class Planned:
    operation: str
    fault: str
    skip: int
    times: int


_APPLIED = ("lost-answer", "foreign-applied")
_CONFLICT = [{"Code": "TransactionConflict", "Message": "ongoing"}]
_REPLIES: dict[str, Callable[[], Reply]] = {
    "foreign-applied": page,
    "foreign-lost": page,
    "throttle": lambda: refusal(400, "ThrottlingException"),
    "internal": lambda: refusal(500, "InternalServerError"),
    "conflict": lambda: refusal(400, "TransactionCanceledException", CancellationReasons=_CONFLICT),
    "unreachable": lambda: UNREACHABLE,
}
FAULTS = {"lost-answer", "lost-request", "late", *_REPLIES}


class Wire:
    """Stands at one client's wire, watches its requests and disturbs them. `calls` names every
    operation sent, in order. Of several at the same client, the last one meets a request first."""

    def __init__(self, client: DynamoDb) -> None:
        self.calls: list[str] = []
        self._plans: list[Planned] = []
        self._late: list[tuple[Mapping[str, str], bytes]] = []
        self._before: list[Callable[[str], object]] = []
        self._after: list[Callable[[str, Body, Reply], object]] = []
        self._instead: list[Callable[[str, Body], Reply | None]] = []
        self._client, self._next = client, client.wire
        client.wire = self

    def plan(self, operation: str, fault: str, *, skip: int = 0, times: int = 1) -> None:
        """The next `times` requests of that operation (after `skip` others) meet the fault. `Write`
        stands for any write."""
        if fault not in FAULTS:
            raise ValueError(fault)
        self._plans.append(Planned(operation, fault, skip, times))

    def before(self, act: Callable[[str], object]) -> None:
        """Calls `act(operation)` before each request is sent."""
        self._before.append(act)

    def after(self, act: Callable[[str, Body, Reply], object]) -> None:
        """Calls `act(operation, request, reply)` after each request."""
        self._after.append(act)

    def instead(self, respond: Callable[[str, Body], Reply | None]) -> None:
        """What `respond(operation, request)` returns takes the place of the request, if it is not
        None."""
        self._instead.append(respond)

    def deliver_late(self) -> list[int]:
        """Delivers every late request now. Returns their statuses."""
        late, self._late = self._late, []
        replies = [self._next.send(headers, body) for headers, body in late]
        return [reply.status for reply in replies if isinstance(reply, HttpResponse)]

    def leave(self) -> None:
        """Lets the requests that follow pass by."""
        self._client.wire = self._next

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        operation = operation_of(headers)
        for act in self._before:
            act(operation)
        self.calls.append(operation)
        reply = self._meet(operation, headers, body)
        for respond in self._after:
            respond(operation, json.loads(body), reply)
        return reply

    def _meet(self, operation: str, headers: Mapping[str, str], body: bytes) -> Reply:
        for respond in self._instead:
            reply = respond(operation, json.loads(body))
            if reply is not None:
                return reply
        fault = self._next_fault(operation)
        return self._apply(fault, headers, body) if fault else self._next.send(headers, body)

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

    def _apply(self, fault: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if fault in _APPLIED:
            self._next.send(headers, body)
        if fault == "late":
            self._late.append((headers, body))
        return _REPLIES[fault]() if fault in _REPLIES else TIMED_OUT
