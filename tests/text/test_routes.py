"""The routes of text, over a table in memory."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.identity.operations import Identity
from service.providers.base import RejectionReason
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    Output,
    Refused,
    TokenUsage,
    VendorFault,
)
from service.text.operations import Text
from service.text.runs import Runs
from service.text.sweeps import Cancellations
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import TIMED_OUT, Wire
from tests.text.conftest import MODEL, text_world

READS_OF_A_REPLAY = 2
BODY = {"prompt": "Describe a lighthouse.", "Fingerprint": "phone", "maxTokens": 100}


@pytest.fixture
def world() -> ServiceHarness:
    world = text_world(MemoryBehind(), MemoryBehind.name)
    world.parts.get(Identity)._trust_bare = True
    return world


@pytest.fixture
def browser(world: ServiceHarness) -> FlaskClient:
    return create_app(world.parts).test_client()


def post(browser: FlaskClient, user_id: str = "ann", key: str | None = None, **fields: Any) -> Any:
    headers = {"X-Google-ID": user_id} | ({"Idempotency-Key": key} if key else {})
    return browser.post("/ai/generate", json=BODY | fields, headers=headers)


def get(browser: FlaskClient, path: str, user_id: str = "ann", method: str = "GET") -> Any:
    return browser.open(path, method=method, headers={"X-Google-ID": user_id})


def events(response: Any) -> list[tuple[str, Any]]:
    return list(_events(response.get_data(as_text=True)))


def _events(text: str) -> Iterator[tuple[str, Any]]:
    for block in text.strip().split("\n\n"):
        if not block.startswith(":"):
            name, data = block.split("\n")
            yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def script(world: ServiceHarness, *steps: Any) -> None:
    world.vendor.scripts.append(steps)  # type: ignore[attr-defined]


def test_a_text_comes_with_its_job(browser: FlaskClient) -> None:
    response = post(browser)
    data = response.json["data"]
    assert response.status_code == 200
    assert response.headers["Location"] == f"/jobs/{data['jobId']}"
    assert (data["text"], data["finishReason"], data["status"]) == (
        "A lighthouse.",
        "stop",
        "SUCCEEDED",
    )
    assert data["receipt"]["usage"] == {"inputTokens": 20, "outputTokens": 10}
    assert data["credits"] == {"held": 0, "captured": 0.001, "released": 0.001, "remaining": 2.999}
    assert (data["model"], data["maxTokens"], data["limitedByBalance"]) == (MODEL, 100, False)
    assert get(browser, f"/jobs/{data['jobId']}").json["data"]["text"] == "A lighthouse."
    assert "text" not in get(browser, "/jobs").json["data"]["jobs"][0]


def test_a_conversation_is_sent_as_it_is(world: ServiceHarness, browser: FlaskClient) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello,\n\tyou"},
    ]
    headers = {"X-Google-ID": "ann"}
    body = {"messages": messages, "Fingerprint": "phone"}
    assert browser.post("/ai/generate", json=body, headers=headers).status_code == 200
    (sent,) = world.vendor.sent  # type: ignore[attr-defined]
    assert [(each.role.value, each.text) for each in sent.messages] == [
        ("system", "Be brief."),
        ("user", "Hello,\n\tyou"),
    ]


def test_a_stream_brings_the_text_as_it_comes(browser: FlaskClient) -> None:
    response = post(browser, stream=True)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    found = events(response)
    assert [name for name, _ in found] == ["start", "delta", "usage", "done"]
    job = found[-1][1]["job"]
    assert found[0][1] == {"jobId": job["jobId"]}
    assert found[1][1] == {"text": "A lighthouse."}
    assert found[2][1] == {"inputTokens": 20, "outputTokens": 10, "estimated": False}
    assert (job["text"], job["credits"]["captured"]) == ("A lighthouse.", 0.001)


def test_a_refusal_has_a_status_of_its_own_in_a_stream_too(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    for stream in (False, True):
        script(world, Refused(RejectionReason.BUSY))
        response = post(browser, stream=stream)
        assert (response.status_code, response.json["code"]) == (503, "PROVIDER_BUSY")
        assert response.json["details"]["jobId"]


def test_a_stream_that_breaks_off_ends_with_an_error_and_its_part_is_free(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    script(world, Output("A light"), BrokenOff(VendorFault.CONNECTION_CUT))
    found = events(post(browser, stream=True))
    assert [name for name, _ in found] == ["start", "delta", "error"]
    assert found[-1][1]["error"]["code"] == "PROVIDER_BROKE_OFF"
    assert found[-1][1]["job"]["text"] == "A light"
    assert found[-1][1]["job"]["credits"]["captured"] == 0
    script(world, Output("A light"), BrokenOff(VendorFault.CONNECTION_CUT))
    response = post(browser)
    assert (response.status_code, response.json["code"]) == (502, "PROVIDER_BROKE_OFF")


def test_the_same_key_returns_the_same_text(browser: FlaskClient) -> None:
    first = post(browser, key="k")
    again = post(browser, key="k")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["data"]["jobId"] == first.json["data"]["jobId"]
    assert again.json["data"]["text"] == "A lighthouse."
    streamed = events(post(browser, key="k", stream=True))
    assert [name for name, _ in streamed] == ["delta", "usage", "done"]
    other = post(browser, key="k", prompt="Another")
    assert (other.status_code, other.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_text_is_returned_as_it_was_written_and_not_read_again(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    """Whatever becomes of the table meanwhile: it has been paid for."""
    wire = Wire(world.dynamodb)
    for stream in (False, True):
        wire.calls.clear()
        response = post(browser, stream=stream)
        assert "A lighthouse." in response.get_data(as_text=True)
        assert wire.calls[-1] == "TransactWriteItems"


def test_what_goes_wrong_with_an_earlier_text_names_its_job(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    job_id = post(browser, key="k").json["data"]["jobId"]
    reads = count()
    wire = Wire(world.dynamodb)
    # The key with the wallet, the job, and what it has stored.
    wire.instead(lambda name, _: TIMED_OUT if next(reads) >= READS_OF_A_REPLAY else None)
    failed = post(browser, key="k")
    assert (failed.status_code, failed.json["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert failed.json["details"]["jobId"] == job_id
    assert failed.headers["Location"] == f"/jobs/{job_id}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "PROMPT_UNUSABLE"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "PROMPT_UNUSABLE"),
        ({"prompt": "\u20ac" * 70_000}, "PROMPT_UNUSABLE"),
        ({"prompt": "a", "model": "gpt-0"}, "UNKNOWN_MODEL"),
        ({"prompt": "a", "maxTokens": 40_000}, "PROMPT_TOO_LONG"),
        ({"prompt": "a", "maxTokens": 15}, "VALIDATION_FAILED"),
        ({"prompt": "a", "model": "gpt-5-mini", "maxTokens": 1023}, "MAX_TOKENS_TOO_LOW"),
        ({"prompt": " \u3000\ufeff\n"}, "VALIDATION_FAILED"),
        ({"messages": [{"role": "user", "content": "\t"}]}, "VALIDATION_FAILED"),
        ({"messages": [{"role": "system", "content": "a"}]}, "PROMPT_UNUSABLE"),
        (
            {"messages": [{"role": each, "content": "a"} for each in ("assistant", "user")]},
            "PROMPT_UNUSABLE",
        ),
        ({"prompt": "a\x00"}, "VALIDATION_FAILED"),
        ({"messages": []}, "VALIDATION_FAILED"),
        ({"messages": [{"role": "tool", "content": "b"}]}, "VALIDATION_FAILED"),
        ({"prompt": "a", "stream": "yes"}, "VALIDATION_FAILED"),
    ],
)
def test_what_cannot_be_written_is_refused_and_writes_nothing(
    world: ServiceHarness, browser: FlaskClient, body: dict[str, Any], code: str
) -> None:
    response: Any = browser.post("/ai/generate", json=body, headers={"X-Google-ID": "ann"})
    assert (response.status_code, response.json["code"]) == (400, code)
    assert world.items() == []
    assert world.vendor.sent == []  # type: ignore[attr-defined]


def test_too_few_tokens_are_refused_with_the_fewest(browser: FlaskClient) -> None:
    response: Any = post(browser, model="gpt-5-mini", maxTokens=1023)
    assert response.json["details"] == {"minimum": 1024}
    assert post(browser, model="gpt-5-mini", maxTokens=1024).status_code == 200


def test_a_text_that_takes_longer_than_a_connection_may_be_silent_is_returned_open(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    text = world.parts.get(Text)
    text._limits, text._owners._start = replace(text._limits, silent_seconds=0.0), lambda work: None
    response = post(browser, key="k")
    data = response.json["data"]
    assert (response.status_code, data["status"], data["text"]) == (200, "SUBMITTING", None)
    assert response.headers["Location"] == f"/jobs/{data['jobId']}"
    assert response.headers["Retry-After"] == "2"
    again = post(browser, key="k")
    assert (again.json["data"]["status"], again.headers["Retry-After"]) == ("SUBMITTING", "2")


def test_a_full_process_refuses_before_the_hold(
    browser: FlaskClient, world: ServiceHarness
) -> None:
    found: list[Any] = []

    def meanwhile() -> None:
        found.extend(post(browser) for _ in range(2))

    steps: list[Any] = [Output("a"), meanwhile, Complete(FinishReason.STOP, TokenUsage(1, 1))]
    for _ in range(5):
        script(world, *steps)
    post(browser)
    codes = [response.json.get("code") for response in found]
    assert "TOO_MANY_TEXTS" in codes
    assert world.wallet().held == 0
    assert post(browser).status_code == 200


class TestCancel:
    def test_the_owner_reads_the_wish_and_ends_the_call(
        self, world: ServiceHarness, browser: FlaskClient
    ) -> None:
        responses: list[Any] = []
        (sweep,) = [each for each in world.parts.web_sweeps() if isinstance(each, Cancellations)]

        def cancel() -> None:
            (run,) = world.parts.get(Runs)
            path = f"/jobs/{run.job.job_id}/cancel"
            responses.extend(get(browser, path, method="POST").json["data"] for _ in range(2))
            sweep.run_once()

        script(world, Output("A light"), cancel, Output("house."))
        data = post(browser).json["data"]
        assert [each["cancellation"] for each in responses] == ["REQUESTED", "REQUESTED"]
        assert (data["finishReason"], data["partial"], data["text"]) == (
            "cancelled",
            True,
            "A light",
        )
        again = get(browser, f"/jobs/{data['jobId']}/cancel", method="POST").json["data"]
        assert again["cancellation"] == "CONFIRMED"
        assert world.audit().violations == ()

    def test_hidden_reasoning_cannot_be_cancelled(
        self, world: ServiceHarness, browser: FlaskClient
    ) -> None:
        responses: list[Any] = []

        def cancel() -> None:
            (run,) = world.parts.get(Runs)
            path = f"/jobs/{run.job.job_id}/cancel"
            responses.append(get(browser, path, method="POST").json["data"])

        script(world, Output("a"), cancel, Complete(FinishReason.STOP, TokenUsage(9, 9)))
        data = post(browser, model="gpt-5-mini", maxTokens=2000).json["data"]
        assert responses[0]["cancellation"] == "NOT_POSSIBLE"
        assert (data["finishReason"], data["partial"]) == ("stop", False)

    def test_what_has_ended_cannot_be_cancelled(self, browser: FlaskClient) -> None:
        job_id = post(browser).json["data"]["jobId"]
        data = get(browser, f"/jobs/{job_id}/cancel", method="POST").json["data"]
        assert data["cancellation"] == "NOT_POSSIBLE"

    def test_another_s_job_is_as_unknown_as_any(
        self, world: ServiceHarness, browser: FlaskClient
    ) -> None:
        job_id = post(browser).json["data"]["jobId"]
        before = world.items()
        for path in (f"/jobs/{job_id}/cancel", f"/jobs/{job_id[:-4]}zzzz/cancel"):
            response = get(browser, path, "bob", "POST")
            assert (response.status_code, response.json["code"]) == (404, "JOB_NOT_FOUND")
        assert world.items() == before

    def test_a_video_cannot_be_cancelled(self, world: ServiceHarness, browser: FlaskClient) -> None:
        job_id = world.submit("ann").job.job_id
        data = get(browser, f"/jobs/{job_id}/cancel", method="POST").json["data"]
        assert (data["cancellation"], data["job"]["status"]) == ("NOT_POSSIBLE", "SUBMITTED")


class TestStreamOfAJob:
    def test_one_that_has_ended_is_sent_whole(self, browser: FlaskClient) -> None:
        job_id = post(browser).json["data"]["jobId"]
        found = events(get(browser, f"/jobs/{job_id}/stream"))
        assert [name for name, _ in found] == ["delta", "usage", "done"]
        assert found[0][1] == {"text": "A lighthouse."}

    def test_one_that_stays_open_is_shown_as_it_stands(
        self, world: ServiceHarness, browser: FlaskClient
    ) -> None:
        job_id = world.submit("ann").job.job_id
        ((name, data),) = events(get(browser, f"/jobs/{job_id}/stream"))
        assert (name, data["job"]["status"]) == ("waiting", "SUBMITTED")

    def test_it_ends_at_once_where_the_process_drains(self, tmp_path: Path) -> None:
        flag = tmp_path / "draining"
        flag.touch()
        world = text_world(MemoryBehind(), MemoryBehind.name, drain_flag_path=str(flag))
        world.parts.get(Identity)._trust_bare = True
        job_id, started = world.submit("ann").job.job_id, world.clock.monotonic()
        browser = create_app(world.parts).test_client()
        ((name, data),) = events(get(browser, f"/jobs/{job_id}/stream"))
        assert (name, data["job"]["status"]) == ("waiting", "SUBMITTED")
        assert world.clock.monotonic() == started

    def test_another_s_is_unknown(self, browser: FlaskClient) -> None:
        job_id = post(browser).json["data"]["jobId"]
        assert get(browser, f"/jobs/{job_id}/stream", "bob").json["code"] == "JOB_NOT_FOUND"


def test_without_a_vendor_there_are_no_routes(world: ServiceHarness) -> None:
    bare = ServiceHarness(MemoryBehind(), MemoryBehind.name)
    bare.parts.get(Identity)._trust_bare = True
    response = post(create_app(bare.parts).test_client())
    assert response.status_code == 404


def test_prompts_and_texts_stay_out_of_the_table_in_the_clear(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    post(browser, prompt="a very private prompt")
    stored = str(world.items())
    assert "private prompt" not in stored
    assert "lighthouse" not in stored


def test_a_quote_calls_no_vendor_and_is_what_is_held(
    world: ServiceHarness, browser: FlaskClient
) -> None:
    post(browser)
    before = world.items()
    headers = {"X-Google-ID": "ann"}
    path = "/credits/quote?operation=openai-gpt-4-1-mini:text"
    quote: Any = browser.post(path, json={"prompt": "x" * 900, "maxTokens": 5000}, headers=headers)
    assert quote.json["data"]["credits"] == 0.042
    assert world.items() == before


def test_a_quote_for_another_model_than_its_operation_s_is_refused(browser: FlaskClient) -> None:
    def quote(**fields: str) -> Any:
        path = "/credits/quote?operation=openai-gpt-5-mini:text"
        body = {"prompt": "a"} | fields
        return browser.post(path, json=body, headers={"X-Google-ID": "ann"})

    response = quote(model="gpt-4.1-mini")
    assert (response.status_code, response.json["code"]) == (400, "UNKNOWN_MODEL")
    assert response.json["details"] == {"knownModels": ["gpt-5-mini"]}
    assert quote(model="gpt-5-mini").json == quote().json
