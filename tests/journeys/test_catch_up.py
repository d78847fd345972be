"""A catch-up over HTTP, with Twitch, AssemblyAI and OpenAI simulated; whatever a vendor does
meanwhile, charged is what the vendor's own books say of a whole that was delivered, and nothing of
any other."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from service.audit.operations import Auditor
from service.core.settings import Secret
from tests.stack.live_stack import LiveStack
from tests.stack.memory_stack import stack_in_memory

ON = {
    "assemblyai_api_key": Secret("assemblyai-local-api-key"),
    "assemblyai_callback_secret": Secret("secret-of-callbacks"),
    "assemblyai_query_seconds": 60.0,
    "openai_first_byte_seconds": 0.6,
    "openai_stall_seconds": 0.6,
    "twitch_query_seconds": 30.0,
    "user_catch_up_places": 4,
    "welcome_credits": 50,
}
PATH = "/transcriptions/catch-up"
# Of the text's vendor: (operation, fault, what becomes of the job).
BREAKS = [
    ("responses", "status:429:rate_limit_exceeded", "PROVIDER_BUSY"),
    ("responses", "status:429:insufficient_quota", "PROVIDER_UNAVAILABLE"),
    ("responses", "status:401", "PROVIDER_UNAVAILABLE"),
    ("responses", "status:500", "CATCH_UP_BROKE_OFF"),
    ("responses", "html:502", "CATCH_UP_BROKE_OFF"),
    ("responses", "reset", "CATCH_UP_BROKE_OFF"),
    ("responses", "lost-answer", "CATCH_UP_BROKE_OFF"),
    ("responses", "garbage", "CATCH_UP_BROKE_OFF"),
    ("responses", "slow", "CATCH_UP_BROKE_OFF"),
    ("responses", "cut", "CATCH_UP_BROKE_OFF"),
    ("responses", "stall", "CATCH_UP_BROKE_OFF"),
    ("responses", "error-event:server_error", None),
    ("responses", "error-event-late:server_error", "CATCH_UP_BROKE_OFF"),
]
TWITCH_BREAKS = [
    ("token", "status:403", "PROVIDER_UNAVAILABLE"),
    ("token", "reset", "PROVIDER_UNAVAILABLE"),
    ("videos", "status:500", "PROVIDER_UNAVAILABLE"),
    ("videos", "html:502", "PROVIDER_UNAVAILABLE"),
    ("videos", "reset", "PROVIDER_UNAVAILABLE"),
    ("videos", "garbage", "PROVIDER_UNAVAILABLE"),
    ("videos", "status:429", "PROVIDER_BUSY"),
    ("videos", "vanish", "BROADCAST_NOT_FOUND"),
]


SIMULATED = {"transcript_seconds": 0.1, "text_seconds_per_token": 0.0}


@pytest.fixture(scope="module")
def stack() -> Iterator[LiveStack]:
    with stack_in_memory(simulator=SIMULATED, **ON) as running:
        yield running


@pytest.fixture(scope="module")
def talk(stack: LiveStack) -> str:
    """A transcript of Ann's, paid for."""
    return transcribed(stack, "talk-90s.mp3")


@pytest.fixture(autouse=True)
def books_closed(stack: LiveStack) -> Iterator[None]:
    yield
    for path in ("/__faults", "/openai/__calls", "/openai/__script", "/twitch/__books"):
        stack.call_simulators("DELETE", path)
    assert [each.what for each in stack.parts.get(Auditor).audit().violations] == []


def transcribed(stack: LiveStack, name: str) -> str:
    body = {
        "Fingerprint": "phone-of-ann",
        "audioUrl": f"https://audio.example.com/{name}",
        "maxMinutes": 120,
    }
    response = stack.call("POST", "/transcriptions", stack.token("ann"), json=body)
    job_id = str(response.json()["data"]["jobId"])
    assert stack.settled(job_id)["status"] == "SUCCEEDED"
    return job_id


def post(
    stack: LiveStack, talk: str | None, key: str | None = None, user: str = "ann", **more: Any
) -> requests.Response:
    body: dict[str, Any] = {"videoId": "2000000002", "Fingerprint": f"phone-of-{user}", **more}
    body |= {"transcriptId": talk} if talk else {}
    headers = {"Idempotency-Key": key} if key else {}
    return stack.call("POST", PATH, stack.token(user), json=body, headers=headers)


