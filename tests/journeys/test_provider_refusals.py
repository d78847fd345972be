"""What Kling refuses, at once or later, and what becomes of the job and its credit."""

import pytest

from tests.stack.live_stack import LiveStack, new_key


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("status:400:1200", 503, "PROVIDER_UNAVAILABLE"),
        ("status:400:1201", 503, "PROVIDER_UNAVAILABLE"),
        ("status:400:1300", 400, "CONTENT_REJECTED"),
        ("status:400:1301", 400, "CONTENT_REJECTED"),
        ("status:429:1302", 503, "PROVIDER_BUSY"),
        ("status:429:1303", 503, "PROVIDER_BUSY"),
        ("status:401:1000", 503, "PROVIDER_UNAVAILABLE"),
        ("status:401:1002", 503, "PROVIDER_UNAVAILABLE"),
        ("status:401:1004", 503, "PROVIDER_UNAVAILABLE"),
        ("status:429:1101", 503, "PROVIDER_UNAVAILABLE"),
        ("status:429:1102", 503, "PROVIDER_UNAVAILABLE"),
        ("status:403:1103", 503, "PROVIDER_UNAVAILABLE"),
        ("status:404:1202", 503, "PROVIDER_UNAVAILABLE"),
        ("status:404:1203", 503, "PROVIDER_UNAVAILABLE"),
        ("status:429:1304", 503, "PROVIDER_UNAVAILABLE"),
        ("html:403", 503, "PROVIDER_UNAVAILABLE"),
        ("html:413", 503, "PROVIDER_UNAVAILABLE"),
        ("html:429", 503, "PROVIDER_UNAVAILABLE"),
    ],
)
def test_each_definite_refusal_of_kling_becomes_the_error_of_the_protocol(
    stack: LiveStack, fault: str, status: int, code: str
) -> None:
    stack.fault("create", fault, count=-1)
    response = stack.post_video()
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert response.headers["Location"] == f"/jobs/{body['details']['jobId']}"
    assert ("Retry-After" in response.headers) is (status == 503)
    job = stack.get(response.headers["Location"]).json()["data"]
    assert (job["status"], job["error"]["code"]) == ("FAILED", code)
    assert stack.credits() == (3, 0)
    stack.assert_proved()


@pytest.mark.parametrize(
    ("picture", "code"),
    [("bad-pixels.jpg", "IMAGE_REJECTED"), ("bad-content.jpg", "CONTENT_REJECTED")],
)
def test_a_picture_that_kling_rejects_later_fails_for_that_reason_without_a_charge(
    stack: LiveStack, picture: str, code: str
) -> None:
    key = new_key()
    image = f"https://images.example.com/{picture}"
    job = stack.settled(stack.submitted(key=key, imageUrl=image))
    assert (job["status"], job["error"]["code"]) == ("FAILED", code)
    assert (job["credits"]["released"], stack.credits()) == (1, (3, 0))
    assert "pixel" not in str(job)
    assert "risk" not in str(job)
    again = stack.post_video(key=key, imageUrl=image)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json()["data"]["error"]["code"] == code
    assert len(stack.tasks()) == 1
    stack.assert_proved()


def test_a_picture_that_kling_refuses_at_once_is_the_users_to_change(stack: LiveStack) -> None:
    key = new_key()
    image = "https://images.example.com/refused-image.jpg"
    for _ in range(2):
        response = stack.post_video(key=key, imageUrl=image)
        assert (response.status_code, response.json()["code"]) == (400, "IMAGE_REJECTED")
    assert len(stack.journal("create")) == 1
    assert stack.credits() == (3, 0)
    stack.assert_proved()


@pytest.mark.parametrize("fault", ["status:400:1200", "status:400:1201", "html:403", "html:413"])
def test_a_refusal_of_us_leaves_the_key_to_a_new_job(stack: LiveStack, fault: str) -> None:
    stack.fault("create", fault)
    key = new_key()
    refused = stack.post_video(key=key)
    assert (refused.status_code, refused.json()["code"]) == (503, "PROVIDER_UNAVAILABLE")
    assert (stack.credits(), stack.tasks()) == ((3, 0), [])
    assert stack.post_video(key=key).status_code == 200
    stack.assert_proved()


@pytest.mark.parametrize("query", ["status:500:5000", "html:403", "reset"])
def test_a_page_of_html_refuses_nothing_while_kling_does_not_say_that_it_has_no_task(
    stack: LiveStack, query: str
) -> None:
    stack.fault("query", query)
    stack.fault("create", "html:403")
    response = stack.post_video()
    assert (response.status_code, response.json()["data"]["status"]) == (200, "SUBMITTING")
    assert stack.settled(response.json()["data"]["jobId"])["error"]["code"] == "PROVIDER_UNRESOLVED"
    stack.assert_proved()
