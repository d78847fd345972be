"""The wire of one process: the way to the server and back, with everything that befalls it."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.storage.outcomes import NeverSent, PossiblyApplied
from tests.faults.library.random_faults import FaultPicker
from tests.faults.library.wire import (
    TIMED_OUT,
    UNREACHABLE,
    Reply,
    operation_of,
    refusal,
    response_with,
)
from tests.simulation.journal import Journal
from tests.simulation.memory import Rejected, cancelled
from tests.simulation.scheduler import Process, Scheduler, Task
from tests.simulation.server import Request, Server, outcome_of

Serve = Callable[[Request], Any]
Failure = Rejected | NeverSent | PossiblyApplied

READ_SECONDS = 3.0
LATEST_SECONDS = 900.0
MAX_PAUSE_SECONDS = 400.0
_REFUSED = ("throttle", "conflict", "internal error", "unreachable")
_TIMES_OUT = ("lost request", "late write", "lost answer", "slow request", "slow answer")
_MAYBE = ("InternalServerError", "ServiceUnavailable", "TransactionInProgressException")


class Call:
    """One call in flight. The first response counts."""

    def __init__(self, task: Task, operation: str) -> None:
        self.task = task
        self.operation = operation
        self.done = False


@dataclass(frozen=True)
class Trip:
    """How one request travels: seconds there and back, whether it gets lost, whether a response
    comes, and which error instead."""

    there: float
    back: float
    share: float
    lost: bool
    responds: bool
    error: Failure | None


class SimulatedWire:
    """Stands where a client's requests leave its process. Each request is a scheduling point."""

    def __init__(
        self,
        scheduler: Scheduler,
        server: Server,
        process: Process,
        picker: Callable[[str], FaultPicker],
        journal: Journal,
        die: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._server = server
        self._process = process
        self._picker = picker
        self._journal = journal
        self._die = die

        self._serves: dict[str, Serve | None] = {
            "GetItem": server.get_item,
            "BatchGetItem": server.batch_get_item,
            "TransactGetItems": server.transact_get_items,
            "Query": server.query,
            "Scan": server.scan,
            "PutItem": server.put_item,
            "UpdateItem": server.update_item,
            "TransactWriteItems": None,
        }

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        operation = operation_of(headers)
        response = self._call(operation, self._serves[operation], json.loads(body))
        if isinstance(response, Rejected):
            return refusal(response.status, response.code, **response.extra)
        if isinstance(response, NeverSent | PossiblyApplied):
            return response
        return response_with(200, response)

    def _call(self, operation: str, serve: Serve | None, request: Request) -> Any:
        scheduler, task = self._scheduler, self._scheduler.running()
        task.calls += 1
        self._journal.count("table calls")
        fault = self._picker(operation).draw(task.rng)
        if fault:
            self._journal.count(fault)
        if fault == "death before call":
            scheduler.at(scheduler.now, self._die)
            scheduler.wait()
        elif fault == "pause before call":
            self._pause(task.rng)
            scheduler.sleep(0.0)
        call = Call(task, operation)
        task.last_call_at = scheduler.now
        self._send(call, fault, serve, request, task.rng)
        response = scheduler.wait()
        if isinstance(response, Failure):
            self._journal.note(
                scheduler.now, task.name, f"{operation} {_label(fault)}-> {_said(response)}"
            )
            return response
        found = len(response["Items"]) if "Items" in response else ""
        self._journal.note(
            scheduler.now, task.name, f"{operation} {_label(fault)}-> ok {found}".rstrip()
        )
        return response

    def _send(
        self, call: Call, fault: str, serve: Serve | None, request: Request, rng: random.Random
    ) -> None:
        """Puts the request on its way."""
        scheduler, now = self._scheduler, self._scheduler.now
        trip = _trip(fault, call.operation, rng)
        if fault in _TIMES_OUT:
            scheduler.at(now + READ_SECONDS, self._response, call, TIMED_OUT)
        if trip.lost:
            if trip.error is not None:
                scheduler.at(now + trip.there + trip.back, self._response, call, trip.error)
            return
        if fault == "death in flight":
            scheduler.at(now + (trip.there + trip.back) * trip.share, self._die)
        elif fault == "pause in flight":
            self._pause(rng)
        if serve is None:
            scheduler.at(
                now + trip.there, self._transact, call, request, trip, fault == "torn view"
            )
        else:
            scheduler.at(now + trip.there, self._serve, call, serve, request, trip)

    def _serve(self, call: Call, serve: Serve, request: Request, trip: Trip) -> None:
        self._reply(call, outcome_of(serve, request), trip)

    def _transact(self, call: Call, request: Request, trip: Trip, torn: bool) -> None:
        batch = outcome_of(self._server.begin, request)
        if isinstance(batch, Rejected):
            self._reply(call, batch, trip)
            return
        scheduler = self._scheduler
        commit_at = scheduler.now + 0.001 + 0.006 * trip.share
        if torn:
            scheduler.at(
                commit_at, self._server.show_some, batch, 1 + int(trip.share * (len(batch) - 1))
            )
            commit_at += 0.5 * trip.share
        scheduler.at(commit_at, self._finish, call, batch, trip)

    def _finish(self, call: Call, batch: Any, trip: Trip) -> None:
        self._server.finish(batch)
        if call.done:
            self._journal.count("late writes that landed")
            self._journal.note(self._scheduler.now, call.task.name, f"late {call.operation} lands")
        self._reply(call, {}, trip)

    def _reply(self, call: Call, value: Any, trip: Trip) -> None:
        if trip.responds:
            self._scheduler.at(
                self._scheduler.now + trip.back, self._response, call, trip.error or value
            )

    def _response(self, call: Call, value: Any) -> None:
        if not call.done:
            call.done = True
            self._scheduler.resume(call.task, value)

    def _pause(self, rng: random.Random) -> None:
        self._process.paused_until = self._scheduler.now + MAX_PAUSE_SECONDS ** rng.random()


def _trip(fault: str, operation: str, rng: random.Random) -> Trip:
    """Three random numbers, whatever the fault."""
    share = rng.random()
    there, back = 0.001 + rng.random() * 0.008, 0.001 + rng.random() * 0.008
    if fault == "late write":
        there = READ_SECONDS * (LATEST_SECONDS / READ_SECONDS) ** share**2
    elif fault == "slow request":
        there = READ_SECONDS * share
    elif fault == "slow answer":
        back = READ_SECONDS * share
    error = (
        _error(fault, operation, rng)
        if fault in _REFUSED or fault == "internal error, applied"
        else None
    )
    lost = fault in _REFUSED or fault == "lost request"
    return Trip(there, back, share, lost, fault not in ("late write", "lost answer"), error)


def _error(fault: str, operation: str, rng: random.Random) -> Failure:
    if fault == "unreachable":
        return UNREACHABLE
    if fault.startswith("internal"):
        codes = _MAYBE if operation == "TransactWriteItems" else _MAYBE[:2]
        return Rejected(codes[rng.randrange(len(codes))], 500)
    transaction = operation.startswith("Transact")
    if fault == "throttle":
        whole = rng.random() < 0.5 or not transaction
        return Rejected("ThrottlingException") if whole else cancelled(["None", "ThrottlingError"])
    if operation in ("GetItem", "BatchGetItem", "Query", "Scan"):
        return Rejected("ProvisionedThroughputExceededException")
    return (
        cancelled(["TransactionConflict", "None"])
        if transaction
        else Rejected("TransactionConflictException")
    )


def _label(fault: str) -> str:
    return f"[{fault}] " if fault else ""


def _said(failure: Failure) -> str:
    if not isinstance(failure, Rejected):
        return failure.why
    reasons = [reason["Code"] for reason in failure.extra.get("CancellationReasons", ())]
    return failure.code + (f" {reasons}" if reasons else "")
