"""The simulated receiver of webhooks, and its mailbox."""

import pytest
import requests

from tests.devstack.simulators.stack import START, Stack

HEADERS = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}


def post(stack: Stack, text: str = '{"type": "x"}') -> requests.Response:
    return stack.call("POST", "/webhooks", headers=HEADERS, data=text.encode())


def mailbox(stack: Stack) -> list[dict[str, object]]:
    found: list[dict[str, object]] = stack.call("GET", "/webhooks/__mailbox").json()["webhooks"]
    return found


def test_a_webhook_is_accepted_and_can_be_read(stack: Stack) -> None:
    assert post(stack).status_code == 200
    assert mailbox(stack) == [
        {"at": START, "headers": HEADERS, "body": {"type": "x"}, "raw": '{"type": "x"}'}
    ]
    assert stack.call("DELETE", "/webhooks/__mailbox").status_code == 200
    assert mailbox(stack) == []


@pytest.mark.parametrize("text", ["", "no JSON", '{"é": "\\ud83d"}'])
def test_whatever_comes_is_kept_as_it_came(stack: Stack, text: str) -> None:
    assert post(stack, text).status_code == 200
    assert mailbox(stack)[0]["raw"] == text


def test_a_refused_webhook_is_not_in_the_mailbox(stack: Stack) -> None:
    stack.arm("webhooks", "receive", "status:503")
    assert post(stack).status_code == 503
    assert mailbox(stack) == []


def test_one_whose_response_was_lost_is(stack: Stack) -> None:
    stack.arm("webhooks", "receive", "lost-answer")
    with pytest.raises(requests.ConnectionError):
        post(stack)
    assert len(mailbox(stack)) == 1
