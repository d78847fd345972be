"""Tickets over HTTP, and the job of a session as its owner sees it."""

from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.live.operations import Live, Outcome
from service.live.utterances import transcript_of_segments
from service.providers.speech import SpeechProvider
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.live.test_dead_relays import segment
from tests.live.test_extensions import Vendor

BODY = {"GoogleID": "ann", "Fingerprint": "phone-of-ann"}
GET = {"X-Google-ID": "ann"}


def world_of(**options: Any) -> ServiceHarness:
    return memory_world(
        replacements={SpeechProvider: Vendor()},
        assemblyai_api_key_secret_name="assemblyai",
        public_url="https://farebox.example",
        stage="dev",
        trust_bare_google_id=True,
        kms_key_id="",
        **options,
    )


@pytest.fixture(scope="module")
def world() -> ServiceHarness:
    return world_of()


@pytest.fixture(scope="module")
def site(world: ServiceHarness) -> FlaskClient:
    return create_app(world.parts).test_client()


def post(site: FlaskClient, **changes: Any) -> Any:
    return site.post("/transcriptions/stream", json=BODY | changes)


def test_a_ticket_names_the_relay_and_what_a_slice_holds_and_writes_nothing(
    world: ServiceHarness, site: FlaskClient
) -> None:
    before = world.items()
    data = post(site, sampleRate=48000, encoding="pcm_mulaw", languages="multi").json["data"]
    assert data["url"] == "wss://farebox.example/transcriptions/stream"
    assert data["protocol"] == "farebox.live.v1"
    assert data["quote"] == {
        "operation": "assemblyai:live",
        "cost": 0.02,
        "available": 0,
        "sliceSeconds": 120,
        "affordableSeconds": 120,
    }
    session = world.parts.get(Live)._tickets.open(data["ticket"])[1]
    assert session.body.facts == ("48000", "pcm_mulaw", "multi")
    assert world.items() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"sampleRate": 16001},
        {"sampleRate": "16000"},
        {"encoding": "opus"},
        {"languages": "klingon"},
        {"Fingerprint": "undefined"},
        {"more": 1},
    ],
)
def test_what_cannot_be_relayed_is_refused(site: FlaskClient, changes: dict[str, Any]) -> None:
    response = post(site, **changes)
    assert (response.status_code, response.json["code"]) == (400, "VALIDATION_FAILED")


def test_a_ticket_needs_a_sign_in(site: FlaskClient) -> None:
    response = site.post("/transcriptions/stream", json={"Fingerprint": "phone-of-ann"})
    assert response.status_code == 401


def test_the_job_of_a_session_shows_its_transcript_in_every_form() -> None:
    world = world_of()
    site = create_app(world.parts).test_client()
    live = world.parts.get(Live)
    opened = live.open(post(site).json["data"]["ticket"])
    job_id = opened.job.job_id
    shown = site.get(f"/jobs/{job_id}", headers=GET).json
    assert shown is not None
    assert (shown["data"]["status"], shown["data"]["credits"]["held"]) == ("SUBMITTING", 0.02)
    words = transcript_of_segments([segment(0, 70, "Hello", "world")])
    live.conclude(opened.job, Outcome("finished", 70, words))
    found = site.get(f"/transcriptions/{job_id}", headers=GET).json
    assert found is not None
    job = found["data"]
    assert (job["status"], job["audioSeconds"], job["ending"]) == ("SUCCEEDED", 70, "finished")
    assert job["credits"] == {"held": 0, "captured": 0.012, "released": 0.008}
    assert job["transcript"]["text"] == "Hello\nworld"
    text = site.get(f"/transcriptions/{job_id}?format=srt", headers=GET)
    assert b"Hello" in text.data
    cancelled = site.post(f"/jobs/{job_id}/cancel", headers=GET)
    assert cancelled.json is not None
    assert cancelled.json["data"]["cancellation"] == "NOT_POSSIBLE"
    other = site.get(f"/transcriptions/{job_id}", headers={"X-Google-ID": "bob"})
    assert other.status_code == 404


def test_whose_balance_affords_no_session_gets_no_ticket() -> None:
    world = world_of(welcome_credits=Decimal("0.021"))
    site = create_app(world.parts).test_client()
    live = world.parts.get(Live)
    opened = live.open(post(site).json["data"]["ticket"])
    response = post(site)
    assert (response.status_code, response.json["code"]) == (403, "INSUFFICIENT_CREDITS")
    assert response.json["details"]["required"] == 0.003
    live.decline(opened.job, "NOTHING_RELAYED")
    assert post(site).json["data"]["quote"]["affordableSeconds"] == 120
