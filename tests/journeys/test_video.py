"""An image becomes a video for one credit, or the credit comes back."""

import time
from collections.abc import Callable

import pytest
import requests

from service.core.clock import SystemClock
from tests.doubles.clock import FakeClock
from tests.stack.live_stack import IMAGE, LiveStack, new_key

# No video finishes on its own: a busy machine may take longer than any time for what comes before.
UNTIL_FINISHED = {"video_seconds": 600.0}


@pytest.mark.protocol("accepted")
def test_an_image_becomes_a_video_for_one_credit(start: Callable[..., LiveStack]) -> None:
    stack = start(simulator=UNTIL_FINISHED)
    nothing = stack.get("/credits").json()["data"]
    assert nothing.pop("expiringSoon")["credits"] == 0
    amounts = ("credits", "balance", "freeCredits", "paidCredits", "totalSpent", "held")
    others = {"jobsInFlight": 0, "lots": [], "registered": False}
    assert nothing == {**dict.fromkeys(amounts, 0), **others}
    response = stack.post_video()
    assert response.status_code == 200
    job = response.json()["data"]
    assert response.headers["Location"] == f"/jobs/{job['jobId']}"
    assert job["status"] == "SUBMITTED"
    assert job["promptKey"] == "foo_prompt"
    assert job["credits"] == {"held": 1, "captured": 0, "released": 0, "remaining": 2}
    assert job["provider"]["task_info"] == {"external_task_id": job["jobId"]}
    assert stack.credits() == (2, 1)
    stack.finish_videos()
    done = stack.settled(job["jobId"])
    assert done["status"] == "SUCCEEDED"
    assert done["credits"] == {"held": 0, "captured": 1, "released": 0}
    assert done["error"] is None
    video = requests.get(done["videoUrl"], timeout=60)
    assert (video.status_code, video.headers["Content-Type"]) == (200, "video/mp4")
    assert b"ftyp" in video.content[:16]
    assert stack.credits() == (2, 0)
    stack.assert_proved()


def test_kling_receives_the_model_mode_duration_image_and_prompt(stack: LiveStack) -> None:
    stack.submitted()
    sent = stack.journal("create")[0]["body"]
    assert {name: sent[name] for name in ("model_name", "mode", "duration", "image", "prompt")} == {
        "model_name": "kling-v1",
        "mode": "pro",
        "duration": "5",
        "image": IMAGE,
        "prompt": "The astronaut stood up and walked away",
    }


def test_without_callbacks_the_worker_finds_out(start: Callable[..., LiveStack]) -> None:
    stack = start(callbacks=False)
    job = stack.settled(stack.submitted())
    assert job["status"] == "SUCCEEDED"
    assert stack.journal("callback") == []
    stack.assert_proved()


def test_a_failed_generation_releases_the_credit(stack: LiveStack) -> None:
    stack.fault("create", "job-fails")
    job = stack.settled(stack.submitted())
    assert (job["status"], job["error"]["code"], job["credits"]["released"]) == (
        "FAILED",
        "GENERATION_FAILED",
        1,
    )
    assert job["provider"]["task_status"] == "failed"
    assert stack.credits() == (3, 0)
    stack.assert_proved()


@pytest.mark.parametrize(
    "fault",
    [
        "status:500:5000",
        "status:503:5001",
        "status:504:5002",
        "html:408",
        "html:502",
        "reset",
        "garbage",
    ],
)
def test_an_indeterminate_response_is_no_failure_and_is_resolved(
    stack: LiveStack, fault: str
) -> None:
    """`reset`, the errors and the page of HTML took nothing; `garbage` did: each job ends as the
    vendor's books say."""
    stack.fault("create", fault)
    response = stack.post_video()
    assert response.status_code == 200
    job_id = response.json()["data"]["jobId"]
    assert response.json()["data"]["status"] == "SUBMITTING"
    job = stack.settled(job_id)
    taken = any(task["external_task_id"] == job_id for task in stack.tasks())
    assert job["status"] == ("SUCCEEDED" if taken else "FAILED")
    if not taken:
        assert job["error"]["code"] == "PROVIDER_UNRESOLVED"
    assert stack.credits() == ((2, 0) if taken else (3, 0))
    assert len(stack.journal("create")) == 1
    stack.assert_proved()


@pytest.mark.parametrize("callbacks", [True, False])
def test_a_task_whose_create_response_was_lost_is_found_and_charged_once(
    start: Callable[..., LiveStack], callbacks: bool
) -> None:
    stack = start(callbacks=callbacks)
    stack.fault("create", "lost-answer")
    job = stack.settled(stack.submitted())
    assert job["status"] == "SUCCEEDED"
    assert stack.credits() == (2, 0)
    assert len(stack.tasks()) == 1
    stack.assert_proved()


