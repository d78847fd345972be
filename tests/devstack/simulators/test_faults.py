import socket
import threading

import pytest
import requests

from tests.devstack.simulators.stack import Stack
from tests.doubles.eventually import eventually


def test_a_status_fault_has_its_vendor_code_and_does_nothing(stack: Stack) -> None:
    stack.arm("kling", "create", "status:429:1303")
    response = stack.create()
    assert response.status_code == 429
    assert (response.json()["code"], response.json()["message"]) == (
        1303,
        "parallel task over resource pack limit",
    )
    assert stack.tasks() == []
    assert stack.create().status_code == 200


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("status:500", 5000),
        ("status:503", 5001),
        ("status:504", 5002),
        ("status:400:1301", 1301),
        ("status:418", 418),
    ],
)
def test_a_status_without_a_code_has_the_usual_one(stack: Stack, fault: str, code: int) -> None:
    stack.arm("kling", "query", fault)
    response = stack.kling("GET", "/1")
    assert (response.status_code, response.json()["code"]) == (int(fault.split(":")[1]), code)


def test_an_html_fault_is_a_response_of_a_proxy(stack: Stack) -> None:
    stack.arm("kling", "create", "html:502")
    response = stack.create()
    assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")
    assert stack.tasks() == []


def test_a_reset_drops_the_connection_before_anything_is_done(stack: Stack) -> None:
    stack.arm("kling", "create", "reset")
    with pytest.raises(requests.ConnectionError):
        stack.create()
    assert stack.tasks() == []
    assert [entry["status"] for entry in stack.journal(operation="create")] == [None]


def test_a_reset_is_one_on_the_wire_too(stack: Stack) -> None:
    stack.arm("google", "certs", "reset")
    with socket.create_connection(("127.0.0.1", stack.server.settings.port)) as raw:
        raw.sendall(b"GET /google/oauth2/v3/certs HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


def test_a_lost_response_still_creates_the_task(stack: Stack) -> None:
    stack.arm("kling", "create", "lost-answer")
    with pytest.raises(requests.ConnectionError):
        stack.create(external_task_id="job_1")
    assert [task["external_task_id"] for task in stack.tasks()] == ["job_1"]


def test_a_slow_response_acts_first_and_comes_after_its_seconds(stack: Stack) -> None:
    stack.arm("kling", "create", "slow", seconds=7)
    before = stack.clock.now()
    assert stack.create().status_code == 200
    assert stack.clock.now() - before == 7000
    assert stack.tasks()[0]["created_at"] == before


def test_a_late_task_comes_after_the_error(stack: Stack) -> None:
    stack.arm("kling", "create", "late", seconds=3)
    response = stack.create(external_task_id="job_1")
    assert (response.status_code, response.json()["code"]) == (504, 5002)
    assert stack.tasks() == []
    stack.clock.sleep(2.9)
    assert stack.kling("GET", "/job_1").status_code == 400
    stack.clock.sleep(0.2)
    eventually(lambda: stack.kling("GET", "/job_1").status_code == 200)


def test_late_by_no_seconds_has_acted_before_the_error(stack: Stack) -> None:
    stack.arm("kling", "create", "late", seconds=0)
    assert stack.create().json()["code"] == 5002
    assert len(stack.tasks()) == 1


def test_a_job_fails_after_it_was_taken(stack: Stack) -> None:
    stack.arm("kling", "create", "job-fails")
    doomed, fine = stack.created()["task_id"], stack.created()["task_id"]
    stack.clock.sleep(2)
    assert (
        stack.query(doomed)["task_status_msg"] == "Failed to generate the video, please try again"
    )
    assert stack.query(fine)["task_status"] == "succeed"


def test_a_success_can_come_empty(stack: Stack) -> None:
    task_id = stack.created()["task_id"]
    stack.clock.sleep(2)
    stack.arm("kling", "query", "empty")
    empty = stack.query(task_id)
    assert (empty["task_status"], empty["task_result"]) == ("succeed", {})
    assert stack.query(task_id)["task_result"] != {}


def test_garbage_is_200_without_json_and_has_acted(stack: Stack) -> None:
    stack.arm("kling", "create", "garbage")
    response = stack.create()
    assert response.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert len(stack.tasks()) == 1


def test_a_response_can_lack_its_task_id(stack: Stack) -> None:
    stack.arm("kling", "create", "no-task-id")
    response = stack.create().json()
    assert response["code"] == 0
    assert "task_id" not in response["data"]
    assert len(stack.tasks()) == 1


def test_a_fault_holds_for_its_count(stack: Stack) -> None:
    stack.arm("kling", "query", "status:503", count=2)
    assert [stack.kling("GET", "/1").status_code for _ in range(3)] == [503, 503, 400]


def test_a_fault_of_minus_one_holds_until_reset(stack: Stack) -> None:
    stack.arm("kling", "query", "status:503", count=-1)
    assert [stack.kling("GET", "/1").status_code for _ in range(5)] == [503] * 5
    assert stack.call("DELETE", "/__faults").json()["faults"] == []
    assert stack.kling("GET", "/1").status_code == 400


def test_faults_of_one_operation_are_met_in_the_order_they_were_ordered(stack: Stack) -> None:
    stack.arm("kling", "query", "status:500")
    stack.arm("kling", "query", "status:503")
    stack.arm("kling", "create", "status:504")
    assert [stack.kling("GET", "/1").status_code for _ in range(3)] == [500, 503, 400]


def test_parallel_calls_share_the_count(stack: Stack) -> None:
    stack.arm("kling", "query", "status:503", count=7)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(stack.kling("GET", "/1").status_code))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [400] * 13 + [503] * 7


