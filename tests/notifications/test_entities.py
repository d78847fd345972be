"""Events, retries and addresses: pure rules."""

import json
from itertools import pairwise

import pytest

from service.core.ids import is_id
from service.notifications.entities import (
    DAY,
    HOUR,
    MAX_PAUSE_MILLISECONDS,
    RETRY_MILLISECONDS,
    SECOND,
    EventType,
    Progress,
    State,
    event,
    url_fault,
)

NOW = 1_790_000_000_000


def test_the_same_thing_reported_twice_is_the_same_event() -> None:
    first = event(EventType.CREDITS_LOW, "ann", "7", NOW, {"credits": 1})
    assert event(EventType.CREDITS_LOW, "ann", "7", NOW, {"credits": 1}) == first
    assert is_id("evt", first.event_id)


@pytest.mark.parametrize(
    ("kind", "user_id", "key", "at"),
    [
        (EventType.CREDITS_EXPIRING, "ann", "7", NOW),
        (EventType.CREDITS_LOW, "bob", "7", NOW),
        (EventType.CREDITS_LOW, "ann", "8", NOW),
        (EventType.CREDITS_LOW, "ann", "7", NOW + 1),
    ],
)
def test_anything_else_is_another_event(kind: EventType, user_id: str, key: str, at: int) -> None:
    first = event(EventType.CREDITS_LOW, "ann", "7", NOW, {})
    assert event(kind, user_id, key, at, {}).event_id != first.event_id


def test_events_sort_by_time() -> None:
    ids = [event(EventType.CREDITS_LOW, "u", "1", NOW + n * SECOND, {}).event_id for n in range(9)]
    assert ids == sorted(ids)


def test_the_body_says_what_happened_when_and_to_whom() -> None:
    body = json.loads(event(EventType.CREDITS_LOW, "ann", "7", NOW, {"credits": 0.012}).body)
    assert body == {
        "type": "credits.low",
        "timestamp": "2026-09-21T14:13:20.000Z",
        "data": {"userId": "ann", "credits": 0.012},
    }


def schedule(jitter: float) -> list[int]:
    """When each attempt is made, from the first on, if all fail."""
    now, progress, made = NOW, Progress(NOW, NOW + RETRY_MILLISECONDS), []
    while progress.state is State.PENDING:
        assert progress.due_at is not None
        now = progress.due_at
        made.append(now - NOW)
        progress = progress.claimed(now + 1).failed(now, jitter)
    return made


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_attempts_grow_apart_and_the_last_is_made_after_three_days(jitter: float) -> None:
    times = schedule(jitter)
    assert times[0] == 0
    assert times[-1] == RETRY_MILLISECONDS
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] < 10 * SECOND
    assert gaps[:-1] == sorted(gaps[:-1])
    assert max(gaps) <= 1.25 * MAX_PAUSE_MILLISECONDS
    assert 14 <= len(times) <= 20


def test_two_receivers_that_fail_at_the_same_time_are_not_tried_at_the_same_time() -> None:
    assert schedule(0.1)[1:5] != schedule(0.9)[1:5]


@pytest.mark.parametrize(("wait", "pause"), [(HOUR, HOUR), (DAY, MAX_PAUSE_MILLISECONDS)])
def test_a_receiver_that_names_a_pause_gets_it_within_bounds(wait: int, pause: int) -> None:
    progress = Progress(NOW, NOW + RETRY_MILLISECONDS).claimed(NOW)
    assert progress.failed(NOW, 0.5, wait).due_at == NOW + pause


def test_what_has_been_delivered_is_not_due_any_more() -> None:
    done = Progress(NOW, NOW + 1).claimed(NOW).delivered()
    assert (done.due_at, done.state, done.attempts) == (None, State.DELIVERED, 1)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com:443/a/b?c=d",
        "https://xn--bcher-kva.example/hook",
    ],
)
def test_public_https_addresses_can_receive_webhooks(url: str) -> None:
    assert url_fault(url, allow_private=False) is None


BAD_ANYWHERE = [
    "",
    "hooks.example.com",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "https://",
    "https:///path",
    "https://user:secret@hooks.example.com/",
    "https://user@hooks.example.com/",
    "https://hooks.example.com/#part",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com/ space",
    "https://hooks.example.com/\n",
    "https://bücher.example/",
    "https://hooks.example.com:99999/",
    "https://[::1/",
    "https://hooks.example.com/" + "a" * 500,
]
BAD_IN_PRODUCTION = [
    "http://hooks.example.com/",
    "https://hooks.example.com:8443/",
    "https://hooks.example.com:22/",
    "https://localhost/",
    "https://intranet/",
    "https://127.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.0x1/",
    "https://127.1/",
    "https://0177.0.0.01/",
    "https://127.0.0.1./",
]


@pytest.mark.parametrize("url", BAD_ANYWHERE + BAD_IN_PRODUCTION)
def test_other_addresses_cannot(url: str) -> None:
    assert url_fault(url, allow_private=False)


@pytest.mark.parametrize("url", BAD_ANYWHERE)
def test_some_cannot_even_where_private_ones_are_allowed(url: str) -> None:
    assert url_fault(url, allow_private=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8090/webhooks", "http://simulators:8090/"])
def test_the_local_stack_may_use_its_own(url: str) -> None:
    assert url_fault(url, allow_private=True) is None
