"""A balance that falls below its owner's threshold is a mail in their mailbox, whatever the mail
provider does meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.stack.live_stack import LiveStack


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


class Reader:
    """A user with five credits, and their mailbox."""

    def __init__(self, stack: LiveStack) -> None:
        self.stack = stack
        stack.settled(stack.submitted())
        body = {"lowBalance": 4}
        assert stack.call("PUT", "/me/alerts", stack.token(), json=body).status_code == 200

    def prefer(self, body: object) -> requests.Response:
        return self.stack.call("PUT", "/me/notifications", self.stack.token(), json=body)

    def spend(self) -> None:
        self.stack.settled(self.stack.submitted())

    def mailbox(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(
            f"{self.stack.sim_url}/ses/__mailbox", timeout=60
        ).json()["mails"]
        return found

    def received(self, count: int) -> list[dict[str, Any]]:
        return self.stack.until(lambda: found if len(found := self.mailbox()) >= count else None)


@pytest.fixture
def ann(start: Callable[..., LiveStack]) -> Reader:
    return Reader(start(welcome_credits=5, outbox_interval_seconds=0.2))


@pytest.mark.parametrize(("fault", "sent"), [("status:429", 1), ("lost-answer", 2)])
def test_a_low_balance_is_mailed_and_an_unknown_outcome_tried_again_under_one_id(
    ann: Reader, fault: str, sent: int
) -> None:
    ann.stack.fault("send", fault, service="ses")
    ann.spend()
    mails = ann.received(sent)
    assert len(mails) == sent
    assert {each["headers"]["X-Farebox-Mail-Id"] for each in mails} == {
        mails[0]["headers"]["X-Farebox-Mail-Id"]
    }
    assert mails[0]["subject"] == "Farebox: Your credits are running low"
    assert "3 credits left" in mails[0]["text"]
    ann.stack.assert_proved()


def test_a_user_who_does_not_want_mail_receives_none(ann: Reader) -> None:
    assert ann.stack.get("/me/notifications").json()["data"] == {"mail": True}
    assert ann.prefer({"mail": False}).json()["data"] == {"mail": False}
    assert ann.stack.get("/me/notifications").json()["data"] == {"mail": False}
    before = ann.stack.written()
    for body in ({}, {"mail": "no"}, {"mail": None}, {"mail": 1}, {"mail": True, "more": 1}):
        refused = ann.prefer(body)
        assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED"), body
    other = ann.stack.call("GET", "/me/notifications", ann.stack.token("bob"))
    assert (other.status_code, other.json()["code"]) == (404, "USER_NOT_FOUND")
    assert ann.stack.written() == before
    ann.spend()
    ann.stack.until(
        lambda: any(
            each.get("state", {}).get("S") == "delivered"
            for each in ann.stack.items()
            if each.get("type", {}).get("S") == "credits.low"
        )
    )
    assert ann.mailbox() == []
    ann.stack.assert_proved()
