"""What stands in for the botocore client of one process: the way to the server and back, with everything that befalls it."""

import random
from collections.abc import Callable
from typing import Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tests.simulation.faults import Dice, Journal
from tests.simulation.hub import Hub, Process, Task
from tests.simulation.memory import cancelled, refusal
from tests.simulation.server import Request, Server, outcome_of

READ_SECONDS = 3.0
LATEST_SECONDS = 900.0
LONGEST_PAUSE_SECONDS = 400.0
_URL = "http://dynamodb.example"
_MAYBE = ("InternalServerError", "ServiceUnavailable", "TransactionInProgressException")


class Call:
    """One call on its way. Whatever answers first counts."""

    def __init__(self, task: Task, operation: str) -> None:
        self.task = task
        self.operation = operation
        self.answered = False


class SimulatedClient:
    """Offers the methods that `service.storage.table` calls. Each is a scheduling point; none ever retries."""

    def __init__(
        self, hub: Hub, server: Server, process: Process, dice: Callable[[str], Dice], journal: Journal, die: Callable[[], None]
    ) -> None:
        self._hub = hub
        self._server = server
        self._process = process
        self._dice = dice
        self._journal = journal
        self._die = die

    def get_item(self, **request: Any) -> Any:
        return self._call("GetItem", self._server.get_item, request)

    def transact_get_items(self, **request: Any) -> Any:
        return self._call("TransactGetItems", self._server.transact_get_items, request)

    def query(self, **request: Any) -> Any:
        return self._call("Query", self._server.query, request)

    def scan(self, **request: Any) -> Any:
        return self._call("Scan", self._server.scan, request)

    def put_item(self, **request: Any) -> Any:
        return self._call("PutItem", self._server.put_item, request)

    def update_item(self, **request: Any) -> Any:
        return self._call("UpdateItem", self._server.update_item, request)

    def transact_write_items(self, **request: Any) -> Any:
        return self._call("TransactWriteItems", None, request)

    def _call(self, operation: str, serve: Callable[[Request], Any] | None, request: Request) -> Any:
        hub, task = self._hub, self._hub.running()
        task.calls += 1
        self._journal.count("table calls")
        fault = self._dice(operation).draw(task.rng)
        if fault:
            self._journal.count(fault)
        if fault == "death before call":
            hub.at(hub.now, self._die)
            hub.wait()
        elif fault == "pause before call":
            self._pause(task.rng)
            hub.sleep(0.0)
        call = Call(task, operation)
        task.last_call_at = hub.now
        self._send(call, fault, serve, request, task.rng)
        answer = hub.wait()
        if isinstance(answer, Exception):
            self._journal.note(hub.now, task.name, f"{operation} {_told(fault)}-> {_said(answer)}")
            raise answer
        found = len(answer["Items"]) if "Items" in answer else ""
        self._journal.note(hub.now, task.name, f"{operation} {_told(fault)}-> ok {found}".rstrip())
        return answer

    def _send(
        self, call: Call, fault: str, serve: Callable[[Request], Any] | None, request: Request, rng: random.Random
    ) -> None:
        """Puts the request on its way. Two random numbers, whatever the fault."""
        hub, now = self._hub, self._hub.now
        there, back = 0.001 + rng.random() * 0.008, 0.001 + rng.random() * 0.008
        share = there * 125
        answer: Callable[[Any], None] | None = lambda value: hub.at(hub.now + back, self._answer, call, value)  # noqa: E731
        match fault:
            case "throttle" | "internal error" | "unreachable" | "conflict":
                hub.at(now + there + back, self._answer, call, _error(fault, call.operation, rng))
                return
            case "lost request":
                hub.at(now + READ_SECONDS, self._answer, call, _timeout())
                return
            case "late write":
                hub.at(now + READ_SECONDS, self._answer, call, _timeout())
                there, answer = READ_SECONDS * (LATEST_SECONDS / READ_SECONDS) ** min(share**2, 1.0), None
            case "lost answer":
                hub.at(now + READ_SECONDS, self._answer, call, _timeout())
                answer = None
            case "internal error, applied":
                error = _error(fault, call.operation, rng)
                answer = lambda _: hub.at(hub.now + back, self._answer, call, error)  # noqa: E731
            case "slow request":
                hub.at(now + READ_SECONDS, self._answer, call, _timeout())
                there = READ_SECONDS * share
            case "slow answer":
                hub.at(now + READ_SECONDS, self._answer, call, _timeout())
                back = READ_SECONDS * share
            case "death in flight":
                hub.at(now + (there + back) * min(share, 1.0), self._die)
            case "pause in flight":
                self._pause(rng)
        if serve is None:
            hub.at(now + there, self._transact, call, request, answer, fault == "torn view", rng.random())
        else:
            hub.at(now + there, self._serve, serve, request, answer)

    def _serve(self, serve: Callable[[Request], Any], request: Request, answer: Callable[[Any], None] | None) -> None:
        value = outcome_of(serve, request)
        if answer:
            answer(value)

    def _transact(
        self, call: Call, request: Request, answer: Callable[[Any], None] | None, torn: bool, share: float
    ) -> None:
        batch = outcome_of(self._server.begin, request)
        if isinstance(batch, Exception):
            if answer:
                answer(batch)
            return
        hub = self._hub
        commit_at = hub.now + 0.001 + 0.006 * share
        if torn:
            hub.at(commit_at, self._server.show_some, batch, 1 + int(share * (len(batch) - 1)))
            commit_at += 0.5 * share
        hub.at(commit_at, self._finish, call, batch, answer)

    def _finish(self, call: Call, batch: Any, answer: Callable[[Any], None] | None) -> None:
        self._server.finish(batch)
        if answer:
            answer({})
        elif call.answered:
            self._journal.count("late writes that landed")
            self._journal.note(self._hub.now, call.task.name, f"late {call.operation} lands")

    def _answer(self, call: Call, value: Any) -> None:
        if not call.answered:
            call.answered = True
            self._hub.resume(call.task, value)

    def _pause(self, rng: random.Random) -> None:
        self._process.paused_until = self._hub.now + LONGEST_PAUSE_SECONDS ** rng.random()


def _timeout() -> Exception:
    return ReadTimeoutError(endpoint_url=_URL)


def _error(fault: str, operation: str, rng: random.Random) -> Exception:
    if fault == "unreachable":
        return EndpointConnectionError(endpoint_url=_URL)
    if fault.startswith("internal"):
        codes = _MAYBE if operation == "TransactWriteItems" else _MAYBE[:2]
        return refusal(codes[rng.randrange(len(codes))], 500)
    transaction = operation.startswith("Transact")
    if fault == "throttle":
        whole = rng.random() < 0.5 or not transaction
        return refusal("ThrottlingException") if whole else cancelled(["None", "ThrottlingError"])
    if operation in ("GetItem", "Query", "Scan"):
        return refusal("ProvisionedThroughputExceededException")
    return cancelled(["TransactionConflict", "None"]) if transaction else refusal("TransactionConflictException")


def _told(fault: str) -> str:
    return f"[{fault}] " if fault else ""


def _said(error: Exception) -> str:
    response: Any = getattr(error, "response", None)
    if response is None:
        return type(error).__name__
    reasons = [reason["Code"] for reason in response.get("CancellationReasons", ())]
    return response["Error"]["Code"] + (f" {reasons}" if reasons else "")
