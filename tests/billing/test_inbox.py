"""An event is stored before it is acknowledged, dealt with until that succeeds, and dead only after
twenty attempts."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.billing import keys
from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.event_checks import event_checks
from service.billing.event_store import event_from_item
from service.billing.events import (
    DONE_MILLISECONDS,
    LEASE_MILLISECONDS,
    MAX_ATTEMPTS,
    EventFacts,
    EventSource,
    EventState,
    InboxEvent,
    ObjectKind,
    ObjectRef,
    StripeEventNotDead,
    StripeEventNotFound,
    WebhookNotStored,
)
from service.billing.inbox import Inbox, Inline, event_key, redriven
from service.core.metrics import Metric
from service.storage.dynamodb import DynamoDb
from service.storage.table import IndexHit, StorageUnavailable, Table
from tests.doubles.alarms import Alarms
from tests.doubles.clock import FakeClock
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import local_client
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import Wire

REF = ObjectRef(ObjectKind.PAYMENT, "pi_1")
REFUSAL = StripeRefused(kind="invalid_request_error", status=404, reason="resource_missing")


@dataclass
class Reconciled:
    """Reads and applies objects: fails with the planned errors first."""

    planned: list[Exception] = field(default_factory=list)
    refs: list[ObjectRef] = field(default_factory=list)

    def __call__(self, ref: ObjectRef) -> None:
        self.refs.append(ref)
        if self.planned:
            raise self.planned.pop(0)


class World:
    def __init__(
        self,
        inline: Callable[[Callable[[], None]], None] | None = None,
        where: DynamoDb | None = None,
        name: str = MemoryBehind.name,
    ) -> None:
        self.client = where or memory_client(MemoryBehind())
        self.table = Table(self.client, name)
        self.clock = FakeClock()
        self.metrics = Alarms()
        self.reconciled = Reconciled()
        self.inbox = Inbox(
            self.table,
            self.clock,
            self.metrics,
            lambda: 0.5,
            self.reconciled,
            inline or (lambda work: work()),
        )

    def facts(self, event_id: str = "evt_1", ref: ObjectRef | None = REF) -> EventFacts:
        now = self.clock.now()
        return EventFacts(event_id, "charge.refunded", now, False, ref, "ab" * 32)

    def stored(self, event_id: str = "evt_1") -> InboxEvent:
        item = self.table.get(keys.event(event_id))
        assert item is not None
        (check,) = [each for each in event_checks() if each.kind is keys.EVENT_ITEM]
        assert [*check.faults(item)] == []
        return event_from_item(item)

    def state(self, event_id: str = "evt_1") -> str:
        return self.stored(event_id).handling.state.value

    def redrive(self, event_id: str) -> None:
        """As an operator's action does."""
        item = self.table.get(event_key(event_id))
        self.table.write(redriven(item, self.clock.now()).write)

    def hits(self) -> list[IndexHit]:
        partitions = keys.DUE_EVENTS.partitions
        return [hit for partition in partitions for hit in self.inbox.due(partition, 25)]

    def work(self) -> list[bool]:
        return [self.inbox.dispatch(hit) for hit in self.hits()]

    def work_until(self, state: str, rounds: int = 40) -> None:
        for _ in range(rounds):
            if self.state() == state:
                return
            self.clock.advance(4000)
            self.work()
        raise AssertionError(f"is {self.state()}")


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_is_dealt_with_at_once_and_kept_for_ninety_days(world: World) -> None:
    world.inbox.receive(world.facts())
    assert world.reconciled.refs == [REF]
    stored = world.stored()
    assert (stored.handling.state, stored.source) == (EventState.DONE, EventSource.WEBHOOK)
    item = world.table.get(keys.event("evt_1")) or {}
    assert item["expiresAt"] == (world.clock.now() + DONE_MILLISECONDS) // 1000
    assert item.keys() == {
        *("PK", "SK", "type", "livemode", "createdAt", "receivedAt", "source", "sha256"),
        *("objectKind", "objectId", "state", "attempts", "endedAt", "expiresAt"),
    }


def test_an_event_that_concerns_nothing_is_done_without_a_request_to_stripe(world: World) -> None:
    world.inbox.receive(world.facts(ref=None))
    assert (world.state(), world.reconciled.refs) == ("done", [])


