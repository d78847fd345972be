import hashlib
import re
import threading
import uuid

import pytest

from tests.devstack.simulators.stack import START, Stack, Start
from tests.doubles.pictures import in_base64, jpeg, png


def test_the_response_to_a_create_is_the_vendors(stack: Stack) -> None:
    response = stack.create(external_task_id="job_1").json()
    assert set(response) == {"code", "message", "request_id", "data"}
    assert (response["code"], response["message"]) == (0, "SUCCEED")
    uuid.UUID(response["request_id"])
    task_id = response["data"].pop("task_id")
    assert re.fullmatch(r"[0-9]{18}", task_id)
    assert response["data"] == {
        "task_status": "submitted",
        "task_info": {"external_task_id": "job_1"},
        "created_at": START,
        "updated_at": START,
    }


def test_errors_have_code_message_and_request_id(stack: Stack) -> None:
    response = stack.create(image=None).json()
    assert set(response) == {"code", "message", "request_id"}
    uuid.UUID(response["request_id"])


def test_a_video_is_submitted_then_processing_then_succeeds_by_the_clock(stack: Stack) -> None:
    task_id = stack.created()["task_id"]
    stack.clock.sleep(0.4)
    assert stack.query(task_id)["task_status"] == "submitted"
    stack.clock.sleep(0.2)
    processing = stack.query(task_id)
    assert (processing["task_status"], processing["task_result"]) == ("processing", {})
    assert "final_unit_deduction" not in processing
    stack.clock.sleep(1.3)
    assert stack.query(task_id)["task_status"] == "processing"
    stack.clock.sleep(0.1)
    done = stack.query(task_id)
    assert done == {
        "task_id": task_id,
        "task_status": "succeed",
        "task_info": {},
        "watermark_info": {"enabled": False},
        "created_at": START,
        "updated_at": START + 2000,
        "final_unit_deduction": "1",
        "task_result": {
            "videos": [
                {
                    "id": task_id,
                    "url": f"{stack.url}/kling/videos/{task_id}.mp4",
                    "duration": "5.041",
                }
            ]
        },
    }


def test_the_query_of_a_failed_task_still_has_code_0_and_succeed(stack: Stack) -> None:
    task_id = stack.created(image="https://pictures.example/bad-pixels/cat.png")["task_id"]
    stack.clock.sleep(1)
    assert stack.query(task_id)["task_status"] == "processing"
    stack.clock.sleep(1)
    response = stack.kling("GET", f"/{task_id}")
    assert (response.status_code, response.json()["code"], response.json()["message"]) == (
        200,
        0,
        "SUCCEED",
    )
    data = response.json()["data"]
    assert (data["task_status"], data["task_status_msg"]) == ("failed", "Image pixel is invalid")
    assert (data["task_result"], data["final_unit_deduction"]) == ({}, "0")


def test_only_the_path_of_a_url_makes_an_image_bad(stack: Stack) -> None:
    task_id = stack.created(image="https://bad-pixels.example/cat.png?bad-pixels")["task_id"]
    stack.clock.sleep(2)
    assert stack.query(task_id)["task_status"] == "succeed"


@pytest.mark.parametrize(
    "picture",
    [
        b"no picture",
        png(299, 300),
        jpeg(300, 299),
        png(751, 300),
        jpeg(300, 751),
        png()[:40],
        png()[:-60],
        jpeg()[: len(jpeg()) // 2],
    ],
)
def test_base64_that_is_no_usable_picture_fails_later(stack: Stack, picture: bytes) -> None:
    task_id = stack.created(image=in_base64(picture))["task_id"]
    stack.clock.sleep(2)
    assert stack.query(task_id)["task_status_msg"] == "Image pixel is invalid"


@pytest.mark.parametrize("picture", [png(300, 750), jpeg(750, 300)])
def test_base64_of_a_usable_picture_succeeds(stack: Stack, picture: bytes) -> None:
    task_id = stack.created(image=in_base64(picture))["task_id"]
    stack.clock.sleep(2)
    assert stack.query(task_id)["task_status"] == "succeed"


def test_an_address_of_bad_content_fails_the_risk_control(stack: Stack) -> None:
    task_id = stack.created(image="https://pictures.example/bad-content.png")["task_id"]
    stack.clock.sleep(2)
    assert stack.query(task_id)["task_status_msg"] == "Failure to pass the risk control system"


def test_a_task_is_found_by_either_id(stack: Stack) -> None:
    task_id = stack.created(external_task_id="job_1")["task_id"]
    assert stack.query("job_1") == stack.query(task_id)


def test_an_unknown_id_is_400_with_1201_and_named(shared: Stack) -> None:
    response = shared.kling("GET", "/867283741759111202")
    assert (response.status_code, response.json()["code"]) == (400, 1201)
    assert response.json()["message"] == "Task not found by id/external id: 867283741759111202"


def test_an_external_id_used_before_is_1201_and_makes_no_second_task(stack: Stack) -> None:
    stack.created(external_task_id="job_1")
    stack.clock.sleep(2)
    response = stack.create(external_task_id="job_1")
    assert (response.status_code, response.json()["code"]) == (400, 1201)
    assert response.json()["message"] == "External_task_id job_1 already exists"
    assert len(stack.tasks()) == 1


def test_with_uniqueness_off_a_used_external_id_makes_a_second_task(start: Start) -> None:
    stack = start(kling_unique_external_ids=False)
    first = stack.created(external_task_id="job_1")["task_id"]
    second = stack.created(external_task_id="job_1")["task_id"]
    assert first != second
    assert stack.query("job_1")["task_id"] == second
    assert len(stack.tasks()) == 2


def test_a_link_to_a_watermarked_video_comes_on_order(stack: Stack) -> None:
    task_id = stack.created(watermark_info={"enabled": True})["task_id"]
    stack.clock.sleep(2)
    video = stack.query(task_id)["task_result"]["videos"][0]
    assert stack.call("GET", video["watermark_url"].removeprefix(stack.url)).status_code == 200


def test_the_list_is_paged_newest_first(stack: Stack) -> None:
    ids = [stack.created()["task_id"] for _ in range(5)]
    pages = [
        stack.kling("GET", f"?pageNum={number}&pageSize=2").json()["data"]
        for number in (1, 2, 3, 4)
    ]
    assert [[task["task_id"] for task in page] for page in pages] == [
        ids[:2:-1],
        ids[2:0:-1],
        ids[:1],
        [],
    ]


@pytest.mark.parametrize(
    "query", ["pageNum=0", "pageNum=1001", "pageSize=0", "pageSize=501", "pageNum=x", "pageSize=-1"]
)
def test_a_page_out_of_range_is_1201(shared: Stack, query: str) -> None:
    response = shared.kling("GET", f"?{query}")
    assert (response.status_code, response.json()["code"]) == (400, 1201)


def test_over_the_limit_is_1303_until_a_task_ends(start: Start) -> None:
    stack = start(kling_concurrency=2)
    stack.created()
    stack.created(image="https://pictures.example/bad-pixels.png")
    response = stack.create()
    assert response.status_code == 429
    assert {key: response.json()[key] for key in ("code", "message")} == {
        "code": 1303,
        "message": "parallel task over resource pack limit",
    }
    stack.clock.sleep(2)
    stack.created()
    stack.created()
    assert stack.create().json()["code"] == 1303
    assert len(stack.tasks()) == 4


def test_parallel_creates_never_pass_the_limit(start: Start) -> None:
    stack = start(kling_concurrency=5)
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(stack.create().json()["code"]))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0] * 5 + [1303] * 15
    assert len(stack.tasks()) == 5


