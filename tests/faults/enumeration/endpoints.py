"""The two doors of the service, watched: DynamoDB behind its client, and Kling behind
`ProviderHttp`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from service.core.clock import Clock
from service.providers.http import NeverSent, NoResponse, Reply
from service.providers.kling.client import TASK_NOT_FOUND
from tests.faults.enumeration.run import Run
from tests.faults.enumeration.tables import TableBehind
from tests.faults.enumeration.vendor import Vendor
from tests.faults.library.effects import Kind, Reported
from tests.faults.library.wire import (
    TIMED_OUT,
    UNREACHABLE,
    WRITES,
    operation_of,
    page,
    refusal,
)
from tests.faults.library.wire import (
    Reply as TableReply,
)

READ_TIMEOUT_SECONDS = 3.0
REFUSAL_SECONDS = 0.4
Noted = list[tuple[str, int]]
"""Our id of a job, or its task id, and when."""
_HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"


class TableDoor:
    """A wire: where one client's requests pass on their way to the table. Without a run they are
    not disturbed."""

    name = "table"

    def __init__(self, behind: TableBehind) -> None:
        self.run: Run | None = None
        self._behind = behind

    def send(self, headers: Mapping[str, str], body: bytes) -> TableReply:
        run, operation = self.run, operation_of(headers)
        if run is None:
            return self._behind.send(headers, body)
        kind = Kind.WRITE if operation in WRITES else Kind.READ

        def respond(reported: Reported) -> TableReply:
            if reported is Reported.SILENCE:
                run.clock.advance(READ_TIMEOUT_SECONDS)
                return TIMED_OUT
            run.clock.advance(REFUSAL_SECONDS)
            if reported is Reported.UNREACHED:
                return UNREACHABLE
            if reported is Reported.HTML:
                return page()
            return _refused(operation, reported)

        what = f"{operation} {', '.join(_named(json.loads(body)))}"
        return run.meet(self.name, kind, what, lambda: self._behind.send(headers, body), respond)


def _refused(operation: str, reported: Reported) -> TableReply:
    """DynamoDB's own refusals; a transaction is cancelled where a plain call is refused."""
    if reported is Reported.BROKEN:
        return refusal(500, "InternalServerError")
    throttled = reported is Reported.THROTTLED
    if operation.startswith("Transact"):
        reasons = [
            {"Code": "None"},
            {"Code": "ThrottlingError" if throttled else "TransactionConflict"},
        ]
        return refusal(400, "TransactionCanceledException", CancellationReasons=reasons)
    return refusal(
        400,
        "ProvisionedThroughputExceededException" if throttled else "TransactionConflictException",
    )


def _named(body: Mapping[str, Any]) -> Iterator[str]:
    """The kinds of items that a request names, or the index that it queries."""
    if "IndexName" in body:
        yield body["ExpressionAttributeValues"][":pk"]["S"].partition("#")[0] + " index"
    transacted = [next(iter(part.values())) for part in body.get("TransactItems", ())]
    for part in transacted or [body]:
        key = part.get("Key") or part.get("Item") or {}
        if "SK" in key:
            owner, sort = key["PK"]["S"].partition("#")[0], key["SK"]["S"].partition("#")[0]
            yield sort if owner == "USER" else f"{owner} {sort}"


def _is_not_found(reply: Reply) -> bool:
    """As its documentation says, and as it really does."""
    content = reply.json() or {}
    documented = (reply.status, content.get("code")) == TASK_NOT_FOUND
    in_practice = (reply.status, content.get("code")) == (400, 1201)
    return documented or (in_practice and "not found by id" in str(content.get("message")))


class KlingDoor:
    """Stands in for `ProviderHttp`: the same promises, kept by a vendor in this process on the
    run's clock."""

    name = "kling"

    def __init__(
        self, run: Run, vendor: Vendor, clock: Clock, not_found: Noted, sends: Noted
    ) -> None:
        """Records every definite not-found response, and every create before it is sent."""
        self._run = run
        self._vendor = vendor
        self._clock = clock
        self._not_found = not_found
        self._sends = sends

    def send_once(self, url: str, headers: Mapping[str, str], body: bytes, until: float) -> Reply:
        self._sends.append((json.loads(body)["external_task_id"], self._clock.now()))

        def send() -> Reply:
            return self._vendor.create(dict(headers), body)

        def respond(reported: Reported) -> Reply:
            if reported is Reported.UNREACHED:
                raise NeverSent
            return self._respond(reported, until)

        return self._run.meet(self.name, Kind.CREATE, "create", send, respond)

    def get(self, url: str, headers: Mapping[str, str], until: float) -> Reply:
        identifier = url.rpartition("/")[2]
        what = "query by our id" if identifier.startswith("job_") else "query by task id"

        def send() -> Reply:
            return self._vendor.query(dict(headers), identifier)

        reply = self._run.meet(
            self.name, Kind.QUERY, what, send, lambda reported: self._respond(reported, until)
        )
        if _is_not_found(reply):
            self._not_found.append((identifier, self._clock.now()))
        return reply

    def _respond(self, reported: Reported, until: float) -> Reply:
        match reported:
            case Reported.BROKEN:
                return Reply(500, b'{"code": 5000, "message": "Internal error"}')
            case Reported.HTML:
                return Reply(502, _HTML)
            case Reported.NO_ID:
                return Reply(
                    200, b'{"code": 0, "message": "SUCCEED", "data": {"task_status": "submitted"}}'
                )
            case Reported.UNSEEN:
                return Reply(
                    404, b'{"code": 1203, "message": "The requested resource does not exist"}'
                )
        self._run.clock.advance(max(0.0, until - self._clock.monotonic()))
        raise NoResponse