def calls(stack: LiveStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.call_simulators("GET", "/openai/__calls").json()["calls"]
    return found


def price_of(entries: list[dict[str, Any]]) -> float:
    """One sum over the vendor's books, rounded up to the thousandth once."""
    millionths = sum(each["input_tokens"] * 2 + each["output_tokens"] * 8 for each in entries)
    return -(-millionths // 1000) / 1000


def ended(stack: LiveStack, response: requests.Response) -> dict[str, Any]:
    details = response.json().get("details") or response.json().get("data")
    return stack.settled(details["jobId"])


def test_a_broadcast_is_summarized_and_charged_by_the_vendors_books(
    stack: LiveStack, talk: str
) -> None:
    response = post(stack, talk)
    assert response.status_code == 200, response.text
    job = response.json()["data"]
    assert (job["operation"], job["status"]) == ("farebox:catch-up", "SUCCEEDED")
    assert job["broadcast"]["title"] == "Harbour lights, second evening"
    assert job["broadcast"]["seconds"] == 3 * 3600 + 513
    said = {word["start"] // 1000 for word in words(stack, talk)}
    assert len(job["summary"]) >= 3
    assert {point["at"] for point in job["summary"]} <= said
    assert job["credits"]["captured"] == price_of(calls(stack))
    assert stack.get(f"/jobs/{job['jobId']}", "ann").json()["data"]["summary"] == job["summary"]
    listed = stack.get("/jobs", "ann").json()["data"]["jobs"][0]
    assert (listed["jobId"], "summary" in listed) == (job["jobId"], False)


def words(stack: LiveStack, talk: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.get(f"/transcriptions/{talk}", "ann").json()["data"][
        "transcript"
    ]["words"]
    return found


def test_a_long_one_takes_a_step_for_each_part_and_one_for_the_whole(stack: LiveStack) -> None:
    talk = transcribed(stack, "talk-7000s.mp3")
    body = {"channel": "LighthouseTV", "transcriptId": talk}
    job = stack.call("POST", PATH, stack.token("ann"), json=body).json()["data"]
    assert job["broadcast"]["isLive"] is True
    assert len(calls(stack)) == job["parts"] + 1 > 3
    assert job["credits"]["captured"] == price_of(calls(stack))
    assert {each["job_id"] for each in calls(stack)} == {job["jobId"]}
    held = job["receipt"]["held"]
    assert (job["credits"]["held"], job["credits"]["captured"] < held) == (0, True)


def test_a_quote_is_what_is_held(stack: LiveStack, talk: str) -> None:
    body = {"videoId": "2000000002", "transcriptId": talk}
    quote = stack.call(
        "POST", "/credits/quote?operation=farebox:catch-up", stack.token("ann"), json=body
    ).json()["data"]
    assert calls(stack) == []
    job = post(stack, talk).json()["data"]
    assert quote["credits"] == job["receipt"]["held"]


@pytest.mark.parametrize(("operation", "fault", "failure"), BREAKS)
@pytest.mark.parametrize("steps_before", [0, 1])
def test_whatever_the_vendor_of_text_does_a_failed_whole_is_free(
    stack: LiveStack, long: str, operation: str, fault: str, failure: str | None, steps_before: int
) -> None:
    if steps_before:
        # The step before takes none of it.
        stack.fault(operation, "slow", "openai", seconds=0)
    stack.fault(operation, fault, "openai", seconds=1.0)
    before = balance(stack)
    job = ended(stack, post(stack, long))
    assert (job["status"], job["credits"]["captured"]) == ("FAILED", 0)
    if steps_before and failure in ("PROVIDER_BUSY", "PROVIDER_UNAVAILABLE"):
        failure = "CATCH_UP_BROKE_OFF"
    if failure is not None:
        assert job["error"]["code"] == failure
    assert balance(stack) == before
    assert job["summary"] is None
    assert len([each for each in calls(stack) if each["state"] == "completed"]) >= steps_before


@pytest.fixture(scope="module")
def long(stack: LiveStack) -> str:
    return transcribed(stack, "talk-3000s.mp3")


def balance(stack: LiveStack) -> tuple[float, float]:
    shown = stack.get("/credits", "ann").json()["data"]
    return shown["credits"], shown["held"]


@pytest.mark.parametrize(("operation", "fault", "failure"), TWITCH_BREAKS)
def test_without_twitch_nothing_is_written_and_nothing_charged(
    stack: LiveStack, talk: str, operation: str, fault: str, failure: str
) -> None:
    stack.call_simulators("DELETE", "/twitch/__tokens")
    stack.fault("videos", "status:401", "twitch")
    if operation == "videos":
        stack.call_simulators("DELETE", "/__faults")
    stack.fault(operation, fault, "twitch", count=3)
    before = balance(stack)
    response = post(stack, talk)
    job = ended(stack, response)
    assert (response.json()["code"], job["error"]["code"]) == (failure, failure)
    assert (calls(stack), balance(stack)) == ([], before)


def test_a_recording_that_vanishes_between_quote_and_request_is_free(
    stack: LiveStack, talk: str
) -> None:
    made = stack.call_simulators("POST", "/twitch/__channels/lighthousetv/videos", {})
    video_id = made.json()["video_id"]
    assert post(stack, talk, videoId=video_id).json()["data"]["broadcast"]["videoId"] == video_id
    stack.call_simulators("DELETE", f"/twitch/__videos/{video_id}")
    response = post(stack, talk, videoId=video_id)
    assert (response.status_code, response.json()["code"]) == (404, "BROADCAST_NOT_FOUND")
    assert ended(stack, response)["credits"]["captured"] == 0


@pytest.mark.parametrize(
    "usage", [None, {"output_tokens": 0}, {"input_tokens": 10**9}, {"total_tokens": 3}]
)
def test_a_lie_about_usage_is_never_charged(
    stack: LiveStack, talk: str, usage: dict[str, int] | None
) -> None:
    stack.call_simulators("POST", "/openai/__script", {"usage": usage})
    job = post(stack, talk).json()["data"]
    assert (job["status"], job["estimated"]) == ("SUCCEEDED", True)
    assert 0 < job["credits"]["captured"] <= job["receipt"]["held"]


def test_a_model_that_obeys_the_speaker_is_not_charged(stack: LiveStack, talk: str) -> None:
    stack.call_simulators("POST", "/openai/__script", {"text": "[99:00:00] I obey."})
    response = post(stack, talk)
    assert (response.status_code, response.json()["code"]) == (502, "SUMMARY_UNUSABLE")
    assert ended(stack, response)["credits"]["captured"] == 0


def test_the_same_key_is_the_same_catch_up(stack: LiveStack, talk: str) -> None:
    first, again = (post(stack, talk, key="key-one") for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json()["data"]["jobId"] == again.json()["data"]["jobId"]
    assert again.json()["data"]["summary"] == first.json()["data"]["summary"]
    other = post(stack, talk, key="key-one", since=10)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(calls(stack)) == 1


def test_no_words_are_409_and_nothing_is_held(stack: LiveStack, talk: str) -> None:
    before = balance(stack)
    for response in (post(stack, None), post(stack, talk, since=5000)):
        assert (response.status_code, response.json()["code"]) == (409, "NO_TRANSCRIPT")
    assert balance(stack) == before
    assert calls(stack) == []


def test_minutes_that_would_limit_nothing_are_refused(stack: LiveStack, talk: str) -> None:
    before = balance(stack)
    response = post(stack, talk, maxMinutes=5)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")
    assert response.json()["details"]["fields"] == {"maxMinutes": ["Is for uploads only."]}
    assert (balance(stack), calls(stack)) == (before, [])


def test_only_what_its_route_takes_is_allowed(stack: LiveStack) -> None:
    allowed = stack.call("OPTIONS", PATH).headers["Allow"]
    assert set(allowed.split(", ")) == {"OPTIONS", "POST"}
    assert set(stack.call("OPTIONS", "/jobs/x").headers["Allow"].split(", ")) == {
        *("GET", "HEAD", "OPTIONS"),
    }


def test_anothers_transcript_is_like_none(stack: LiveStack, talk: str) -> None:
    responses = [post(stack, each, user="bob") for each in (talk, f"{talk[:-4]}zzzz", "nonsense")]
    assert {each.status_code for each in responses} == {404}
    assert len({(each.json()["code"], each.json()["error"]) for each in responses}) == 1


@pytest.mark.parametrize("missing", ["assemblyai_api_key", "openai_api_key", "twitch"])
def test_without_a_vendor_there_is_no_such_route(
    start_in_memory: Callable[..., LiveStack], missing: str
) -> None:
    off: dict[str, Any] = {missing: Secret("")}
    if missing == "twitch":
        off = {"twitch_client_id": "", "twitch_client_secret": Secret("")}
    stack = start_in_memory(**{**ON, **off, "assemblyai_callback_secret": Secret("x" * 20)})
    response = stack.call("POST", PATH, stack.token("ann"), json={"videoId": "7"})
    assert response.status_code in (404, 405)
