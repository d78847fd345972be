"""A transcript over HTTP, from the request to subtitles; and whatever the vendor does meanwhile,
charged is what its own books say, and nothing twice."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from service.audit.operations import Auditor
from service.core.settings import Secret
from service.transcription.deletions import Deletions
from service.transcription.sweeps import DueDeletions
from tests.stack.live_stack import LiveStack

ON = {
    "assemblyai_api_key": Secret("assemblyai-local-api-key"),
    "assemblyai_callback_secret": Secret("secret-of-callbacks"),
    "assemblyai_query_seconds": 5.0,
}
# What comes to pass for a request that meets a fault: (operation, fault, delivered).
DELIVERED = [
    ("create", "lost-answer"),
    ("create", "late"),
    ("create", "garbage"),
    ("query", "status:500"),
    ("query", "html:502"),
    ("list", "status:503"),
    ("webhook", "drop"),
    ("webhook", "double"),
    ("webhook", "forged"),
    ("webhook", "unsigned"),
]
FREE = [("create", "job-fails"), ("create", "reset"), ("create", "status:500")]


def post(stack: LiveStack, name: str = "talk-90s.mp3", **more: Any) -> requests.Response:
    body = {
        "Fingerprint": "phone-of-ann",
        "audioUrl": f"https://audio.example.com/{name}",
        "maxMinutes": 3,
        **more,
    }
    return stack.call("POST", "/transcriptions", stack.token("ann"), json=body)


def posted(stack: LiveStack, name: str = "talk-90s.mp3") -> str:
    response = post(stack, name)
    assert response.status_code == 200, response.text
    return str(response.json()["data"]["jobId"])


def books(stack: LiveStack) -> dict[str, Any]:
    found: dict[str, Any] = stack.call_simulators("GET", "/assemblyai/__tasks").json()
    return found


def responded(stack: LiveStack, operation: str) -> dict[str, Any]:
    """The first of these requests, once it has its response: what it causes is there before."""
    first: dict[str, Any] = stack.until(
        lambda: next(
            (each for each in stack.journal(operation, "assemblyai") if each["status"]), None
        )
    )
    return first


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start(simulator={"transcript_seconds": 0.2}, **ON)


def test_a_recording_becomes_text_and_subtitles(stack: LiveStack) -> None:
    first = post(stack, speakerLabels=True)
    job = first.json()["data"]
    assert job["credits"]["held"] == 0.03
    done = stack.settled(job["jobId"])
    assert done["credits"] == {"held": 0, "captured": 0.015, "released": 0.015}
    assert (done["audioSeconds"], done["words"], done["language"]) == (90, 180, "en")
    shown = stack.get(done["transcriptUrl"]).json()["data"]["transcript"]
    assert shown["text"].startswith("Hello, this is a simulated recording")
    assert shown["words"][10]["speaker"] == "B"
    subtitles = stack.get(f"{done['transcriptUrl']}?format=vtt")
    assert subtitles.headers["Content-Type"] == "text/vtt; charset=utf-8"
    assert subtitles.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:04.950\n<v A>Hello, this")
    assert books(stack)["billed_seconds"] == 90
    webhook = responded(stack, "webhook")
    assert (webhook["status"], webhook["headers"]["X-Farebox-Callback"]) == (
        200,
        "secret-of-callbacks",
    )
    assert stack.parts.get(Auditor).audit().violations == ()


def test_a_deleted_transcript_is_gone_here_and_at_the_vendor(stack: LiveStack) -> None:
    job_id = posted(stack)
    before = stack.settled(job_id)
    path = f"/transcriptions/{job_id}"
    for _ in range(2):
        assert stack.call("DELETE", path, stack.token("ann")).status_code == 200
    shown = stack.get(path).json()["data"]
    assert (shown["transcript"], shown["credits"]) == (None, before["credits"])
    assert stack.get(f"{path}?format=srt").json()["code"] == "NO_TRANSCRIPT"
    DueDeletions(stack.parts.get(Deletions), lambda: False).run_once()
    assert responded(stack, "delete")["status"] == 200
    assert stack.parts.get(Auditor).audit().violations == ()


def test_whatever_the_vendor_does_what_it_delivered_is_charged_once(stack: LiveStack) -> None:
    posted(stack)
    jobs = []
    for operation, fault in (*DELIVERED, *FREE):
        stack.fault(operation, fault, "assemblyai", seconds=0)
        jobs.append((posted(stack), operation, fault))
    for refused, code in (("status:400", 503), ("status:401", 503), ("html:403", 503)):
        stack.fault("create", refused, "assemblyai", count=2 if "401" in refused else 1)
        assert post(stack).status_code == code
        stack.clear_faults()
    jobs.append((posted(stack, "missing.mp3"), "audio", "missing"))
    captured = 0
    for job_id, operation, fault in jobs:
        done = stack.settled(job_id)
        is_free = (operation, fault) in FREE or operation == "audio"
        expected = ("FAILED", 0) if is_free else ("SUCCEEDED", 0.015)
        assert (done["status"], done["credits"]["captured"]) == expected, (operation, fault)
        captured += not is_free
    assert done["error"]["code"] == "AUDIO_REJECTED"
    billed = books(stack)["billed_seconds"]
    assert billed == 90 * (captured + 1)
    usage = stack.credits("ann")
    assert usage[1] == 0
    assert round(usage[0] + 0.015 * (captured + 1), 3) == 3
    assert stack.parts.get(Auditor).audit().violations == ()


def test_a_recording_that_is_longer_than_was_requested_is_cut_and_charged_as_far(
    stack: LiveStack,
) -> None:
    job_id = posted(stack, "talk-3600s.mp3")
    done = stack.settled(job_id)
    assert books(stack)["billed_seconds"] == 180
    assert done["receipt"]["usage"] == {"milliseconds": 179_950, "estimated": 1}
    assert done["credits"]["captured"] == 0.03
