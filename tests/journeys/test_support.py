"""A user needs help, over HTTP: from what they name to the user, to what happened, to what is
done about it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.doubles.signer import SHARED_SECRET, Signer
from tests.stack.live_stack import LiveStack, new_key

REASON = {"reason": "wrote in the app"}


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start(operator_keys=f"machine:hmac-sha256:{SHARED_SECRET}")


def operator(stack: LiveStack, method: str, path: str, body: Any = None, key: str = "") -> Any:
    """A signed request; returns status and body."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    signed = Signer().sign(
        method,
        path,
        stack.parts.core.clock.now() / 1000,
        content,
        headers=headers,
        authority=stack.url.removeprefix("http://"),
    )
    response = stack.call(method, path, headers=signed, data=content)
    return response.status_code, response.json()


def test_a_user_who_was_charged_is_found_and_the_timeline_says_why(stack: LiveStack) -> None:
    job_id = stack.submitted("ann")
    stack.settled(job_id)
    for by, value in (("email", "ANN@example.com"), ("job", job_id), ("device", "device-of-ann")):
        status, body = operator(stack, "POST", "/admin/search", {"by": by, "value": value})
        assert (status, [user["userId"] for user in body["data"]["users"]]) == (200, ["ann"])
    _, body = operator(stack, "GET", "/admin/users/ann/timeline?limit=20")
    kinds = [(event["entry"] or {}).get("kind") for event in body["data"]["events"]]
    assert [kind for kind in kinds if kind] == ["CAPTURE", "HOLD", "INITIAL"]
    (hold,) = (
        event["entry"]
        for event in body["data"]["events"]
        if event["entry"] and event["entry"]["kind"] == "HOLD"
    )
    assert (hold["ref"], hold["details"]["operation"]) == (job_id, "kling:image2video")
    assert hold["details"]["requestId"].startswith("req_")


def test_a_job_that_hangs_is_settled_by_hand_as_the_worker_would(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(
        operator_keys=f"machine:hmac-sha256:{SHARED_SECRET}",
        callbacks=False,
        poll_min_seconds=3000.0,
        poll_max_seconds=3000.0,
    )
    job_id = stack.submitted("ann")
    stack.finish_videos()
    stack.until(lambda: stack.tasks()[0]["status"] == "succeed")
    path = f"/admin/users/ann/jobs/{job_id}/resolve"
    key = new_key()
    status, body = operator(stack, "POST", path, REASON, key)
    assert (status, body["data"]["job"]["status"]) == (200, "SUCCEEDED")
    assert operator(stack, "POST", path, REASON, key)[1]["data"]["action"] == body["data"]["action"]
    assert stack.get(f"/jobs/{job_id}").json()["data"]["videoUrl"]
    stack.assert_proved()


def test_a_device_that_was_sold_signs_its_new_owner_up(stack: LiveStack) -> None:
    stack.submitted("ann", device="the-sold-phone")
    refused = stack.post_video("bob", device="the-sold-phone")
    assert refused.json()["code"] == "DEVICE_ALREADY_USED"
    (device,) = operator(stack, "GET", "/admin/users/ann")[1]["data"]["devices"]
    path = f"/admin/users/ann/devices/{device['device']}/release"
    assert operator(stack, "POST", path, REASON, new_key())[0] == 200
    stack.until(lambda: stack.post_video("bob", device="the-sold-phone").status_code == 200)
    assert _found(stack, "the-sold-phone") == ["bob"]
    stack.until(lambda: stack.credits("bob")[1] == 0 == stack.credits("ann")[1])
    stack.assert_proved()


def test_a_user_can_do_none_of_it(start: Callable[..., LiveStack]) -> None:
    keys = f"machine:hmac-sha256:{SHARED_SECRET}"
    stack = start(operator_keys=keys, callbacks=False, simulator={"video_seconds": 6000.0})
    job_id = stack.submitted("ann")
    before = stack.written()
    for method, path in (
        ("GET", "/admin/users/ann"),
        ("GET", "/admin/users/ann/timeline"),
        ("POST", "/admin/search"),
        ("POST", f"/admin/users/ann/jobs/{job_id}/release"),
    ):
        response = stack.call(method, path, stack.token("ann"), json=REASON)
        assert response.status_code in (401, 403), path
    assert [item["SK"] for item in stack.written()] == [item["SK"] for item in before]


def _found(stack: LiveStack, fingerprint: str) -> list[str]:
    body = {"by": "device", "value": fingerprint}
    _, found = operator(stack, "POST", "/admin/search", body)
    return [user["userId"] for user in found["data"]["users"]]
