"""What a user had written, listed and deleted."""

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.identity.operations import Identity
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    Output,
    TokenUsage,
    VendorFault,
)
from service.results.keys import head
from service.storage.writes import REPLACE, Update
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import MODEL, text_world
from tests.text.test_routes import get, post, script


@pytest.fixture
def world() -> ServiceHarness:
    world = text_world(MemoryBehind(), MemoryBehind.name)
    world.parts.get(Identity)._trust_bare = True
    return world


@pytest.fixture
def browser(world: ServiceHarness) -> FlaskClient:
    return create_app(world.parts).test_client()


def test_it_pages_newest_first_and_passes_over_what_is_no_text(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    ids = []
    for number in range(5):
        ids.append(post(browser, prompt=f"Prompt {number}").json["data"]["jobId"])
        world.clock.advance(1)
    get(browser, f"/ai/history/{ids[2]}", method="DELETE")
    first = get(browser, "/ai/history?limit=3").json["data"]
    assert [each["id"] for each in first["history"]] == [ids[4], ids[3], ids[1]]
    assert first["history"][0] == {
        "id": ids[4],
        "prompt": "Prompt 4",
        "response": "A lighthouse.",
        "model": MODEL,
        "tokensUsed": 30,
        "createdAt": first["history"][0]["createdAt"],
    }
    rest = get(browser, f"/ai/history?limit=3&nextToken={first['nextToken']}").json["data"]
    assert [each["id"] for each in rest["history"]] == [ids[0]]
    assert rest["nextToken"] is None
    assert get(browser, "/ai/history?limit=4").json["data"]["nextToken"] is None


def test_reasoning_is_a_part_of_the_output_and_counted_once(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    usage = TokenUsage(20, 10, reasoning_tokens=4)
    script(world, Output("A lighthouse."), Complete(FinishReason.STOP, usage))
    job = post(browser).json["data"]
    assert job["receipt"]["usage"] == {
        "inputTokens": 20,
        "outputTokens": 10,
        "reasoningTokens": 4,
    }
    (entry,) = get(browser, "/ai/history").json["data"]["history"]
    assert entry["tokensUsed"] == 30


def test_it_passes_over_damage_and_what_no_one_paid_for(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    whole, damaged = (post(browser).json["data"]["jobId"] for _ in range(2))
    script(world, Output("A light"), BrokenOff(VendorFault.CONNECTION_CUT))
    assert post(browser).status_code == 502
    world.table.write(Update(head("ann", damaged), REPLACE, {"mac": "x"}))
    response = get(browser, "/ai/history")
    assert [each["id"] for each in response.json["data"]["history"]] == [whole]
    refused = get(browser, f"/ai/history/{damaged}", method="DELETE")
    assert (refused.status_code, refused.json["code"]) == (503, "DATA_UNREADABLE")


def test_a_deleted_text_is_gone_and_its_job_stays(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    job_id = post(browser, key="k").json["data"]["jobId"]
    for _ in range(2):
        assert get(browser, f"/ai/history/{job_id}", method="DELETE").status_code == 200
    job = get(browser, f"/jobs/{job_id}").json["data"]
    assert (job["text"], job["status"]) == (None, "SUCCEEDED")
    assert post(browser, key="k").json["data"]["text"] is None
    assert world.audit().violations == ()


def test_another_s_text_is_as_unknown_as_any(world: ServiceHarness, browser: FlaskClient) -> None:
    job_id = post(browser).json["data"]["jobId"]
    video = world.submit("bob", device="tablet").job.job_id
    before = world.items()
    for each in (job_id, f"{job_id[:-4]}zzzz", "x", video):
        response = get(browser, f"/ai/history/{each}", "bob", "DELETE")
        assert (response.status_code, response.json["code"]) == (404, "TEXT_NOT_FOUND")
    assert world.items() == before
    assert get(browser, "/ai/history", "bob").json["data"] == {"history": [], "nextToken": None}