def test_the_armed_faults_are_listed_with_what_they_have_left(stack: Stack) -> None:
    stack.arm("kling", "query", "slow", count=3, seconds=0)
    stack.kling("GET", "/1")
    assert stack.call("GET", "/__faults").json()["faults"] == [
        {"service": "kling", "operation": "query", "fault": "slow", "count": 2, "seconds": 0.0}
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"service": "nobody"},
        {"service": 5},
        {"operation": "nothing"},
        {"operation": "unknown"},
        {"operation": None},
        {"fault": "explode"},
        {"fault": "empty"},
        {"fault": "status"},
        {"fault": "status:9"},
        {"fault": "status:700"},
        {"fault": "status:429:"},
        {"fault": "html:abc"},
        {"count": 0},
        {"count": -2},
        {"count": 1.5},
        {"count": "1"},
        {"count": True},
        {"seconds": -1},
        {"seconds": 601},
        {"seconds": "1"},
        {"seconds": 10**400},
    ],
    ids=str,
)
def test_a_switch_that_does_not_exist_is_400_and_arms_nothing(
    shared: Stack, change: dict[str, object]
) -> None:
    body = {"service": "kling", "operation": "create", "fault": "reset", **change}
    response = shared.call("POST", "/__faults", json=body)
    assert response.status_code == 400
    assert response.json()["error"]
    assert shared.call("GET", "/__faults").json()["faults"] == []


def test_arming_and_disarming_show_what_is_armed_and_no_more(stack: Stack) -> None:
    body = {"service": "kling", "operation": "create", "fault": "reset"}
    armed = stack.call("POST", "/__faults", json=body).json()
    assert [each["fault"] for each in armed.pop("faults")] == ["reset"]
    assert armed == {}
    assert stack.call("DELETE", "/__faults").json() == {"faults": []}


def test_a_refusal_names_what_is_known(shared: Stack) -> None:
    known = shared.call("POST", "/__faults", json={"service": "nobody"}).json()["known"]
    assert set(known) == {
        *(
            "assemblyai",
            "bedrock",
            "bedrock-openai",
            "cognito",
            "google",
            "kling",
            "openai",
            "s3",
            "ses",
        ),
        *("stripe", "twitch", "webhooks"),
    }
    assert set(known["kling"]) == {"create", "query", "list", "video", "callback"}
    assert {"status", "html", "reset", "lost-answer", "slow", "late", "job-fails"} <= set(
        known["kling"]["create"]
    )


@pytest.mark.parametrize("operation", ["query", "list", "video"])
def test_every_reading_operation_can_be_reset(stack: Stack, operation: str) -> None:
    stack.arm("kling", operation, "reset")
    path = {
        "query": "/v1/videos/image2video/1",
        "list": "/v1/videos/image2video",
        "video": "/videos/1.mp4",
    }[operation]
    with pytest.raises(requests.ConnectionError):
        stack.call("GET", f"/kling{path}", headers={"Authorization": stack.authorization})
