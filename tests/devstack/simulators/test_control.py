import pytest

from devstack.simulators.journal import MAX_ENTRIES
from tests.devstack.simulators.stack import START, Stack


def test_health_is_healthy(shared: Stack) -> None:
    response = shared.call("GET", "/health")
    assert (response.status_code, response.json()) == (200, {"status": "healthy"})


def test_a_page_of_any_origin_can_call_the_simulators(shared: Stack) -> None:
    headers = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = shared.call("OPTIONS", "/google/__token", headers=headers)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type"
    token = shared.call("POST", "/google/__token", json={"sub": "1"}, headers=headers)
    for response in (preflight, token):
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/__faults", 405), ("GET", "/google/x", 404)],
)
def test_a_wrong_address_is_a_json_error(
    shared: Stack, method: str, path: str, status: int
) -> None:
    response = shared.call(method, path)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/json")
    assert response.json()["error"]


@pytest.mark.parametrize("path", ["/__faults", "/__clock"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff"])
def test_a_wrong_body_is_a_json_error(shared: Stack, path: str, body: bytes) -> None:
    response = shared.call("POST", path, data=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_the_journal_holds_the_request_and_its_response(stack: Stack) -> None:
    stack.arm("kling", "create", "job-fails")
    stack.create(external_task_id="job_1")
    stack.kling("GET", "/job_2?x=1")
    create, query = stack.journal()
    assert set(create) == {
        "at",
        "service",
        "operation",
        "method",
        "path",
        "headers",
        "body",
        "status",
        "fault",
    }
    assert (create["at"], create["service"], create["operation"]) == (START, "kling", "create")
    assert (create["method"], create["path"]) == ("POST", "/kling/v1/videos/image2video")
    assert create["headers"]["Authorization"] == stack.authorization
    assert create["body"]["external_task_id"] == "job_1"
    assert (create["status"], create["fault"]) == (200, "job-fails")
    assert (query["operation"], query["path"]) == (
        "query",
        "/kling/v1/videos/image2video/job_2?x=1",
    )
    assert (query["body"], query["status"], query["fault"]) == ("", 400, None)


def test_the_journal_is_filtered_by_service_and_operation(stack: Stack) -> None:
    stack.create()
    stack.kling("GET", "/1")
    stack.call("GET", "/google/oauth2/v3/certs")
    assert [entry["operation"] for entry in stack.journal(service="kling")] == ["create", "query"]
    assert [entry["service"] for entry in stack.journal(operation="certs")] == ["google"]
    assert stack.journal(service="google", operation="create") == []


def test_the_journal_is_emptied_on_command(stack: Stack) -> None:
    stack.create()
    assert stack.call("DELETE", "/__journal").json() == {"requests": []}
    assert stack.journal() == []


def test_big_bodies_are_cut(stack: Stack) -> None:
    stack.create(image="A" * 50_000)
    stack.kling("POST", data=b"x" * 50_000)
    parsed, text = (entry["body"] for entry in stack.journal())
    assert parsed["model_name"] == "kling-v1"
    assert parsed["image"].endswith("… (47000 more characters)")
    assert text.endswith("… (42000 more characters)")


def test_the_journal_is_a_ring() -> None:
    assert MAX_ENTRIES == 5_000


def test_speed_makes_videos_faster(stack: Stack) -> None:
    assert stack.call("POST", "/__clock", json={"speed": 100}).json() == {"speed": 100.0}
    task_id = stack.created()["task_id"]
    stack.clock.sleep(0.019)
    assert stack.query(task_id)["task_status"] == "processing"
    stack.clock.sleep(0.002)
    assert stack.query(task_id)["task_status"] == "succeed"


def test_a_change_of_speed_keeps_what_has_passed(stack: Stack) -> None:
    task_id = stack.created()["task_id"]
    stack.clock.sleep(1)
    stack.call("POST", "/__clock", json={"speed": 0})
    stack.clock.sleep(100)
    assert stack.query(task_id)["task_status"] == "processing"
    stack.call("POST", "/__clock", json={"speed": 0.5})
    stack.clock.sleep(1.9)
    assert stack.query(task_id)["task_status"] == "processing"
    stack.clock.sleep(0.1)
    assert stack.query(task_id)["task_status"] == "succeed"


@pytest.mark.parametrize("speed", [-1, "2", None, True, 1e7, 10**400])
def test_a_speed_that_makes_no_sense_is_400(shared: Stack, speed: object) -> None:
    assert shared.call("POST", "/__clock", json={"speed": speed}).status_code == 400
    assert shared.call("GET", "/__clock").json() == {"speed": 1.0}
