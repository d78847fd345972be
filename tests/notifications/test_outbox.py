"""Events are handed on at least once, by one process at a time, until it succeeds."""

from typing import Any

import pytest

from service.notifications import keys
from service.notifications.entities import (
    RETRY_MILLISECONDS,
    Event,
    EventType,
    State,
    event,
)
from service.notifications.operations import LEASE_MILLISECONDS, to_outbox
from service.notifications.store import message_from
from service.storage.table import StorageUnavailable
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import NotifyingHarness


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    world = NotifyingHarness(memory, memory.name)
    world.finish()
    world.settle()
    return world


def happened(world: NotifyingHarness, key: str = "1") -> Event:
    return event(EventType.CREDITS_LOW, "ann", key, world.clock.now(), {"credits": 1})


class Broken:
    """A handler that fails so many times."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.left = times
        self.error = error or ValueError("a mistake")
        self.received: list[str] = []

    def __call__(self, happened: Event) -> None:
        self.received.append(happened.event_id)
        if self.left:
            self.left -= 1
            raise self.error


def stored(world: NotifyingHarness, one: Event) -> Any:
    item = world.table.get(keys.message("ann", one.event_id))
    assert item is not None
    return message_from(item)


def hits(world: NotifyingHarness) -> list[Any]:
    return [hit for part in keys.DUE_MESSAGES.partitions for hit in world.outbox.due(part, 25)]


def test_an_event_is_handed_on_once_and_kept_for_a_month(world: NotifyingHarness) -> None:
    handler, one = Broken(0), happened(world)
    world.outbox.register(handler)
    assert world.outbox.put_once(one)
    world.settle()
    assert handler.received == [one.event_id]
    assert stored(world, one).progress.state is State.DELIVERED
    kept_until = int(world.items_of("OUTBOX#")[0]["expiresAt"]["N"])
    assert kept_until * 1000 == pytest.approx(world.clock.now() + 30 * 86_400_000, abs=1000)


def test_an_event_that_is_reported_twice_is_put_once(world: NotifyingHarness) -> None:
    one = happened(world)
    assert [world.outbox.put_once(one), world.outbox.put_once(one)] == [True, False]


def test_a_write_for_a_transaction_replaces_what_a_restore_has_left(
    world: NotifyingHarness,
) -> None:
    """What follows a movement must never make it fail."""
    one = happened(world)
    for _ in range(2):
        world.table.transact([to_outbox(one, world.clock.now())])
    assert stored(world, one).progress.attempts == 0


def test_a_handler_that_fails_is_tried_again_later(world: NotifyingHarness) -> None:
    handler, one = Broken(2), happened(world)
    world.outbox.register(handler)
    world.outbox.put_once(one)
    world.settle()
    assert handler.received == [one.event_id]
    world.work_until(60, step=1)
    assert handler.received == [one.event_id] * 3
    assert stored(world, one).progress.state is State.DELIVERED


def test_after_three_days_it_is_a_dead_letter_that_can_be_redriven(
    world: NotifyingHarness,
) -> None:
    handler, one = Broken(1000), happened(world)
    world.outbox.register(handler)
    world.outbox.put_once(one)
    world.work_until(RETRY_MILLISECONDS / 1000 + 60, step=1800)
    tried = len(handler.received)
    assert stored(world, one).progress.state is State.DEAD
    world.work_until(86_400, step=7200)
    assert len(handler.received) == tried
    [letter] = world.dead_letters.all()
    assert (letter.event_id, letter.user_id, letter.endpoint_id) == (one.event_id, "ann", None)
    assert world.audit().violations == ()
    handler.left = 0
    world.redrive(letter)
    world.redrive(letter)
    world.settle()
    assert len(handler.received) == tried + 1
    assert world.dead_letters.all() == ()
    assert stored(world, one).progress.state is State.DELIVERED
    assert world.audit().violations == ()


def test_two_processes_that_find_the_same_message_hand_it_on_once(
    memory: MemoryBehind, world: NotifyingHarness
) -> None:
    other = NotifyingHarness(memory, memory.name, clock=world.clock)
    received: list[str] = []
    for each in (world, other):
        each.outbox.register(lambda happened: received.append(happened.event_id))
    world.outbox.put_once(happened(world))
    [hit] = hits(world)
    assert [world.outbox.dispatch(hit), other.outbox.dispatch(hit)] == [True, False]
    assert len(received) == 1


def test_a_process_that_dies_while_it_hands_on_leaves_it_to_another_after_the_lease(
    memory: MemoryBehind, world: NotifyingHarness
) -> None:
    class Died(BaseException):
        pass

    def die(_: Event) -> None:
        raise Died

    world.outbox.register(die)
    one = happened(world)
    world.outbox.put_once(one)
    [hit] = hits(world)
    with pytest.raises(Died):
        world.outbox.dispatch(hit)
    other, handler = NotifyingHarness(memory, memory.name, clock=world.clock), Broken(0)
    other.outbox.register(handler)
    other.settle()
    assert handler.received == []
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    other.settle()
    assert handler.received == [one.event_id]


def test_a_table_that_is_away_is_no_failed_attempt_of_the_handler(world: NotifyingHarness) -> None:
    handler, one = Broken(1, StorageUnavailable()), happened(world)
    world.outbox.register(handler)
    world.outbox.put_once(one)
    world.settle()
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    world.settle()
    assert handler.received == [one.event_id] * 2


def test_one_message_that_cannot_be_read_does_not_stop_the_others(
    world: NotifyingHarness,
) -> None:
    handler = Broken(0)
    world.outbox.register(handler)
    for number in range(8):
        world.outbox.put_once(happened(world, str(number)))
    broken = world.items_of("OUTBOX#")[0]
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": broken["PK"], "SK": broken["SK"]},
        UpdateExpression="REMOVE body",
    )
    world.settle()
    assert len(handler.received) == 7
    assert [each.what for each in world.audit().violations] == ["cannot be read (KeyError: 'body')"]