def test_a_late_success_after_a_release_is_given_without_charge(
    start: Callable[..., LiveStack],
) -> None:
    clock = FakeClock(SystemClock().now())
    stack = start(callbacks=False, simulator_clock=clock)
    stack.fault("create", "late", seconds=60)
    job_id = stack.submitted()
    released = stack.settled(job_id)
    assert released["error"]["code"] == "PROVIDER_UNRESOLVED"
    assert released["videoUrl"] is None
    clock.advance(60)
    stack.until(stack.tasks)
    clock.advance(1)
    token = stack.token()
    given = stack.until(lambda: (job := stack.ended(job_id, token)) and job["videoUrl"] and job)
    assert (given["status"], given["credits"]) == (
        "FAILED",
        {"held": 0, "captured": 0, "released": 1},
    )
    assert stack.credits() == (3, 0)
    stack.assert_proved()


@pytest.mark.parametrize("fault", ["drop", "double", "early"])
def test_a_callback_lost_doubled_or_early_does_no_harm(stack: LiveStack, fault: str) -> None:
    stack.fault("callback", fault, count=-1)
    assert stack.settled(stack.submitted())["status"] == "SUCCEEDED"
    assert stack.credits() == (2, 0)
    stack.assert_proved()


@pytest.mark.parametrize("fault", ["unsigned", "forged"])
@pytest.mark.protocol("callback-authentic")
def test_a_callback_without_our_signature_is_refused_and_the_worker_finds_out(
    start: Callable[..., LiveStack], fault: str
) -> None:
    secret = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
    stack = start(simulator={"kling_callback_secret": secret}, kling_callback_secret=secret)
    assert stack.settled(stack.submitted())["status"] == "SUCCEEDED"
    stack.fault("callback", fault, count=-1)
    assert stack.settled(stack.submitted())["status"] == "SUCCEEDED"
    # The worker may find out before the callback has its response.
    stack.until(lambda: {each["status"] for each in stack.journal("callback")} == {200, 404})
    stack.assert_proved()


