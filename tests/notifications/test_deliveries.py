"""Deliveries: each event reaches each endpoint that receives its type, and is tried until it is
accepted."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from service.notifications import keys
from service.notifications.deliveries import LEASE_MILLISECONDS, NOT_ENABLED
from service.notifications.entities import (
    RETRY_MILLISECONDS,
    DeliveryNotFound,
    EndpointDisabled,
    EndpointNotFound,
    Event,
    EventType,
    State,
    event,
)
from service.notifications.store import endpoint_write
from service.notifications.sweeps import BATCH
from service.storage.cursor import PageTokenInvalid
from service.storage.table import StorageUnavailable
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import URL, NotifyingHarness, Receivers

OTHER = "https://other.example.com/farebox"
DAY = 86_400
BOUND = RETRY_MILLISECONDS / 1000


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    world = NotifyingHarness(memory, memory.name)
    world.finish()
    return world


def publish(world: NotifyingHarness, key: str = "1") -> Event:
    one = event(EventType.CREDITS_LOW, "ann", key, world.clock.now(), {"credits": 1})
    world.outbox.put_once(one)
    return one


def test_an_event_is_delivered_once_and_its_response_kept(world: NotifyingHarness) -> None:
    endpoint, one = world.endpoint(), publish(world)
    world.settle()
    assert world.receivers.event_ids == [one.event_id]
    assert world.receivers.sent[0].url == URL
    delivery = world.deliveries.get(endpoint.endpoint_id, one.event_id)
    assert (delivery.progress.state, delivery.progress.attempts) == (State.DELIVERED, 1)
    assert delivery.last is not None
    assert (delivery.last.status, delivery.last.response) == (204, "body")
    assert world.audit().violations == ()


def test_each_endpoint_receives_the_types_it_wants(world: NotifyingHarness) -> None:
    world.endpoint(URL, EventType.CREDITS_EXPIRING)
    world.endpoint(OTHER, EventType.CREDITS_LOW, EventType.CREDITS_EXPIRING)
    publish(world)
    world.settle()
    assert [each.url for each in world.receivers.sent] == [OTHER]


def test_an_event_that_is_published_twice_is_delivered_once(world: NotifyingHarness) -> None:
    world.endpoint()
    one = publish(world)
    world.deliveries.publish(one)
    world.deliveries.publish(one)
    world.settle()
    world.deliveries.publish(one)
    world.settle()
    assert world.receivers.event_ids == [one.event_id]


def test_an_endpoint_that_was_added_later_receives_later_events(world: NotifyingHarness) -> None:
    publish(world, "before")
    world.settle()
    world.endpoint()
    later = publish(world, "after")
    world.settle()
    assert world.receivers.event_ids == [later.event_id]


@pytest.mark.parametrize("status", [None, 301, 400, 404, 429, 500, 503])
def test_a_refusal_is_tried_again_under_the_same_id(
    world: NotifyingHarness, status: int | None
) -> None:
    endpoint = world.endpoint()
    world.receivers.plan(status, status)
    one = publish(world)
    world.settle()
    assert world.deliveries.get(endpoint.endpoint_id, one.event_id).progress.attempts == 1
    assert world.audit().violations == ()
    world.work_until(60, step=1)
    assert world.receivers.event_ids == [one.event_id] * 3
    assert len({each.event.body for each in world.receivers.sent}) == 1
    assert world.deliveries.get(endpoint.endpoint_id, one.event_id).progress.state == "delivered"


def test_a_receiver_that_names_a_pause_is_left_alone_so_long(world: NotifyingHarness) -> None:
    world.endpoint()
    world.receivers.plan(503)
    world.receivers.wait_milliseconds = 600_000
    publish(world)
    world.settle()
    world.work_until(590, step=10)
    assert len(world.receivers.sent) == 1
    world.work_until(20, step=10)
    assert len(world.receivers.sent) == 2


def test_what_no_one_accepts_for_three_days_is_a_dead_letter(world: NotifyingHarness) -> None:
    endpoint = world.endpoint()
    world.receivers.plan(*[500] * 100)
    one = publish(world)
    world.work_until(BOUND + 60, step=1800)
    tried = len(world.receivers.sent)
    assert tried >= 14
    [letter] = world.dead_letters.all()
    assert (letter.event_id, letter.endpoint_id, letter.attempts, letter.error) == (
        one.event_id,
        endpoint.endpoint_id,
        tried,
        "HTTP 500",
    )
    assert world.audit().violations == ()
    world.receivers.plans.clear()
    world.work_until(DAY, step=7200)
    assert len(world.receivers.sent) == tried
    world.redrive(letter)
    world.settle()
    assert len(world.receivers.sent) == tried + 1
    assert world.dead_letters.all() == ()
    assert world.audit().violations == ()


def test_a_delivery_whose_secret_cannot_be_opened_becomes_a_dead_letter(
    world: NotifyingHarness,
) -> None:
    """And the endpoint, which received nothing, is not blamed."""
    damaged, other = world.endpoint(), world.endpoint(OTHER)
    stolen = damaged.changed(world.clock.now(), secret=other.secret)
    world.table.write(endpoint_write(damaged, stolen))
    one = publish(world)
    world.settle()
    first = world.deliveries.get(damaged.endpoint_id, one.event_id)
    assert (first.progress.attempts, first.progress.state) == (1, State.PENDING)
    assert first.last is not None
    assert first.last.error == "not attempted: DATA_UNREADABLE"
    with capture_logs() as logs:
        world.work_until(BOUND + 60, step=1800)
    [letter] = world.dead_letters.all()
    assert (letter.event_id, letter.endpoint_id, letter.error) == (
        one.event_id,
        damaged.endpoint_id,
        "not attempted: DATA_UNREADABLE",
    )
    assert [each["event"] for each in logs].count("webhook_dead_letter") == 1
    assert [each.url for each in world.receivers.sent] == [OTHER]
    assert world.endpoints.get(damaged.endpoint_id).failing_since is None
    assert world.audit().violations == ()


def test_a_mistake_while_sending_counts_as_a_failed_attempt(
    memory: MemoryBehind, world: NotifyingHarness
) -> None:
    class Broken(Receivers):
        def send(self, *_: Any) -> Any:
            raise RuntimeError

    other = NotifyingHarness(memory, memory.name, clock=world.clock, receivers=Broken(world.clock))
    endpoint, one = world.endpoint(), publish(world)
    with capture_logs() as logs:
        other.settle()
    delivery = world.deliveries.get(endpoint.endpoint_id, one.event_id)
    assert delivery.last is not None
    assert (delivery.progress.attempts, delivery.last.error) == (1, "not attempted: RuntimeError")
    assert delivery.progress.due_at is not None
    assert delivery.progress.due_at < world.clock.now() + LEASE_MILLISECONDS
    [line] = [each for each in logs if each["event"] == "webhook_not_attempted"]
    assert one.event_id in line["item"]
    world.work_until(60, step=1)
    assert world.receivers.event_ids == [one.event_id]


def test_what_was_accepted_is_recorded_even_if_the_endpoint_cannot_be(
    world: NotifyingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: Any) -> Any:
        raise StorageUnavailable

    endpoint, one = world.endpoint(), publish(world)
    monkeypatch.setattr(world.endpoints, "note", unavailable)
    world.settle()
    delivery = world.deliveries.get(endpoint.endpoint_id, one.event_id)
    assert delivery.progress.state is State.DELIVERED


def test_a_delivery_can_be_sent_again(world: NotifyingHarness) -> None:
    endpoint, one = world.endpoint(), publish(world)
    world.settle()
    world.resend(endpoint.endpoint_id, one.event_id)
    again = world.deliveries.get(endpoint.endpoint_id, one.event_id)
    assert again.progress.state is State.PENDING
    world.settle()
    assert world.receivers.event_ids == [one.event_id] * 2
    assert world.audit().violations == ()


def test_what_does_not_exist_cannot_be_sent_again(world: NotifyingHarness) -> None:
    endpoint = world.endpoint()
    before = world.items()
    for event_id in ("evt_01m3250v002ajm933q0h87z8m2", "nonsense", "evt_#"):
        with pytest.raises(DeliveryNotFound):
            world.resend(endpoint.endpoint_id, event_id)
    for endpoint_id in ("whk_01m3250v002ajm933q0h87z8m2", "x", "#"):
        with pytest.raises(EndpointNotFound):
            world.resend(endpoint_id, "evt_01m3250v002ajm933q0h87z8m2")
    assert world.items() == before


def test_a_test_event_goes_to_one_endpoint_whatever_it_receives(world: NotifyingHarness) -> None:
    chosen = world.endpoint(URL, EventType.CREDITS_LOW)
    world.endpoint(OTHER)
    for _ in range(2):
        world.operators.send_trial(world.action(), chosen.endpoint_id)
    world.settle()
    assert [each.url for each in world.receivers.sent] == [URL, URL]
    assert world.receivers.types == ["webhook.test"] * 2
    assert len(set(world.receivers.event_ids)) == 2


def test_a_disabled_endpoint_receives_nothing_and_its_deliveries_wait_for_an_operator(
    world: NotifyingHarness,
) -> None:
    endpoint, one = world.endpoint(), publish(world)
    world.receivers.plan(500)
    world.settle()
    world.edit(endpoint.endpoint_id, enabled=False)
    with pytest.raises(EndpointDisabled):
        world.resend(endpoint.endpoint_id, one.event_id)
    publish(world, "meanwhile")
    world.work_until(120, step=5)
    assert len(world.receivers.sent) == 1
    [letter] = world.dead_letters.all()
    assert (letter.event_id, letter.error) == (one.event_id, NOT_ENABLED)
    world.edit(endpoint.endpoint_id, enabled=True)
    world.redrive(letter)
    world.settle()
    assert world.receivers.event_ids == [one.event_id] * 2


def test_a_receiver_that_wants_no_more_is_disabled(world: NotifyingHarness) -> None:
    endpoint = world.endpoint()
    world.receivers.plan(410)
    publish(world)
    world.settle()
    stored = world.endpoints.get(endpoint.endpoint_id)
    assert (stored.state, "410" in stored.disabled_reason) == ("disabled", True)


def test_an_endpoint_that_accepts_nothing_for_five_days_is_disabled(
    world: NotifyingHarness,
) -> None:
    endpoint = world.endpoint()
    world.receivers.plan(*[500] * 1000)
    for day in range(6):
        assert world.endpoints.get(endpoint.endpoint_id).state == "enabled", day
        publish(world, str(day))
        world.work_until(DAY, step=3600)
    stored = world.endpoints.get(endpoint.endpoint_id)
    assert (stored.state, stored.disabled_reason) == (
        "disabled",
        "nothing was accepted for five days",
    )
    world.edit(endpoint.endpoint_id, enabled=True)
    assert world.endpoints.get(endpoint.endpoint_id).failing_since is None


def test_one_success_forgets_the_failures_before_it(world: NotifyingHarness) -> None:
    endpoint = world.endpoint()
    for day in range(8):
        world.receivers.plan(500)
        publish(world, str(day))
        world.work_until(DAY, step=3600)
    stored = world.endpoints.get(endpoint.endpoint_id)
    assert (stored.state, stored.failing_since) == ("enabled", None)


def test_two_processes_deliver_each_event_once(
    memory: MemoryBehind, world: NotifyingHarness
) -> None:
    other = NotifyingHarness(memory, memory.name, clock=world.clock, receivers=world.receivers)
    endpoint = world.endpoint()
    for number in range(6):
        world.deliveries.publish(event(EventType.CREDITS_LOW, "ann", str(number), 5, {}))
    hits = [
        hit for part in keys.DUE_DELIVERIES.partitions for hit in world.deliveries.due(part, BATCH)
    ]
    by_id = {endpoint.endpoint_id: endpoint}
    for hit in hits:
        assert [each.deliveries.attempt(hit, by_id) for each in (world, other)] == [True, None]
    assert len(world.receivers.sent) == len(set(world.receivers.event_ids)) == 6


def test_a_process_that_dies_during_an_attempt_leaves_it_to_another_after_the_lease(
    memory: MemoryBehind, world: NotifyingHarness
) -> None:
    class Died(BaseException):
        pass

    class Dying(Receivers):
        def send(self, *_: Any) -> Any:
            raise Died

    other = NotifyingHarness(memory, memory.name, clock=world.clock, receivers=Dying(world.clock))
    world.endpoint()
    one = publish(world)
    with pytest.raises(Died):
        other.settle()
    world.settle()
    assert world.receivers.sent == []
    world.clock.advance(LEASE_MILLISECONDS / 1000)
    world.settle()
    assert world.receivers.event_ids == [one.event_id]


def test_a_receiver_that_fails_does_not_keep_others_waiting(world: NotifyingHarness) -> None:
    """However many of its deliveries are due before theirs."""
    failing = world.endpoint(URL)
    for number in range(3 * BATCH):
        happened = event(EventType.CREDITS_LOW, "ann", str(number), 5, {})
        world.deliveries.publish(happened)
    world.clock.advance(1)
    world.receivers.plan(*[500] * 1000)
    world.endpoint(OTHER)
    one = publish(world)
    for _ in range(3):
        world.work()
    assert [each.event.event_id for each in world.receivers.sent if each.url == OTHER] == [
        one.event_id
    ]
    assert len([each for each in world.receivers.sent if each.url == URL]) <= 3
    assert failing.state == "enabled"


def test_deliveries_are_listed_newest_first_page_by_page(world: NotifyingHarness) -> None:
    endpoint = world.endpoint()
    for number in range(5):
        world.clock.advance(1)
        publish(world, str(number))
    world.settle()
    found, token = [], None
    while True:
        page = world.deliveries.page(endpoint.endpoint_id, 2, token)
        found += [each.event.event_id for each in page.deliveries]
        token = page.next_token
        if token is None:
            break
    assert len(found) == 5
    assert found == sorted(found, reverse=True)


def test_a_page_of_one_endpoint_does_not_lead_into_another(world: NotifyingHarness) -> None:
    one, other = world.endpoint(), world.endpoint(OTHER)
    for number in range(3):
        publish(world, str(number))
    world.settle()
    token = world.deliveries.page(one.endpoint_id, 2, None).next_token
    assert token is not None
    for endpoint_id, bad in ((other.endpoint_id, token), (one.endpoint_id, "x" + token)):
        with pytest.raises(PageTokenInvalid):
            world.deliveries.page(endpoint_id, 2, bad)
