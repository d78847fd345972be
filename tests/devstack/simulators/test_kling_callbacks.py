import base64
import hashlib
import hmac
from collections.abc import Mapping

import pytest

from devstack.simulators.configuration import SimulatorSettings
from tests.devstack.simulators.stack import START, Receiver, Stack, Start
from tests.doubles.eventually import eventually

KEY, NEWER_KEY = b"a callback key of 32 characters.", b"another callback key, as long..."
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NEWER_SECRET = "whsec_" + base64.b64encode(NEWER_KEY).decode()


def verified(key: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Standard Webhooks, written anew from its specification: any of the signatures must match."""
    given = {name.lower(): value for name, value in headers.items()}
    message = b".".join([given["webhook-id"].encode(), given["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return any(part == f"v1,{expected}" for part in given["webhook-signature"].split(" "))


def names(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}


def finish(stack: Stack, receiver: Receiver, count: int = 3) -> None:
    receiver.wait_for(1)
    stack.clock.sleep(2)
    receiver.wait_for(count)


def test_the_check_of_these_tests_knows_the_vendor_s_own_example() -> None:
    key = base64.b64decode("dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    headers = {
        "webhook-id": "9876543210",
        "webhook-timestamp": "1781080794",
        "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
    }
    assert verified(key, headers, body)
    assert not verified(key, headers, body + b" ")


def test_every_status_is_reported_in_order_with_the_bare_task(
    stack: Stack, receiver: Receiver
) -> None:
    task_id = stack.created(callback_url=receiver.url, external_task_id="job_1")["task_id"]
    receiver.wait_for(1)
    stack.clock.sleep(0.5)
    receiver.wait_for(2)
    stack.clock.sleep(1.5)
    receiver.wait_for(3)
    assert receiver.reported_statuses() == ["submitted", "processing", "succeed"]
    assert receiver.tasks()[2] == stack.query(task_id)
    assert receiver.tasks()[2]["task_info"] == {"external_task_id": "job_1"}


def test_a_failure_is_reported(stack: Stack, receiver: Receiver) -> None:
    stack.created(callback_url=receiver.url, image="https://pictures.example/bad-pixels.png")
    finish(stack, receiver)
    last = receiver.tasks()[-1]
    assert (last["task_status"], last["task_status_msg"]) == ("failed", "Image pixel is invalid")


def test_without_a_secret_callbacks_are_unsigned(stack: Stack, receiver: Receiver) -> None:
    stack.created(callback_url=receiver.url)
    receiver.wait_for(1)
    assert not [name for name in names(receiver.received[0][0]) if name.startswith("webhook")]


def test_with_a_secret_every_callback_is_signed_under_an_id_of_its_own(
    start: Start, receiver: Receiver
) -> None:
    stack = start(kling_callback_secret=SECRET)
    stack.created(callback_url=receiver.url)
    finish(stack, receiver)
    assert all(verified(KEY, headers, body) for headers, body in receiver.received)
    assert not any(verified(NEWER_KEY, headers, body) for headers, body in receiver.received)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 3
    assert receiver.received[0][0]["webhook-timestamp"] == str(START // 1000)


def test_in_a_rotation_both_secrets_sign(start: Start, receiver: Receiver) -> None:
    stack = start(kling_callback_secret=f"{NEWER_SECRET},{SECRET}")
    stack.created(callback_url=receiver.url)
    receiver.wait_for(1)
    headers, body = receiver.received[0]
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert verified(KEY, headers, body)
    assert verified(NEWER_KEY, headers, body)


def test_a_dropped_callback_never_comes_and_is_written_down(
    stack: Stack, receiver: Receiver
) -> None:
    stack.arm("kling", "callback", "drop", count=2)
    stack.created(callback_url=receiver.url)
    stack.clock.sleep(2)
    receiver.wait_for(1)
    eventually(lambda: len(stack.journal(operation="callback")) == 3)
    assert receiver.reported_statuses() == ["succeed"]
    assert [entry["fault"] for entry in stack.journal(operation="callback")] == [
        "drop",
        "drop",
        None,
    ]


def test_a_doubled_callback_comes_twice_under_one_id(start: Start, receiver: Receiver) -> None:
    stack = start(kling_callback_secret=SECRET)
    stack.arm("kling", "callback", "double")
    stack.created(callback_url=receiver.url)
    receiver.wait_for(2)
    (first, body), (second, again) = receiver.received
    assert first["webhook-id"] == second["webhook-id"]
    assert body == again


def test_an_early_callback_reports_the_final_status_too_soon(
    stack: Stack, receiver: Receiver
) -> None:
    stack.arm("kling", "callback", "early")
    task_id = stack.created(callback_url=receiver.url)["task_id"]
    receiver.wait_for(1)
    reported = receiver.tasks()[0]
    assert reported["task_status"] == "succeed"
    assert reported["task_result"]["videos"]
    assert stack.query(task_id)["task_status"] == "submitted"
    finish(stack, receiver)
    assert receiver.reported_statuses() == ["succeed", "processing", "succeed"]


def test_a_slow_callback_comes_out_of_order(stack: Stack, receiver: Receiver) -> None:
    stack.arm("kling", "callback", "slow", seconds=5)
    stack.created(callback_url=receiver.url)
    stack.clock.sleep(2)
    receiver.wait_for(2)
    assert receiver.reported_statuses() == ["processing", "succeed"]
    stack.clock.sleep(3.1)
    receiver.wait_for(3)
    assert receiver.reported_statuses() == ["processing", "succeed", "submitted"]


def test_an_unsigned_callback_has_no_signature_though_a_secret_is_set(
    start: Start, receiver: Receiver
) -> None:
    stack = start(kling_callback_secret=SECRET)
    stack.arm("kling", "callback", "unsigned")
    stack.created(callback_url=receiver.url)
    receiver.wait_for(1)
    assert "webhook-signature" not in names(receiver.received[0][0])


@pytest.mark.parametrize("secret", ["", SECRET])
def test_a_forged_callback_has_a_signature_that_does_not_hold(
    start: Start, receiver: Receiver, secret: str
) -> None:
    stack = start(kling_callback_secret=secret)
    stack.arm("kling", "callback", "forged")
    stack.created(callback_url=receiver.url)
    receiver.wait_for(1)
    headers, body = receiver.received[0]
    assert headers["webhook-signature"].startswith("v1,")
    assert not verified(KEY, headers, body)


def test_a_refused_callback_is_tried_again_a_few_times_only(
    stack: Stack, receiver: Receiver
) -> None:
    receiver.statuses = [500] * 10
    stack.arm("kling", "callback", "drop", count=2)
    stack.created(callback_url=receiver.url)
    stack.clock.sleep(2)

    def reported(count: int) -> bool:
        stack.clock.sleep(1)
        return len(receiver.received) >= count

    eventually(lambda: reported(3))
    eventually(lambda: len(stack.journal(operation="callback")) == 5)
    with pytest.raises(AssertionError):
        eventually(lambda: reported(4), wait_limit_seconds=0.3)
    assert receiver.reported_statuses() == ["succeed"] * 3
    assert [entry["status"] for entry in stack.journal(operation="callback")] == [
        None,
        None,
        500,
        500,
        500,
    ]


def test_an_address_where_no_one_listens_never_holds_up_the_api(stack: Stack) -> None:
    task_id = stack.created(callback_url="http://127.0.0.1:9/nobody")["task_id"]
    stack.clock.sleep(2)
    assert stack.query(task_id)["task_status"] == "succeed"
    eventually(
        lambda: any(entry["status"] is None for entry in stack.journal(operation="callback"))
    )


def test_a_fault_of_responses_is_refused_for_callbacks(shared: Stack) -> None:
    body = {"service": "kling", "operation": "callback", "fault": "status:500"}
    assert shared.call("POST", "/__faults", json=body).status_code == 400


def test_the_callbacks_of_one_task_leave_in_order_however_many_there_are(
    stack: Stack, receiver: Receiver
) -> None:
    ids = [stack.created(callback_url=receiver.url)["task_id"] for _ in range(20)]
    stack.clock.sleep(2)
    receiver.wait_for(60)
    reported: dict[str, list[str]] = {task_id: [] for task_id in ids}
    for task in receiver.tasks():
        reported[task["task_id"]].append(task["task_status"])
    assert list(reported.values()) == [["submitted", "processing", "succeed"]] * 20


def test_callbacks_go_where_the_simulators_can_reach_the_one_they_are_meant_for(
    start: Start, receiver: Receiver
) -> None:
    origin = receiver.url.partition("/callbacks")[0]
    stack = start(callback_origin=origin)
    stack.created(callback_url="http://127.0.0.1:9/callbacks/kling/elsewhere?once=1")
    receiver.wait_for(1)
    assert (
        stack.journal(operation="callback")[0]["path"]
        == f"{origin}/callbacks/kling/elsewhere?once=1"
    )


def test_an_origin_of_callbacks_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="callback_origin must be an http"):
        SimulatorSettings(callback_origin="web:8080")