def test_a_forged_callback_token_is_like_an_unknown_one_and_changes_nothing(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(simulator=UNTIL_FINISHED)
    stack.submitted()
    body = {"task_id": "1", "task_status": "succeed"}
    responses = [
        stack.call("POST", f"/callbacks/kling/{token}", json=body)
        for token in ("x", "gAAAAAB" + "A" * 100, "%00", "..%2f")
    ]
    assert {response.status_code for response in responses} == {404}
    assert stack.credits() == (2, 1)


def test_a_forged_success_in_a_genuine_callback_is_not_believed(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(simulator=UNTIL_FINISHED)
    job_id = stack.submitted()
    path = stack.journal("create")[0]["body"]["callback_url"].removeprefix(stack.url)
    forged = {
        "task_status": "succeed",
        "task_result": {"videos": [{"id": "1", "url": "https://evil.example/v.mp4"}]},
    }
    assert stack.call("POST", path, json=forged).status_code == 200
    job = stack.get(f"/jobs/{job_id}").json()["data"]
    assert (job["status"], job["videoUrl"]) == ("SUBMITTED", None)
    assert stack.credits() == (2, 1)


def test_a_user_without_credits_gets_the_price_and_nothing_is_sent(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(welcome_credits=1)
    stack.settled(stack.submitted())
    response = stack.post_video()
    assert response.status_code == 403
    body = response.json()
    assert set(body) == {"success", "error", "code", "details", "requestId"}
    assert (body["success"], body["code"]) == (False, "INSUFFICIENT_CREDITS")
    assert (body["details"]["required"], body["details"]["available"]) == (1, 0)
    assert len(stack.journal("create")) == 1
    stack.assert_proved()


def test_a_full_system_refuses_a_stranger_and_serves_its_users(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(max_users=1)
    stack.submitted("ann")
    response = stack.post_video("bob")
    assert (response.status_code, response.json()["code"]) == (403, "SYSTEM_LIMIT_REACHED")
    stack.submitted("ann")
    assert stack.count() == 1


def test_the_device_of_another_is_refused(stack: LiveStack) -> None:
    stack.submitted("ann", device="phone")
    response = stack.post_video("bob", device="phone")
    assert (response.status_code, response.json()["code"]) == (403, "DEVICE_ALREADY_USED")
    assert stack.get("/credits", "bob").json()["data"]["registered"] is False
    assert stack.count() == 1


def test_waiting_for_a_job_returns_as_soon_as_it_has_ended(start: Callable[..., LiveStack]) -> None:
    # In real time: ten times as fast, the wait could be over before a busy machine has the video.
    stack = start(clock=SystemClock(), simulator={"video_seconds": 0.1})
    job_id = stack.submitted()
    started = time.monotonic()
    assert stack.get(f"/jobs/{job_id}?wait=25").json()["data"]["status"] == "SUCCEEDED"
    assert time.monotonic() - started < 20


def test_jobs_are_listed_newest_first_with_a_token_for_more(stack: LiveStack) -> None:
    submitted = [stack.submitted() for _ in range(3)]
    first = stack.get("/jobs?limit=2").json()["data"]
    second = stack.get("/jobs", params={"limit": 2, "nextToken": first["nextToken"]}).json()["data"]
    assert [job["jobId"] for job in first["jobs"] + second["jobs"]] == submitted[::-1]
    assert second["nextToken"] is None


def test_the_job_of_another_user_is_byte_for_byte_like_an_unknown_one(stack: LiveStack) -> None:
    job_id = stack.submitted("ann")
    stack.submitted("bob")
    headers = {"X-Request-Id": "same"}
    other = stack.get(f"/jobs/{job_id}", "bob", headers=headers)
    unknown = stack.get(f"/jobs/{job_id[:-4]}zzzz", "bob", headers=headers)
    assert other.status_code == unknown.status_code == 404
    assert other.content == unknown.content


def test_prompts_are_listed_for_anyone(stack: LiveStack) -> None:
    prompts = stack.call("GET", "/prompts").json()["data"]["prompts"]
    (ours,) = [each for each in prompts if each["promptKey"] == "foo_prompt"]
    assert ours["prompt"] == "The astronaut stood up and walked away"
    assert (ours["price"]["operation"], ours["price"]["credits"]) == ("kling:image2video", 1)


# The same key again, in each state of the job.


def replay(stack: LiveStack, key: str) -> requests.Response:
    response = stack.post_video(key=key)
    assert response.headers.get("Idempotency-Replayed") == "true"
    return response


@pytest.mark.protocol("accepted")
def test_the_same_key_while_the_job_runs_and_after_delivery_returns_the_job(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(simulator=UNTIL_FINISHED)
    key = new_key()
    job_id = stack.submitted(key=key)
    running = replay(stack, key).json()["data"]
    assert (running["jobId"], running["status"], running["credits"]["remaining"]) == (
        job_id,
        "SUBMITTED",
        2,
    )
    stack.finish_videos()
    stack.settled(job_id)
    done = replay(stack, key).json()["data"]
    assert (done["jobId"], done["status"], done["credits"]["captured"]) == (job_id, "SUCCEEDED", 1)
    assert len(stack.tasks()) == 1


@pytest.mark.protocol("indeterminate")
def test_the_same_key_during_and_after_an_unknown_outcome_returns_the_job(
    stack: LiveStack,
) -> None:
    stack.fault("create", "reset")
    key = new_key()
    job_id = stack.submitted(key=key)
    assert replay(stack, key).json()["data"]["status"] == "SUBMITTING"
    stack.settled(job_id)
    after = replay(stack, key).json()["data"]
    assert (after["jobId"], after["error"]["code"]) == (job_id, "PROVIDER_UNRESOLVED")
    assert len(stack.journal("create")) == 1


def test_the_same_key_after_a_failed_generation_returns_the_failed_job(stack: LiveStack) -> None:
    stack.fault("create", "job-fails")
    key = new_key()
    stack.settled(stack.submitted(key=key))
    assert replay(stack, key).json()["data"]["error"]["code"] == "GENERATION_FAILED"


@pytest.mark.protocol("rejected")
def test_the_same_key_after_a_rejection_returns_the_same_error(stack: LiveStack) -> None:
    stack.fault("create", "status:400:1301")
    key = new_key()
    first, second = (stack.post_video(key=key) for _ in range(2))
    assert first.status_code == second.status_code == 400
    assert first.json()["details"] == second.json()["details"]


@pytest.mark.protocol("busy")
def test_the_same_key_after_the_provider_was_busy_makes_a_new_job(stack: LiveStack) -> None:
    stack.fault("create", "status:429:1303", count=3)
    key = new_key()
    busy = stack.post_video(key=key)
    assert busy.status_code == 503
    again = stack.post_video(key=key)
    assert again.status_code == 200
    assert again.json()["data"]["jobId"] != busy.json()["details"]["jobId"]
    assert "Idempotency-Replayed" not in again.headers
    stack.assert_proved()


def test_the_same_key_with_another_body_is_refused(stack: LiveStack) -> None:
    key = new_key()
    job_id = stack.submitted(key=key)
    response = stack.post_video(key=key, promptKey="slow_zoom")
    assert (response.status_code, response.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert response.json()["details"] == {"jobId": job_id}
    assert response.headers["Location"] == f"/jobs/{job_id}"


@pytest.mark.parametrize("key", ["", "a" * 129, "with space", "caf\u00e9"])
def test_a_malformed_key_is_refused_and_nothing_is_written(stack: LiveStack, key: str) -> None:
    response = stack.call(
        "POST",
        "/videos",
        stack.token(),
        json={
            "GoogleID": "ann",
            "Fingerprint": "phone",
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        },
        headers={"Idempotency-Key": key.encode("latin-1")},
    )
    assert (response.status_code, response.json()["code"]) == (400, "IDEMPOTENCY_KEY_MALFORMED")
    assert stack.items() == []
