"""The simulated AssemblyAI speaks the vendor's own API."""

from typing import Any

import pytest
import requests

from devstack.simulators.assemblyai.routes import WEBHOOK_RETRY_SECONDS
from tests.devstack.simulators.stack import Receiver, Stack, Start
from tests.doubles.eventually import eventually

AUDIO = "https://audio.example.com/talk-90s.mp3"
KEY = {"Authorization": "assemblyai-local-api-key"}


def call(stack: Stack, method: str, path: str = "", **more: Any) -> requests.Response:
    headers = KEY | more.pop("headers", {})
    return stack.call(method, f"/assemblyai/v2/transcript{path}", headers=headers, **more)


def created(stack: Stack, **fields: Any) -> str:
    response = call(stack, "POST", json={"audio_url": AUDIO} | fields)
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "queued"
    return str(response.json()["id"])


def fetched(stack: Stack, transcript_id: str) -> dict[str, Any]:
    found: dict[str, Any] = call(stack, "GET", f"/{transcript_id}").json()
    return found


def test_a_transcript_goes_from_queued_to_completed(stack: Stack) -> None:
    transcript_id = created(stack, speaker_labels=True)
    assert fetched(stack, transcript_id)["audio_duration"] is None
    stack.clock.advance(0.5)
    assert fetched(stack, transcript_id)["status"] == "processing"
    stack.clock.advance(0.6)
    done = fetched(stack, transcript_id)
    assert (done["status"], done["audio_duration"], len(done["words"])) == ("completed", 90, 180)
    assert {word["speaker"] for word in done["words"]} == {"A", "B"}


def test_what_lies_beyond_the_end_is_not_transcribed_and_not_billed(stack: Stack) -> None:
    transcript_id = created(stack, audio_end_at=30_000)
    stack.clock.advance(2)
    done = fetched(stack, transcript_id)
    assert (done["audio_duration"], done["words"][-1]["end"]) == (90, 29_950)
    books = stack.call("GET", "/assemblyai/__tasks").json()
    assert books["billed_seconds"] == 30


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"audio_url": "file:///etc/passwd"}, 400),
        ({"audio_url": AUDIO, "unknown": 1}, 400),
        ({"audio_url": AUDIO, "audio_end_at": 0}, 400),
        ({"audio_url": AUDIO, "speaker_labels": "yes"}, 400),
        ({"audio_url": AUDIO, "language_code": "pt_br"}, 400),
    ],
)
def test_a_request_against_the_description_is_refused(
    stack: Stack, body: dict[str, Any], status: int
) -> None:
    response = call(stack, "POST", json=body)
    assert response.status_code == status
    assert response.json()["error"]


@pytest.mark.parametrize("given", ["", "Bearer assemblyai-local-api-key", "wrong"])
def test_only_the_bare_key_is_accepted(stack: Stack, given: str) -> None:
    response = call(stack, "GET", headers={"Authorization": given})
    assert response.status_code == 401
    assert response.json() == {"error": "Authentication error, API token missing/invalid"}


def test_an_unknown_and_a_deleted_transcript_are_not_found(stack: Stack) -> None:
    transcript_id = created(stack)
    assert call(stack, "DELETE", f"/{transcript_id}").status_code == 200
    for each in (transcript_id, "unknown"):
        response = call(stack, "GET", f"/{each}")
        assert response.status_code == 400
        assert response.json()["error"] == "Transcript lookup error, transcript id not found"


def test_the_list_is_newest_first_and_shows_no_webhook(stack: Stack) -> None:
    ids = [created(stack, webhook_url="https://example.com/") for _ in range(5)]
    first = call(stack, "GET", params={"limit": "2"}).json()
    assert [each["id"] for each in first["transcripts"]] == [ids[4], ids[3]]
    assert not any("webhook" in name for name in first["transcripts"][0])
    rest = call(stack, "GET", params={"limit": "9", "before_id": ids[3]}).json()
    assert [each["id"] for each in rest["transcripts"]] == ids[2::-1]
    assert call(stack, "GET", params={"limit": "201"}).status_code == 400


def test_beyond_the_concurrency_recordings_wait_in_their_order(start: Start) -> None:
    stack = start(assemblyai_concurrency=1)
    first, second = created(stack), created(stack)
    stack.clock.advance(1.1)
    assert fetched(stack, first)["status"] == "completed"
    assert fetched(stack, second)["status"] == "queued"
    stack.clock.advance(1.0)
    assert fetched(stack, second)["status"] == "completed"


def test_a_recording_on_this_machine_is_fetched(stack: Stack) -> None:
    for path, error in (("/missing", "Download error"), ("/google/oauth2/v3/certs", "File does")):
        transcript_id = created(stack, audio_url=f"{stack.url}{path}")
        stack.clock.advance(2)
        done = fetched(stack, transcript_id)
        assert done["status"] == "error"
        assert done["error"].startswith(error)


def test_an_upload_can_be_transcribed(stack: Stack) -> None:
    sent = stack.call("POST", "/assemblyai/v2/upload", headers=KEY, data=b"RIFF")
    transcript_id = created(stack, audio_url=sent.json()["upload_url"])
    stack.clock.advance(2)
    assert fetched(stack, transcript_id)["status"] == "completed"


@pytest.mark.parametrize(("statuses", "sent"), [([500, 503, 200], 3), ([404], 1), ([], 1)])
def test_a_webhook_is_repeated_until_a_2xx_or_a_4xx(
    stack: Stack, receiver: Receiver, statuses: list[int], sent: int
) -> None:
    receiver.statuses = list(statuses)
    transcript_id = created(
        stack,
        webhook_url=receiver.url,
        webhook_auth_header_name="X-Secret",
        webhook_auth_header_value="secret",
    )

    def all_sent() -> bool:
        # A retry is due from the end of the try before it, which is after it was received.
        stack.clock.advance(10)
        return len(receiver.received) >= sent

    eventually(all_sent)
    assert len(receiver.received) == sent
    headers, body = receiver.received[0]
    assert headers["X-Secret"] == "secret"
    assert body == f'{{"transcript_id":"{transcript_id}","status":"completed"}}'.encode()
    last = statuses[-1] if statuses else 200
    eventually(lambda: fetched(stack, transcript_id)["webhook_status_code"] == last)
    assert len(WEBHOOK_RETRY_SECONDS) == 9


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("status:429", 429, "Too Many"),
        ("status:503", 503, "upstream"),
        ("status:400:language", 400, "not available in this language"),
        ("status:500", 500, "devel"),
    ],
)
def test_faults_are_like_the_vendors(stack: Stack, fault: str, status: int, text: str) -> None:
    stack.arm("assemblyai", "create", fault)
    response = call(stack, "POST", json={"audio_url": AUDIO})
    assert (response.status_code, text in response.text) == (status, True)
    assert ("Retry-After" in response.headers) == (status == 429)
