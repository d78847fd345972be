"""Every call that an erasure makes of the table, lost, with its response lost, or the last of its
process: the erasure ends all the same, exactly once."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest

from service.core.errors import FareboxError
from service.erasure import keys
from service.erasure.entities import ErasureState
from service.ledger.entities import EntryKind
from service.storage.table import StorageUnavailable
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.erasure.lives import REQUEST, dump, erasures, lived, personal
from tests.faults.enumeration.tables import Items, MemoryBehind
from tests.faults.library.wire import TIMED_OUT, UNREACHABLE, Reply


class Death(BaseException):
    """The process is killed: no code of its own runs any more."""


class Door:
    """A wire that disturbs one call."""

    def __init__(self, world: ServiceHarness) -> None:
        self.calls = 0
        self._next = world.dynamodb.wire
        self._target, self._fault = 0, ""
        world.dynamodb.wire = self

    def plan(self, target: int, fault: str) -> None:
        self.calls, self._target, self._fault = 0, target, fault

    def send(self, headers: Mapping[str, str], body: bytes) -> Reply:
        self.calls += 1
        fault = self._fault if self.calls == self._target else ""
        if fault == "dies before":
            raise Death
        if fault == "lost request":
            return TIMED_OUT
        if fault == "unreachable":
            return UNREACHABLE
        reply = self._next.send(headers, body)
        if fault == "dies after":
            raise Death
        return TIMED_OUT if fault == "lost response" else reply


FAULTS = ("dies before", "dies after", "lost request", "lost response", "unreachable")


class Stage:
    """A user with a life behind them, and the table as it was before each run."""

    def __init__(self, *, is_requested: bool) -> None:
        self.behind = MemoryBehind()
        self.world = ServiceHarness(None, "Memory", connected=memory_client(self.behind))
        self.job = lived(self.world)
        if is_requested:
            erasures(self.world).request("ann", REQUEST)
        self.door = Door(self.world)
        self.before: Items = self.behind.items()

    def played(self, act: Callable[[], object], target: int = 0, fault: str = "") -> int:
        """Plays the act from the beginning. Returns how many calls it made."""
        self.behind.put_back(self.before)
        self.door.plan(target, fault)
        with suppress(Death, FareboxError):
            act()
        calls = self.door.calls
        self.door.plan(0, "")
        return calls

    def request(self) -> None:
        erasures(self.world).request("ann", REQUEST)

    def carry_on(self) -> None:
        erasures(self.world).carry_on(keys.erasure("ann"))

    def settle(self) -> None:
        """The workers that come later."""
        for _ in range(4):
            self.world.clock.advance(1000)
            with suppress(StorageUnavailable):
                self.carry_on()

    def assert_erased(self, where: str) -> None:
        erasure = erasures(self.world).read("ann")
        assert erasure.state is ErasureState.FINISHED, where
        kinds = [entry.kind for entry in self.world.ledger.entries("ann")]
        assert kinds.count(EntryKind.CLOSE) == kinds.count(EntryKind.CLOSING) == 1, where
        assert self.world.count() == 0, where
        assert self.world.audit().violations == (), where
        assert [text for text in personal(self.job) if text in dump(self.world)] == [], where


@pytest.mark.parametrize("fault", FAULTS)
def test_an_erasure_goes_on_wherever_it_was_interrupted(fault: str) -> None:
    stage = Stage(is_requested=True)
    calls = stage.played(stage.carry_on)
    stage.assert_erased("undisturbed")
    assert calls > 20
    for target in range(1, calls + 1):
        stage.played(stage.carry_on, target, fault)
        stage.settle()
        stage.assert_erased(f"{fault} call {target}")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_is_repeated_begins_one_erasure(fault: str) -> None:
    stage = Stage(is_requested=False)
    calls = stage.played(stage.request)
    for target in range(1, calls + 1):
        stage.played(stage.request, target, fault)
        stage.request()
        stage.settle()
        stage.assert_erased(f"{fault} call {target}")