def test_units_are_reserved_spent_on_success_and_given_back_on_failure(start: Start) -> None:
    stack = start(kling_units=8.0)
    good = stack.created(mode="pro")["task_id"]
    bad = stack.created(mode="pro", image="https://pictures.example/bad-pixels.png")["task_id"]
    response = stack.create()
    assert response.json()["code"] == 0
    response = stack.create()
    assert (response.status_code, response.json()["code"]) == (429, 1102)
    stack.clock.sleep(2)
    assert stack.query(good)["final_unit_deduction"] == "3.5"
    assert stack.query(bad)["final_unit_deduction"] == "0"
    assert stack.call("GET", "/kling/__tasks").json()["units_left"] == "3.5"


@pytest.mark.parametrize(
    ("fields", "units"),
    [
        ({"model_name": "kling-v1"}, "1"),
        ({"model_name": "kling-v1", "mode": "pro", "duration": "10"}, "7"),
        ({"model_name": "kling-v2-master"}, "10"),
        ({"model_name": "kling-v2-6", "mode": "pro", "sound": "on"}, "5"),
        ({"model_name": "kling-v3", "duration": "7"}, "4.2"),
        ({"model_name": "kling-v3", "mode": "4k", "duration": "10"}, "30"),
    ],
)
def test_the_deduction_follows_the_price_list(
    stack: Stack, fields: dict[str, object], units: str
) -> None:
    task_id = stack.created(**fields)["task_id"]
    stack.clock.sleep(2)
    assert stack.query(task_id)["final_unit_deduction"] == units


def test_the_books_show_every_task(stack: Stack) -> None:
    task_id = stack.created(external_task_id="job_1", duration="10")["task_id"]
    stack.created()
    books = stack.call("GET", "/kling/__tasks").json()
    assert (len(books["tasks"]), books["running"]) == (2, 2)
    assert books["tasks"][0] == {
        "task_id": task_id,
        "external_task_id": "job_1",
        "status": "submitted",
        "status_message": "",
        "model_name": "kling-v1",
        "mode": "std",
        "duration": "10",
        "image_sha256": hashlib.sha256(b"https://pictures.example/cat.png").hexdigest(),
        "callback_url": None,
        "charged_units": "0",
        "created_at": START,
        "updated_at": START,
    }
    assert books["tasks"][1]["external_task_id"] is None


def test_emptied_books_free_slots_units_and_external_ids(start: Start) -> None:
    stack = start(kling_concurrency=1, kling_units=1.0)
    first = stack.created(external_task_id="job_1")["task_id"]
    assert stack.call("DELETE", "/kling/__tasks").json() == {
        "tasks": [],
        "running": 0,
        "units_left": "1",
    }
    assert stack.kling("GET", f"/{first}").status_code == 400
    assert stack.created(external_task_id="job_1")["task_id"] != first


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/videos/text2video"),
        ("PUT", "/v1/videos/image2video"),
        ("GET", "/v2/x"),
        ("DELETE", "/v1/videos/image2video/1"),
    ],
)
def test_what_kling_does_not_speak_is_404_with_1202_and_written_down(
    stack: Stack, method: str, path: str
) -> None:
    response = stack.call(method, f"/kling{path}", headers={"Authorization": stack.authorization})
    assert (response.status_code, response.json()["code"]) == (404, 1202)
    assert [entry["operation"] for entry in stack.journal(service="kling")] == ["unknown"]
