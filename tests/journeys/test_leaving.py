"""A user leaves, over HTTP: takes a copy along, is erased, and comes back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.audit.operations import Auditor
from service.core.clock import SystemClock
from tests.doubles.signer import SHARED_SECRET
from tests.journeys.test_support import operator
from tests.stack.live_stack import LiveStack

EMAIL = "ann@example.com"


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    """In real time: a token says in seconds whether it is older than the end of the account."""
    return start(
        clock=SystemClock(),
        operator_keys=f"machine:hmac-sha256:{SHARED_SECRET}",
        erasure_interval_seconds=0.1,
    )


def fresh(stack: LiveStack, sub: str = "ann") -> str:
    return stack.token(sub, auth_time=stack.parts.core.clock.now() // 1000)


def ended(stack: LiveStack, token: str) -> Any:
    body = stack.call("GET", "/me/account/erasure", token).json()
    return body["data"] if body["data"]["status"] == "finished" else None


def test_a_user_takes_a_copy_leaves_and_comes_back_without_a_second_welcome(
    stack: LiveStack,
) -> None:
    job_id = stack.submitted("ann")
    link = stack.settled(job_id)["videoUrl"]
    token = fresh(stack)
    assert stack.call("GET", "/me/account/erasure", token).status_code == 404
    copy = stack.call("GET", "/me/export", token)
    assert copy.headers["Content-Disposition"] == 'attachment; filename="farebox.json"'
    data = copy.json()["data"]
    assert (data["userId"], data["profile"]["email"]) == ("ann", EMAIL)
    assert [job["videoUrl"] for job in data["jobs"]] == [link]
    assert [entry["kind"] for entry in data["entries"]] == ["INITIAL", "HOLD", "CAPTURE"]
    assert (data["wallet"]["credits"], len(data["devices"])) == (2, 1)
    began = stack.call("DELETE", "/me/account", token)
    assert (began.status_code, began.headers["Location"]) == (202, "/me/account/erasure")
    assert began.json()["data"]["status"] == "running"
    stack.until(lambda: ended(stack, token))
    left = json.dumps(stack.items(), default=str)
    assert (EMAIL in left, link in left) == (False, False)
    assert stack.call("DELETE", "/me/account", token).json()["data"]["status"] == "finished"
    assert stack.call("GET", "/jobs", token).json()["code"] == "ACCOUNT_CLOSED"
    stack.parts.core.clock.sleep(1.1)
    refused = stack.post_video("ann", device="another device")
    assert (refused.status_code, refused.json()["code"]) == (403, "INSUFFICIENT_CREDITS")
    assert stack.get("/credits").json()["data"]["registered"] is True
    assert stack.call("GET", "/me/account/erasure", fresh(stack)).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/me/account"), ("GET", "/me/export")])
def test_an_old_sign_in_neither_erases_nor_exports(
    stack: LiveStack, method: str, path: str
) -> None:
    stack.settled(stack.submitted("ann"))
    before = stack.written()
    old = stack.token("ann", auth_time=stack.parts.core.clock.now() // 1000 - 1000)
    for token in (old, stack.token("ann")):
        response = stack.call(method, path, token)
        assert (response.status_code, response.json()["code"]) == (401, "SIGN_IN_TOO_OLD")
    assert stack.written() == before


def test_who_has_no_account_has_nothing_to_erase_or_export(stack: LiveStack) -> None:
    token = fresh(stack, "nobody")
    for method, path in (("DELETE", "/me/account"), ("GET", "/me/export")):
        response = stack.call(method, path, token)
        assert (response.status_code, response.json()["code"]) == (404, "USER_NOT_FOUND")
    assert stack.items() == []


def test_an_operator_erases_who_wrote_a_letter(stack: LiveStack) -> None:
    stack.settled(stack.submitted("ann"))
    reason = {"reason": "by letter"}
    path = "/admin/users/ann/erasure"
    status, body = operator(stack, "POST", path, reason, key="letter-1")
    assert (status, body["data"]["action"]["action"]) == (200, "erase")
    assert operator(stack, "POST", path, reason, key="letter-1")[0] == 200
    stack.until(lambda: operator(stack, "GET", "/admin/erasures")[1]["data"]["erasures"] == [])
    assert ended(stack, fresh(stack))["finishedAt"] is not None
    assert stack.parts.get(Auditor).audit().violations == ()
