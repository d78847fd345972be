"""Endpoints: who receives webhooks, and with which secrets they are signed."""

import pytest
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from service.admin.webhooks import EndpointPerformed
from service.notifications import endpoints, keys
from service.notifications.entities import (
    MAX_ENDPOINTS,
    EndpointInvalid,
    EndpointLimitReached,
    EndpointNotFound,
    EventType,
)
from service.notifications.store import endpoint_write
from service.storage.data_keys import DataUnreadable
from service.storage.writes import REPLACE, Update
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import URL, NotifyingHarness

DAY = 86_400


def test_a_new_endpoint_has_a_secret_that_is_shown_once(world: NotifyingHarness) -> None:
    endpoint, secret = world.endpoints.add(URL, [EventType.CREDITS_LOW], "books")
    assert secret.startswith("whsec_")
    assert len(Webhook(secret)._whsecret) == 32
    assert world.endpoints.secrets(endpoint) == (secret,)
    stored = world.endpoints.get(endpoint.endpoint_id)
    assert stored == endpoint
    assert world.endpoints.all() == (endpoint,)
    assert (stored.url, stored.events, stored.description) == (
        URL,
        frozenset({EventType.CREDITS_LOW}),
        "books",
    )


def test_the_table_and_the_logs_do_not_show_a_secret(world: NotifyingHarness) -> None:
    endpoint, secret = world.endpoints.add(URL, [], "")
    text = secret.removeprefix("whsec_")
    assert text not in str(world.items())
    assert text not in repr(endpoint)
    assert repr(endpoint.secret) not in repr(endpoint)


def test_two_endpoints_have_different_secrets(world: NotifyingHarness) -> None:
    assert world.endpoints.add(URL, [], "")[1] != world.endpoints.add(URL, [], "")[1]


def test_during_a_rotation_both_secrets_sign_and_afterwards_the_new_one(
    world: NotifyingHarness,
) -> None:
    endpoint, old = world.endpoints.add(URL, [], "")
    rotated = world.operators.rotate(world.action(), endpoint.endpoint_id)
    endpoint, new = rotated.endpoint, rotated.secret
    assert world.endpoints.secrets(endpoint) == (new, old)
    world.operators.send_trial(world.action(), endpoint.endpoint_id)
    world.settle()
    assert world.receivers.sent[-1].secrets == (new, old)
    world.clock.advance(DAY)
    assert world.endpoints.secrets(world.endpoints.get(endpoint.endpoint_id)) == (new,)


def test_a_sealed_secret_of_one_endpoint_opens_nothing_at_another(world: NotifyingHarness) -> None:
    one, _ = world.endpoints.add(URL, [], "")
    other, _ = world.endpoints.add(URL, [], "")
    stolen = other.changed(world.clock.now(), secret=one.secret)
    world.table.write(endpoint_write(other, stolen))
    with pytest.raises(DataUnreadable):
        world.endpoints.secrets(world.endpoints.get(other.endpoint_id))


def test_a_change_changes_what_it_names(world: NotifyingHarness) -> None:
    endpoint, secret = world.endpoints.add(URL, [EventType.CREDITS_LOW], "books")
    world.clock.advance(1)
    changed = world.edit(endpoint.endpoint_id, events=[])
    assert (changed.url, changed.events, changed.description) == (URL, frozenset(), "books")
    assert changed.version == endpoint.version + 1
    assert world.endpoints.secrets(changed) == (secret,)
    assert world.endpoints.get(endpoint.endpoint_id) == changed


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://127.0.0.1/", "nonsense"])
def test_an_address_that_is_not_allowed_is_refused_and_nothing_written(
    world: NotifyingHarness, url: str
) -> None:
    endpoint, _ = world.endpoints.add(URL, [], "")
    before = world.items()
    with pytest.raises(EndpointInvalid):
        world.endpoints.add(url, [], "")
    with pytest.raises(EndpointInvalid):
        world.edit(endpoint.endpoint_id, url=url)
    assert world.items() == before


def test_there_are_ten_at_the_limit_and_a_removed_one_makes_room(world: NotifyingHarness) -> None:
    made = [world.endpoint() for _ in range(MAX_ENDPOINTS)]
    before = world.items()
    with pytest.raises(EndpointLimitReached):
        world.endpoint()
    assert world.items() == before
    world.operators.remove(world.action(), made[0].endpoint_id)
    world.endpoint()
    assert len(world.endpoints.all()) == MAX_ENDPOINTS


