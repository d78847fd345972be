"""Transcripts over HTTP: requested, read in every form, and reported by the vendor."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.jobs.entities import Job
from service.storage.keys import user_item
from service.storage.writes import Update, When
from tests.transcription.conftest import AUDIO, World, spoken, world_of

BODY = {"GoogleID": "ann", "Fingerprint": "phone-of-ann", "audioUrl": AUDIO, "maxMinutes": 30}
GET = {"X-Google-ID": "ann"}


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(stage="dev", trust_bare_google_id=True, kms_key_id="")


@pytest.fixture(scope="module")
def site(world: World) -> FlaskClient:
    return create_app(world.harness.parts).test_client()


@pytest.fixture(scope="module")
def done(world: World, site: FlaskClient) -> str:
    """A transcript that has been delivered."""
    job_id: str = post(site)["jobId"]
    world.vendor.completes(world.harness.job(job_id), 60, spoken(1000, 2000, speaker="A"))
    world.settled(world.harness.job(job_id))
    return job_id


def post(site: FlaskClient, **changes: Any) -> dict[str, Any]:
    response = site.post("/transcriptions", json=BODY | changes)
    assert response.json is not None
    assert response.status_code == 200, response.json
    data: dict[str, Any] = response.json["data"]
    return data


def get(site: FlaskClient, job_id: str, query: str = "", **headers: str) -> Any:
    return site.get(f"/transcriptions/{job_id}{query}", headers=GET | headers)


def test_a_request_returns_its_job(site: FlaskClient) -> None:
    response = site.post("/transcriptions", json=BODY)
    assert response.json is not None
    job = response.json["data"]
    assert response.headers["Location"] == f"/jobs/{job['jobId']}"
    assert (job["operation"], job["status"]) == ("assemblyai:transcription", "SUBMITTED")
    assert job["credits"]["held"] == 0.3
    assert job["transcriptUrl"] is None
    shown = get(site, job["jobId"]).json["data"]
    assert (shown["transcript"], shown["status"]) == (None, "SUBMITTED")


@pytest.mark.parametrize(
    "changes",
    [
        {"maxMinutes": 0},
        {"maxMinutes": 601},
        {"maxMinutes": 1.5},
        {"maxMinutes": "5"},
        {"language": "English"},
        {"language": None},
        {"language": "pt_br"},
        {"language": "qq"},
        {"speakerLabels": "yes"},
        {"audioUrl": ""},
        {"audioUrl": "https://localhost/a.mp3"},
        {"audioUrl": None},
        {"imageUrl": AUDIO},
        {"uploadId": "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"},
        {"uploadId": "//localhost/a.mp3"},
        {"Fingerprint": "undefined"},
    ],
)
def test_a_malformed_request_is_refused_and_nothing_is_written(
    world: World, site: FlaskClient, changes: Mapping[str, object]
) -> None:
    before = world.harness.items()
    response = site.post("/transcriptions", json=BODY | changes)
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["code"] in ("VALIDATION_FAILED", "AUDIO_URL_REFUSED")
    assert world.harness.items() == before


def test_neither_an_address_nor_an_upload_is_refused_and_nothing_is_written(
    world: World, site: FlaskClient
) -> None:
    before = world.harness.items()
    body = {name: value for name, value in BODY.items() if name != "audioUrl"}
    response = site.post("/transcriptions", json=body)
    assert (response.status_code, response.json["code"]) == (400, "VALIDATION_FAILED")
    assert response.json["details"]["fields"] == {"audioUrl": ["Is required without uploadId."]}
    named = site.post("/transcriptions", json=body | {"uploadId": f"upl_{'0' * 26}"})
    assert (named.status_code, named.json["code"]) == (404, "UPLOADS_NOT_CONFIGURED")
    assert world.harness.items() == before


def test_a_transcript_is_read_as_json(site: FlaskClient, done: str) -> None:
    shown = get(site, done).json["data"]
    assert shown["status"] == "SUCCEEDED"
    assert shown["transcriptUrl"] == f"/transcriptions/{done}"
    assert (shown["audioSeconds"], shown["words"]) == (60, 2)
    assert shown["receipt"]["usage"] == {"milliseconds": 60_000}
    assert shown["transcript"] == {
        "text": "word0 word1",
        "words": [
            {"text": "word0", "start": 600, "end": 1000, "speaker": "A"},
            {"text": "word1", "start": 1600, "end": 2000, "speaker": "A"},
        ],
    }


@pytest.mark.parametrize(
    ("query", "accept", "media_type", "beginning"),
    [
        ("?format=text", "*/*", "text/plain", "word0 word1\n"),
        ("?format=srt", "*/*", "application/x-subrip", "1\n00:00:00,600"),
        ("?format=vtt", "*/*", "text/vtt", "WEBVTT\n\n"),
        ("", "text/plain", "text/plain", "word0"),
        ("", "text/vtt", "text/vtt", "WEBVTT"),
        ("", "application/x-subrip", "application/x-subrip", "1\n"),
        ("?format=srt", "application/json", "application/x-subrip", "1\n"),
        ("", "text/html,*/*;q=0.1", "application/json", '{"success":true'),
        ("", "image/png", "application/json", '{"success":true'),
    ],
)
def test_a_transcript_is_read_in_the_form_that_is_chosen(
    site: FlaskClient, done: str, query: str, accept: str, media_type: str, beginning: str
) -> None:
    response = get(site, done, query, Accept=accept)
    assert (response.status_code, response.mimetype) == (200, media_type)
    assert response.text.startswith(beginning)


def test_a_form_that_does_not_exist_is_refused(site: FlaskClient, done: str) -> None:
    assert get(site, done, "?format=docx").status_code == 400


def test_there_is_no_text_before_there_is_a_transcript(site: FlaskClient) -> None:
    response = get(site, post(site)["jobId"], "?format=srt")
    assert (response.status_code, response.json["code"]) == (409, "NO_TRANSCRIPT")
    assert response.json["details"] == {"status": "SUBMITTED"}


def test_another_users_transcript_and_a_video_are_like_unknown_ids(
    world: World, site: FlaskClient, done: str
) -> None:
    video = world.harness.submit("ann", "phone-of-ann").job.job_id
    unknown = "job_00000000000000000000000000"
    for job_id, user in ((done, "bob"), (unknown, "ann"), (video, "ann"), ("x", "ann")):
        response = site.get(f"/transcriptions/{job_id}", headers={"X-Google-ID": user})
        assert (response.status_code, response.json and response.json["code"]) == (
            404,
            "JOB_NOT_FOUND",
        )


def callback(world: World, job: Job, site: FlaskClient, secret: str = "secret") -> Any:
    sent = next(each for each in world.vendor.requests if each.job_id == job.job_id)
    path = sent.callback_url.removeprefix("https://farebox.example")
    return site.post(path, json={}, headers={"X-Farebox-Callback": secret})


def test_a_callback_settles_the_job_at_once(world: World, site: FlaskClient) -> None:
    job = world.harness.job(post(site)["jobId"])
    world.vendor.completes(job, 60, spoken(1000))
    assert callback(world, job, site, "forged").status_code == 404
    assert world.harness.job(job.job_id).captured == 0
    assert callback(world, job, site).status_code == 200
    assert world.harness.job(job.job_id).captured == 10


def test_a_callback_that_cannot_be_taken_now_is_refused_with_a_5xx(
    world: World, site: FlaskClient
) -> None:
    job = world.harness.job(post(site)["jobId"])
    world.vendor.completes(job, 60, spoken(1000))
    damage = Update(user_item("ann", f"JOB#{job.job_id}"), When(), set={"provider": {"a": "b"}})
    world.harness.table.write(damage)
    response = callback(world, job, site)
    assert (response.status_code, response.json["code"]) == (503, "CALLBACK_DEFERRED")


def test_without_a_key_nothing_of_it_is_offered() -> None:
    off = world_of(assemblyai_api_key_secret_name="")
    site = create_app(off.harness.parts).test_client()
    assert site.post("/transcriptions", json=BODY).status_code == 404
    assert "/transcriptions" not in site.get("/openapi.json").json["paths"]  # type: ignore[index]
    assert off.harness.operations.offered("assemblyai:transcription") is None
