"""When a balance falls below its owner's threshold, the house receives a signed webhook: once
per crossing, whatever the receiver does meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from service.core.clock import utc
from service.notifications.endpoints import Endpoints
from service.notifications.entities import EventType
from tests.stack.live_stack import LiveStack

PARTS = ("id", "timestamp", "signature")


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


class House:
    """A stack with one endpoint, at the simulators' mailbox, for all but sign-ups."""

    def __init__(self, stack: LiveStack) -> None:
        self.stack = stack
        url = f"{stack.sim_url}/webhooks"
        types = set(EventType) - {EventType.USER_CREATED}
        _, self.secret = stack.parts.get(Endpoints).add(url, types, "the mailbox")

    def mailbox(self) -> list[dict[str, Any]]:
        url = f"{self.stack.sim_url}/webhooks/__mailbox"
        found: list[dict[str, Any]] = requests.get(url, timeout=60).json()["webhooks"]
        return found

    def received(self, count: int) -> list[dict[str, Any]]:
        """Waits for so many webhooks."""
        return self.stack.until(lambda: found if len(found := self.mailbox()) >= count else None)

    def threshold(self, threshold: Any) -> requests.Response:
        body = {"lowBalance": threshold}
        return self.stack.call("PUT", "/me/alerts", self.stack.token(), json=body)

    def signed(self, received: dict[str, Any]) -> bool:
        """Whether the reference library signs it the same. (It would not accept the time of the
        stack's clock, which runs fast.)"""
        name, at, signature = (received["headers"][f"webhook-{part}"] for part in PARTS)
        return Webhook(self.secret).sign(name, utc(int(at) * 1000), received["raw"]) == signature


@pytest.fixture
def house(start: Callable[..., LiveStack]) -> House:
    return House(start(welcome_credits=5, webhook_allow_private=True, outbox_interval_seconds=0.2))


def test_a_balance_that_falls_below_the_threshold_is_one_signed_webhook(
    house: House,
) -> None:
    stack = house.stack
    stack.settled(stack.submitted())
    assert house.threshold(4).json()["data"] == {"lowBalance": 4}
    assert stack.get("/me/alerts").json()["data"] == {"lowBalance": 4}
    for _ in range(3):
        stack.settled(stack.submitted())
    [received] = house.received(1)
    assert house.signed(received)
    content = received["body"]
    assert content["type"] == "credits.low"
    assert content["data"] == {
        "userId": "ann",
        "credits": 3,
        "held": 0,
        "threshold": 4,
        "taken": False,
    }
    assert len(house.mailbox()) == 1
    stack.assert_proved()


@pytest.mark.parametrize("fault", ["status:500", "reset", "html:502", "lost-answer"])
def test_a_receiver_that_fails_receives_the_same_event_again(house: House, fault: str) -> None:
    """Where only the response was lost it receives it twice, under one id."""
    stack = house.stack
    stack.settled(stack.submitted())
    house.threshold(4)
    stack.fault("receive", fault, service="webhooks", count=2)
    stack.settled(stack.submitted())
    received = house.received(3 if fault == "lost-answer" else 1)
    assert len({each["headers"]["webhook-id"] for each in received}) == 1
    assert len({each["raw"] for each in received}) == 1
    stack.assert_proved()


def test_a_refusal_for_lack_of_credits_is_reported_once_a_day(house: House) -> None:
    stack = house.stack
    for _ in range(5):
        stack.settled(stack.submitted())
    house.threshold(1)
    for _ in range(3):
        assert stack.post_video().json()["code"] == "INSUFFICIENT_CREDITS"
    [received] = house.received(1)
    assert received["body"]["type"] == "credits.insufficient"
    assert stack.post_video().status_code == 403
    assert len(house.mailbox()) == 1
    stack.assert_proved()


@pytest.mark.parametrize("threshold", [-1, 0, "5", 0.0001, 1e300, True, [5]])
def test_a_threshold_that_is_no_amount_is_refused_and_nothing_changes(
    house: House, threshold: Any
) -> None:
    house.stack.settled(house.stack.submitted())
    before = house.stack.written()
    refused = house.threshold(threshold)
    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED")
    assert house.stack.written() == before


def test_a_threshold_can_be_taken_away_and_needs_an_account(house: House) -> None:
    assert house.threshold(5).json()["code"] == "USER_NOT_FOUND"
    assert house.stack.get("/me/alerts").json()["code"] == "USER_NOT_FOUND"
    house.stack.settled(house.stack.submitted())
    for threshold in (0.5, None):
        assert house.threshold(threshold).json()["data"] == {"lowBalance": threshold}
        assert house.stack.get("/me/alerts").json()["data"] == {"lowBalance": threshold}
    house.stack.assert_proved()