def test_an_event_that_is_delivered_again_does_nothing_more(world: World) -> None:
    for _ in range(3):
        world.inbox.receive(world.facts())
    assert world.reconciled.refs == [REF]


def test_a_delivery_of_an_unfinished_event_goes_on_with_it(world: World) -> None:
    world.reconciled.planned = [StripeUnavailable()]
    world.inbox.receive(world.facts())
    assert world.state() == "pending"
    world.inbox.receive(world.facts())
    assert world.state() == "done"


@pytest.mark.parametrize("error", [StripeUnavailable(), ValueError("a mistake")])
def test_what_goes_wrong_after_storing_is_the_workers_to_try_again(
    world: World, error: Exception
) -> None:
    """Stripe receives a 2xx: the event is here, and nothing is lost."""
    world.reconciled.planned = [error, error]
    world.inbox.receive(world.facts())
    assert (world.state(), world.hits()) == ("pending", [])
    world.work_until("done")
    assert len(world.reconciled.refs) == 3


def test_while_an_attempt_is_made_no_other_process_makes_one() -> None:
    world = World(inline=lambda work: None)
    world.inbox.receive(world.facts())
    assert world.hits() == []
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    hits = world.hits()
    assert [world.inbox.dispatch(hit) for hit in hits] == [True]
    assert [world.inbox.dispatch(hit) for hit in hits] == [False]


def test_of_two_processes_that_read_the_same_due_event_one_goes_on() -> None:
    world = World(inline=lambda work: None)
    world.inbox.receive(world.facts())
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    (hit,) = world.hits()
    wire, other = Wire(world.client), list[bool]()

    def twin(operation: str) -> None:
        if operation == "UpdateItem" and not other:
            other.append(True)
            other[0] = world.inbox.dispatch(hit)

    wire.before(twin)
    assert (world.inbox.dispatch(hit), other) == (False, [True])
    assert world.reconciled.refs == [REF]


def test_poison_is_dead_after_twenty_attempts_and_an_operator_tries_it_anew(world: World) -> None:
    world.reconciled.planned = [REFUSAL] * MAX_ATTEMPTS
    world.inbox.receive(world.facts())
    world.work_until("dead")
    assert len(world.reconciled.refs) == MAX_ATTEMPTS
    assert world.inbox.count_dead() == 1
    (dead,) = world.inbox.dead()
    assert (dead.event.event_id, dead.handling.error) == ("evt_1", "PAYMENT_PROVIDER_REFUSED")
    world.clock.advance(100 * 86_400)
    assert world.hits() == []
    world.redrive("evt_1")
    assert world.work() == [True]
    assert (world.state(), world.inbox.dead()) == ("done", ())


def test_a_refusal_of_stripes_is_poison_and_an_outage_is_not(world: World) -> None:
    world.reconciled.planned = [StripeUnavailable()] * 30 + [REFUSAL]
    world.inbox.receive(world.facts())
    for _ in range(29):
        world.clock.advance(4000)
        world.work()
    assert world.state() == "pending"
    world.work_until("dead")
    assert world.stored().handling.error == "PAYMENT_PROVIDER_REFUSED"


def test_an_event_that_keeps_failing_is_late_however_soon_it_is_due_again(world: World) -> None:
    """What passes by itself never ends among the dead: this alone reports it."""
    world.reconciled.planned = [StripeUnavailable()] * 3
    world.inbox.receive(world.facts())
    world.clock.advance(1000)
    world.work()
    assert world.metrics.peak(Metric.STRIPE_EVENT_AGE_SECONDS) == 1000


def test_a_dead_event_that_stripe_delivers_again_is_tried_again(world: World) -> None:
    world.reconciled.planned = [REFUSAL] * MAX_ATTEMPTS
    world.inbox.receive(world.facts())
    world.work_until("dead")
    world.inbox.receive(world.facts())
    assert (world.state(), world.inbox.count_dead()) == ("done", 0)


def test_only_dead_events_can_be_tried_anew(world: World) -> None:
    world.inbox.receive(world.facts())
    before = world.stored()
    with pytest.raises(StripeEventNotDead):
        world.redrive("evt_1")
    for unknown in ("evt_2", "evt_1#", ""):
        with pytest.raises(StripeEventNotFound):
            world.redrive(unknown)
    assert world.stored() == before


