"""Faults between the service and DynamoDB, injected under the real client.

`lost-request`: never arrives, the caller sees a read timeout. `lost-response`: arrives and is done,
the caller sees a read timeout. `late`: like lost-request, but `deliver_late()` lets it arrive
afterwards. `throttle`, `conflict`, `internal`: DynamoDB's own refusals. `unreachable`: no
connection."""

import json
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
    headers = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse("http://127.0.0.1", status, headers, _Raw(json.dumps(content).encode()))


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
        match fault:
            case "lost-answer":
                self._session.send(request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case "lost-request":
                raise ReadTimeoutError(endpoint_url=request.url)
            case "late":
                self._late.append(request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case "unreachable":
                raise EndpointConnectionError(endpoint_url=request.url)
            case "throttle":
                return refusal(400, "ThrottlingException")
            case "internal":
                return refusal(500, "InternalServerError")
            case "conflict":
                reasons = [{"Code": "TransactionConflict", "Message": "ongoing"}]
                return refusal(400, "TransactionCanceledException", CancellationReasons=reasons)
        raise ValueError(fault)
