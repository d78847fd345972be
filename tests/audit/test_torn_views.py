"""Queries and scans read a transaction's items one by one: an audit during traffic reads some of
them before the others. That is no damage; damage during traffic is still found."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from service.audit.store import SETTLE_PAUSE_SECONDS, SETTLE_TRIES
from service.providers.base import TaskStatus
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import Items, MemoryBehind
from tests.faults.library.wire import Reply, operation_of

TORN_CALLS = 3


class TornTable(MemoryBehind):
    """Keeps the transactions it carries out, and can carry one out piece by piece: `shown` of its
    writes, the last ones or the first, are visible to queries from one call on, all of them
    `TORN_CALLS` later."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: list[Any] = []
        self.calls = 0
        self._plan: tuple[int, Any, int, bool] | None = None
        self._landing: Any = None

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        if operation_of(headers) == "TransactWriteItems":
            self.transactions.append({"TransactItems": json.loads(body)["TransactItems"]})
        self._tear()
        self.calls += 1
        return super().send(headers, body)

    def plan(self, at_call: int, transaction: Any, shown: int, *, last_first: bool = False) -> None:
        self.calls, self._plan = 0, (at_call, transaction, shown, last_first)

    def begin(self, transaction: Any) -> None:
        """Puts it under way, and shows nothing of it."""
        self._landing = self._server.begin(transaction)

    def finish(self) -> None:
        """Lands what is under way."""
        if self._landing is not None:
            self._server.finish(self._landing)
            self._landing = self._plan = None

    def _tear(self) -> None:
        if self._plan is None:
            return
        at_call, transaction, shown, last_first = self._plan
        if self.calls == at_call:
            self.begin(transaction)
            self._server.show_some(self._landing[:: -1 if last_first else 1], shown)
        elif self.calls == at_call + TORN_CALLS:
            self.finish()


def world_over(table: TornTable) -> ServiceHarness:
    return ServiceHarness(None, "Memory", connected=memory_client(table))


def signs_up(world: ServiceHarness) -> Callable[[], object]:
    return lambda: world.submit("bob", "tablet", "k")


def holds(world: ServiceHarness) -> Callable[[], object]:
    world.submit("ann", "phone", "k")
    return lambda: world.submit("ann", "laptop", "another")


def captures(world: ServiceHarness) -> Callable[[], object]:
    job_id = world.submit("ann", "phone", "k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    return lambda: world.work_until(60)


MOVES = {"a sign-up": signs_up, "a hold": holds, "a capture": captures}


def torn(name: str) -> tuple[TornTable, ServiceHarness, Items, Any]:
    """A table before that move, and the move's first transaction."""
    table = TornTable()
    world = world_over(table)
    move = MOVES[name](world)
    before = table.items()
    carried_out = len(table.transactions)
    move()
    return table, world, before, table.transactions[carried_out]


@pytest.mark.protocol("in-flight")
@pytest.mark.parametrize("last_first", [False, True])
@pytest.mark.parametrize("name", MOVES)
def test_a_transaction_read_in_part_is_no_violation(name: str, last_first: bool) -> None:
    table, world, before, transaction = torn(name)
    table.put_back(before)
    table.calls = 0
    assert not world.audit().violations
    for at_call in range(table.calls):
        for shown in range(1, len(transaction["TransactItems"])):
            table.put_back(before)
            table.plan(at_call, transaction, shown, last_first=last_first)
            audit = world.audit()
            table.finish()
            assert not audit.violations, f"{shown} writes shown from call {at_call} on"


def test_damage_is_found_although_a_transaction_is_read_in_part() -> None:
    table, world, before, transaction = torn("a capture")
    for at_call in range(12):
        table.put_back(damaged(before))
        table.plan(at_call, transaction, 1)
        found = world.audit().violations
        table.finish()
        assert any("MAC" in each.what for each in found), f"torn from call {at_call}"


def test_damage_of_a_wallet_that_is_always_busy_is_found_in_bounded_time() -> None:
    table, world, before, transaction = torn("a hold")
    table.put_back(damaged(before))
    table.begin(transaction)
    started = world.clock.monotonic()
    assert any("MAC" in each.what for each in world.audit().violations)
    waited_seconds = world.clock.monotonic() - started
    assert waited_seconds == pytest.approx(SETTLE_TRIES * SETTLE_PAUSE_SECONDS)


def damaged(items: Items) -> Items:
    """The same with another MAC on one entry."""
    entry = next(item for item in items if item["SK"]["S"].startswith("ENTRY#"))
    return [{**item, "mac": {"S": "0"}} if item is entry else item for item in items]
