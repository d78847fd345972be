"""OpenAI's routes as streams."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from service.compatible.operations import Compatible
from service.core.threads import in_thread
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
from tests.compatible.conftest import BOTH, CHAT, RESPONSES, RETRY, Site, chunks, error_in
from tests.doubles.text_provider import USAGE


def stream(site: Site, path: str, user_id: str, **changes: Any) -> Any:
    return site.post(path, user_id, stream=True, **changes)


def test_a_chat_ends_with_its_reason_and_done(site: Site, ann: str) -> None:
    response = stream(site, CHAT, ann)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["Location"].startswith("/jobs/job_")
    *found, done = chunks(response)
    assert done == "[DONE]"
    choices = [chunk["choices"][0] for chunk in found]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "A lighthouse."},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}
    assert {chunk["id"] for chunk in found} == {
        response.headers["Location"].replace("/jobs/job_", "chatcmpl-")
    }
    assert all("usage" not in chunk for chunk in found)


def test_usage_comes_in_a_last_chunk_for_those_who_want_it(site: Site, ann: str) -> None:
    *found, last, done = chunks(stream(site, CHAT, ann, stream_options={"include_usage": True}))
    assert done == "[DONE]"
    assert [chunk["usage"] for chunk in found] == [None] * len(found)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 30


def test_a_response_s_events_are_typed_and_numbered(site: Site, ann: str) -> None:
    found = chunks(stream(site, RESPONSES, ann))
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == "A lighthouse."
    assert found[-1]["response"]["usage"]["total_tokens"] == 30
    assert found[0]["response"]["status"] == "in_progress"


def test_one_that_is_cut_by_length_is_incomplete(site: Site, ann: str) -> None:
    site.script(Output("A"), Complete(FinishReason.LENGTH, TokenUsage(9, 9)))
    last = chunks(stream(site, RESPONSES, ann))[-1]
    assert (last["type"], last["response"]["status"]) == ("response.incomplete", "incomplete")
    site.script(Output("A"), Complete(FinishReason.LENGTH, TokenUsage(9, 9)))
    *_, end, _ = chunks(stream(site, CHAT, ann))
    assert end["choices"][0]["finish_reason"] == "length"


@BOTH
def test_a_refusal_before_the_first_word_has_a_status_of_its_own(
    site: Site, ann: str, path: str
) -> None:
    site.script(Refused(RejectionReason.CONTENT))
    response = stream(site, path, ann)
    assert (response.status_code, error_in(response)["code"]) == (400, "CONTENT_REJECTED")


def test_a_chat_that_breaks_off_ends_with_an_error_and_without_done(site: Site, ann: str) -> None:
    site.script(Output("A light"), BrokenOff(VendorFault.CONNECTION_CUT))
    *_, last = chunks(stream(site, CHAT, ann))
    assert last["error"]["code"] == "PROVIDER_BROKE_OFF"
    assert last["error"]["details"]["jobId"].startswith("job_")
    assert site.world.wallet(ann).held == 0


def test_a_response_that_breaks_off_has_failed(site: Site, ann: str) -> None:
    site.script(Output("A light"), BrokenOff(VendorFault.CONNECTION_CUT))
    last = chunks(stream(site, RESPONSES, ann))[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"]["code"] == "server_error"
    assert "Nothing was charged" in last["response"]["error"]["message"]


@BOTH
def test_a_retry_streams_the_stored_text_whole(site: Site, ann: str, path: str) -> None:
    first = chunks(stream(site, path, ann))
    before = site.world.balance(ann), len(site.vendor.sent)
    again = stream(site, path, ann, headers=RETRY)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert chunks(again) == first
    assert (site.world.balance(ann), len(site.vendor.sent)) == before


class TestWhileItIsWritten:
    """A text whose first words have come; the rest follows when the test says so."""

    @pytest.fixture
    def go_on(self, site: Site) -> Iterator[threading.Event]:
        text, more = site.world.parts.get(Text), threading.Event()
        start, text._owners._start = text._owners._start, in_thread
        yield more
        more.set()
        text._owners._start = start

    def first(self, site: Site, path: str, ann: str, *steps: Any) -> str:
        """The id of the job, whose client has left."""
        site.script(*steps)
        response = stream(site, path, ann)
        response.close()
        return str(response.headers["Location"].removeprefix("/jobs/"))

    @BOTH
    def test_a_client_that_leaves_ends_nothing(
        self, site: Site, ann: str, path: str, go_on: threading.Event
    ) -> None:
        whole = Complete(FinishReason.STOP, USAGE)
        job_id = self.first(site, path, ann, Output("A light"), go_on.wait, Output("house."), whole)
        go_on.set()
        site.world.parts.get(Runs).wait_until_none(10)
        job = site.get(f"/jobs/{job_id}", ann)["data"]
        assert (job["text"], job["status"]) == ("A lighthouse.", "SUCCEEDED")

    @BOTH
    def test_a_repeat_is_kept_alive_until_the_text_is_stored(
        self, site: Site, ann: str, path: str, go_on: threading.Event
    ) -> None:
        whole = Complete(FinishReason.STOP, USAGE)
        self.first(site, path, ann, Output("A light"), go_on.wait, Output("house."), whole)
        body = iter(stream(site, path, ann, headers=RETRY).iter_encoded())
        assert next(body) == b": keep-alive\n\n"
        go_on.set()
        site.world.parts.get(Runs).wait_until_none(10)
        assert b"A lighthouse." in b"".join(body)
        assert site.world.audit().violations == ()

    @BOTH
    def test_a_repeat_of_what_fails_is_an_error_in_its_stream(
        self, site: Site, ann: str, path: str, go_on: threading.Event
    ) -> None:
        cut = BrokenOff(VendorFault.STALLED)
        self.first(site, path, ann, Output("A light"), go_on.wait, cut)
        body = iter(stream(site, path, ann, headers=RETRY).iter_encoded())
        assert next(body) == b": keep-alive\n\n"
        go_on.set()
        site.world.parts.get(Runs).wait_until_none(10)
        rest = b"".join(body)
        assert b"PROVIDER_BROKE_OFF" in rest
        assert b"[DONE]" not in rest

    @BOTH
    def test_a_whole_repeat_comes_behind_blanks(
        self, site: Site, ann: str, path: str, go_on: threading.Event
    ) -> None:
        compatible = site.world.parts.get(Compatible)
        compatible.silent_seconds, silent = 0.0, compatible.silent_seconds
        whole = Complete(FinishReason.STOP, USAGE)
        self.first(site, path, ann, Output("A light"), go_on.wait, Output("house."), whole)
        body = iter(site.post(path, ann, headers=RETRY).iter_encoded())
        assert next(body) == b" "
        go_on.set()
        site.world.parts.get(Runs).wait_until_none(10)
        assert b"A lighthouse." in b"".join(body)
        compatible.silent_seconds = silent