# Storing.


@pytest.mark.parametrize("fault", ["lost-answer", "foreign-applied"])
def test_an_event_whose_write_lost_its_response_is_acknowledged_once_it_is_read(
    world: World, fault: str
) -> None:
    Wire(world.client).plan("PutItem", fault)
    world.inbox.receive(world.facts())
    assert world.state() == "done"


@pytest.mark.parametrize("fault", ["lost-request", "throttle", "internal", "unreachable", "late"])
def test_an_event_that_may_not_be_stored_is_not_acknowledged(world: World, fault: str) -> None:
    wire = Wire(world.client)
    wire.plan("PutItem", fault)
    with pytest.raises(WebhookNotStored):
        world.inbox.receive(world.facts())
    assert world.reconciled.refs == []
    assert world.metrics.of(Metric.STRIPE_WEBHOOKS_NOT_STORED) == 1
    wire.deliver_late()
    world.inbox.receive(world.facts())
    assert world.state() == "done"


def test_an_event_that_cannot_be_read_after_a_doubtful_write_is_not_acknowledged(
    world: World,
) -> None:
    wire = Wire(world.client)
    wire.plan("PutItem", "lost-answer")
    wire.plan("GetItem", "unreachable", times=10)
    with pytest.raises(WebhookNotStored):
        world.inbox.receive(world.facts())


@dataclass
class Death(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("place", range(3))
def test_a_process_that_is_killed_anywhere_loses_nothing(
    world: World, place: int, applied: bool
) -> None:
    """At each effect, before or after it is done: either Stripe delivers the event again, for it
    was not acknowledged, or the worker finds it."""
    wire, reached = Wire(world.client), []

    def die(*about: Any) -> None:
        reached.append(about)
        if len(reached) == place + 1:
            raise Death

    (wire.after if applied else wire.before)(die)
    effects = 2
    if place < effects:
        with pytest.raises(Death):
            world.inbox.receive(world.facts())
    else:
        world.inbox.receive(world.facts())
    wire.leave()
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    world.work()
    if world.table.get(keys.event("evt_1")) is None:
        assert (place, applied) == (0, False)
        world.inbox.receive(world.facts())
    assert world.state() == "done"
    assert REF in world.reconciled.refs


@pytest.mark.parametrize(("operation", "times"), [("UpdateItem", 1), ("GetItem", 2)])
def test_a_worker_that_meets_an_outage_leaves_the_event_due(
    world: World, operation: str, times: int
) -> None:
    world.reconciled.planned = [StripeUnavailable()]
    world.inbox.receive(world.facts())
    world.clock.advance(4000)
    (hit,) = world.hits()
    Wire(world.client).plan(operation, "unreachable", times=times)
    with pytest.raises(StorageUnavailable):
        world.inbox.dispatch(hit)
    world.work_until("done")


# Inline.


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_a_request_waits_for_what_is_quick(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.billing.inbox.INLINE_SECONDS", 60.0)
    world = World(inline=Inline(pool, 4).run)
    world.inbox.receive(world.facts())
    assert world.state() == "done"


def test_a_request_leaves_what_is_slow_and_the_rest_has_no_more_place(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.billing.inbox.INLINE_SECONDS", 0.01)
    inline, done, ran = Inline(pool, 2), threading.Event(), []

    def slow() -> None:
        ran.append(1)
        done.wait(60)

    for _ in range(5):
        inline.run(slow)
    done.set()
    # What was begun is over, and its place is free, once the threads are.
    pool.shutdown()
    assert len(ran) == 2
    with ThreadPoolExecutor(1) as another:
        inline._executor = another
        inline.run(lambda: ran.append(2))
    assert ran.count(2) == 1


def test_deliveries_at_once_end_in_one_event_that_is_done(client: Any, table_name: str) -> None:
    """On DynamoDB Local, where conditions and races are real."""
    world = World(where=local_client(client.meta.endpoint_url), name=table_name)
    with ThreadPoolExecutor(10) as threads:
        received = [threads.submit(world.inbox.receive, world.facts()) for _ in range(10)]
    assert [each.exception() for each in received] == [None] * 10
    assert world.state() == "done"
    assert 1 <= len(world.reconciled.refs) <= 10