def test_removed_endpoints_do_not_crowd_out_the_others(
    world: NotifyingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PAGE_SIZE", 2)
    for _ in range(5):
        world.operators.remove(world.action(), world.endpoint().endpoint_id)
    one = world.endpoint()
    assert world.endpoints.all() == (one,)


def test_an_endpoint_that_cannot_be_read_is_logged_and_keeps_no_other_waiting(
    world: NotifyingHarness,
) -> None:
    damaged, sound = world.endpoint(), world.endpoint()
    place = keys.endpoint(damaged.endpoint_id)
    world.table.write(Update(place, REPLACE, set={"state": "nonsense"}))
    with capture_logs() as logs:
        assert world.endpoints.all() == (sound,)
    assert [(each["event"], each["item"]) for each in logs] == [
        ("webhook_endpoint_unreadable", str(place))
    ]


def test_a_removed_endpoint_is_gone(world: NotifyingHarness) -> None:
    endpoint = world.endpoint()
    world.operators.remove(world.action(), endpoint.endpoint_id)
    assert world.endpoints.all() == ()
    for call in (
        lambda: world.endpoints.get(endpoint.endpoint_id),
        lambda: world.edit(endpoint.endpoint_id, enabled=True),
        lambda: world.operators.rotate(world.action(), endpoint.endpoint_id),
        lambda: world.operators.remove(world.action(), endpoint.endpoint_id),
        lambda: world.operators.send_trial(world.action(), endpoint.endpoint_id),
        lambda: world.deliveries.page(endpoint.endpoint_id, 10, None),
    ):
        with pytest.raises(EndpointNotFound):
            call()
    assert world.audit().violations == ()


@pytest.mark.parametrize("endpoint_id", ["", "x", "whk_", "whk_01m3250v002ajm933q0h87z8m2"])
def test_an_unknown_endpoint_is_not_found(world: NotifyingHarness, endpoint_id: str) -> None:
    with pytest.raises(EndpointNotFound):
        world.endpoints.get(endpoint_id)


def test_of_two_changes_at_the_same_time_both_are_made(
    memory: MemoryBehind, world: NotifyingHarness
) -> None:
    """The second is made on what the first has left."""
    endpoint, other = world.endpoint(), NotifyingHarness(memory, memory.name, clock=world.clock)
    wire = world.wire()
    wire.before(
        lambda operation: (
            other.edit(endpoint.endpoint_id, description="first")
            if operation == "TransactWriteItems" and wire.calls.count(operation) == 0
            else None
        )
    )
    changed = world.edit(endpoint.endpoint_id, events=frozenset({EventType.CREDITS_LOW}))
    assert (changed.description, changed.events) == ("first", {EventType.CREDITS_LOW})


def test_what_the_same_key_repeats_is_done_once_and_shows_no_secret_again(
    world: NotifyingHarness,
) -> None:
    adding = world.action(name="add")
    first = world.operators.add(adding, URL, frozenset(), "")
    again = world.operators.add(adding, URL, frozenset(), "")
    assert first.secret is not None
    assert (again.secret, again.endpoint) == (None, first.endpoint)
    assert len(world.endpoints.all()) == 1
    rotating = world.action(name="rotate")
    secret = world.operators.rotate(rotating, first.endpoint.endpoint_id).secret
    repeated = world.operators.rotate(rotating, first.endpoint.endpoint_id)
    assert repeated.secret is None
    assert world.endpoints.secrets(repeated.endpoint) == (secret, first.secret)
    trial = world.action(name="test")
    for _ in range(2):
        world.operators.send_trial(trial, first.endpoint.endpoint_id)
    world.settle()
    assert len(world.receivers.sent) == 1
    assert world.audit().violations == ()


def test_what_the_same_key_repeats_at_the_limit_is_a_replay(world: NotifyingHarness) -> None:
    for _ in range(MAX_ENDPOINTS - 1):
        world.endpoint()
    adding = world.action(name="add")
    first = world.operators.add(adding, URL, frozenset(), "")
    again = world.operators.add(adding, URL, frozenset(), "")
    assert (again.performed.replayed, again.endpoint) == (True, first.endpoint)
    before = world.items()
    with pytest.raises(EndpointLimitReached):
        world.operators.add(world.action(name="another"), URL, frozenset(), "")
    assert world.items() == before


@pytest.mark.parametrize("name", ["add", "rotate"])
def test_after_a_lost_response_a_twin_receives_no_secret_but_its_own(
    memory: MemoryBehind, world: NotifyingHarness, name: str
) -> None:
    """The request that was carried out was the twin's, with the same key, and not this one."""
    endpoint, action = world.endpoint(), world.action(name=name)
    other = NotifyingHarness(memory, memory.name, clock=world.clock)

    def send(process: NotifyingHarness) -> EndpointPerformed:
        if name == "add":
            return process.operators.add(action, URL, frozenset(), "")
        return process.operators.rotate(action, endpoint.endpoint_id)

    made: list[EndpointPerformed] = []
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-request")
    wire.before(
        lambda operation: (
            made.append(send(other)) if operation == "TransactWriteItems" and not made else None
        )
    )
    twin = send(world)
    assert (twin.secret, twin.performed.replayed) == (None, True)
    assert made[0].secret == world.endpoints.secrets(made[0].endpoint)[0]
    assert twin.endpoint == made[0].endpoint


@pytest.mark.parametrize("name", ["add", "rotate"])
def test_after_a_lost_response_the_request_receives_its_secret(
    world: NotifyingHarness, name: str
) -> None:
    endpoint, action = world.endpoint(), world.action(name=name)
    world.wire().plan("TransactWriteItems", "lost-answer")
    if name == "add":
        changed = world.operators.add(action, URL, frozenset(), "")
    else:
        changed = world.operators.rotate(action, endpoint.endpoint_id)
    assert not changed.performed.replayed
    assert changed.secret == world.endpoints.secrets(changed.endpoint)[0]
