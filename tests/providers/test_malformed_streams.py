"""Whatever a vendor of text sends: reading it never raises, and ends in exactly one last event."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.simulators.bedrock.event_stream import encoded, exception
from devstack.simulators.bedrock.event_stream import event as event_message
from service.core.metrics import NoMetrics
from service.providers.bedrock.events import ConverseReading
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    GenerationEvent,
    Output,
    TokenUsage,
    VendorFault,
)
from service.providers.openai.client import EVENT_STREAM
from service.providers.openai.events import ResponsesReading
from service.providers.text_calls import Reading, Sent, TextCall
from service.providers.text_reports import TextReports
from tests.doubles.clock import FakeClock
from tests.providers.scripted_connection import HEAD, cut_up, scripted_stream
from tests.providers.text_harness import parts

ENDS = [None, ConnectionResetError(), TimeoutError(), OSError("TLS")]
NAMES = [
    "response.output_text.delta",
    "response.refusal.delta",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.created",
    "error",
    "keepalive",
    "",
]
FIELDS = (
    *("type", "delta", "response", "usage", "error", "code", "reason", "incomplete_details"),
    *("input_tokens", "output_tokens", "input_tokens_details", "total_tokens"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=8,
)
ODD = (
    *(b"data: [DONE]\n\n", b": ping\n\n", b"\r", b"\r\n\r\n", b"data\n\n", b"\xef\xbb\xbf"),
    *(b"data: [\n\n", b"data: " + b"[" * 5000 + b"\n\n", b"data: 1" + b"0" * 5000 + b"\n\n"),
    b'data: {"type": "response.output_text.delta", "delta": "\\ud83d"}\n\n',
    b"\xff\xfe\n\n",
)


def event(name: str, data: object) -> bytes:
    typed = {"type": name, **data} if isinstance(data, dict) else data
    return f"event: {name}\ndata: {json.dumps(typed)}\n\n".encode()


DELTA = event("response.output_text.delta", {"delta": "word "})
EVENTS = st.one_of(
    st.just(DELTA),
    st.builds(event, st.sampled_from(NAMES), JSON),
    st.builds(event, st.just("response.output_text.delta"), st.fixed_dictionaries({"delta": JSON})),
    st.builds(event, st.sampled_from(NAMES[2:5]), st.fixed_dictionaries({"response": JSON})),
    st.sampled_from(ODD),
    st.binary(max_size=40),
)


def openai_call(pieces: list[bytes], end: OSError | None) -> TextCall:
    return call(pieces, end, ResponsesReading(0, lambda: None), EVENT_STREAM)


def call(pieces: list[bytes], end: OSError | None, reading: Reading, content_type: str) -> TextCall:
    return TextCall(
        scripted_stream(pieces, end),
        lambda: Sent({}, b"{}"),
        reading,
        content_type,
        "x-request-id",
        TextReports("vendor", NoMetrics(), FakeClock(), "job_1"),
    )


def ends_well(events: list[GenerationEvent]) -> None:
    *outputs, last = events
    assert not isinstance(last, Output)
    for output in outputs:
        assert isinstance(output, Output)
        assert output.text.encode()


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(EVENTS, max_size=8),
    places=st.lists(st.integers(0, 10_000), max_size=6),
    end=st.sampled_from(ENDS),
    status=st.sampled_from([200, 200, 200, 400, 429, 500]),
)
def test_a_malformed_stream_of_openai_ends_in_one_last_event(
    events: list[bytes], places: list[int], end: OSError | None, status: int
) -> None:
    body = HEAD % (status, b"text/event-stream") + b"".join(events)
    ends_well(list(openai_call(cut_up(body, places), end)))


@settings(max_examples=50, deadline=None)
@given(body=st.binary(max_size=200), end=st.sampled_from(ENDS))
def test_bytes_that_are_no_http_end_in_one_last_event(body: bytes, end: OSError | None) -> None:
    ends_well(list(openai_call([body], end)))


@settings(max_examples=50, deadline=None)
@given(error=JSON, status=st.integers(300, 599))
def test_an_error_of_any_shape_ends_in_one_last_event(error: Any, status: int) -> None:
    head = HEAD % (status, b"application/json")
    ends_well(list(openai_call([head, json.dumps({"error": error}).encode()], None)))


@pytest.mark.parametrize("make", [openai_call], ids=["openai"])
def test_an_endless_event_ends_in_one_last_event(
    make: Callable[[list[bytes], OSError | None], TextCall],
) -> None:
    endless = [HEAD % (200, b"text/event-stream"), *[b"data: " + b"x" * 1_000_000] * 9]
    ends_well(list(make(endless, None)))


def test_the_same_events_cut_anywhere_are_the_same() -> None:
    body = HEAD % (200, b"text/event-stream") + (DELTA * 3).replace(b"\n", b"\r\n")
    whole = parts(list(openai_call([body], None)))
    assert whole == ("word " * 3, BrokenOff(VendorFault.CONNECTION_CUT))
    for place in range(len(body)):
        assert parts(list(openai_call([body[:place], body[place:]], None))) == whole


def test_what_comes_together_is_passed_on_together_and_before_what_is_malformed() -> None:
    broken = b"event: response.output_text.delta\ndata: {\n\n"
    body = HEAD % (200, b"text/event-stream") + DELTA * 3 + broken + DELTA
    text, last = list(openai_call([body], None))
    assert text == Output("word word word ")
    assert isinstance(last, BrokenOff)


MESSAGES = st.one_of(
    st.just(event_message("contentBlockDelta", {"delta": {"text": "word "}})),
    st.just(event_message("messageStop", {"stopReason": "end_turn"})),
    st.builds(
        event_message,
        st.sampled_from(["contentBlockDelta", "messageStop", "metadata", "messageStart", "x"]),
        JSON,
    ),
    st.builds(
        event_message,
        st.sampled_from(["contentBlockDelta", "metadata"]),
        st.fixed_dictionaries({"delta": JSON, "usage": JSON}),
    ),
    st.builds(exception, st.sampled_from(["ThrottlingException", "X", ""]), st.text(max_size=9)),
    st.builds(
        encoded,
        st.dictionaries(
            st.sampled_from([":message-type", ":event-type", "x"]), st.text(max_size=9)
        ),
        st.binary(max_size=20),
    ),
    st.binary(max_size=40),
)


def bedrock_call(pieces: list[bytes], end: OSError | None, guarded: bool = False) -> TextCall:
    return call(pieces, end, ConverseReading(0, guarded), "application/vnd.amazon.eventstream")


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(MESSAGES, max_size=8),
    places=st.lists(st.integers(0, 10_000), max_size=6),
    end=st.sampled_from(ENDS),
    guarded=st.booleans(),
    damaged=st.none() | st.integers(0, 2_000),
)
def test_a_malformed_stream_of_bedrock_ends_in_one_last_event(
    messages: list[bytes],
    places: list[int],
    end: OSError | None,
    guarded: bool,
    damaged: int | None,
) -> None:
    sent = bytearray(b"".join(messages))
    if damaged is not None and sent:
        sent[damaged % len(sent)] ^= 0x40
    body = HEAD % (200, b"application/vnd.amazon.eventstream") + bytes(sent)
    ends_well(list(bedrock_call(cut_up(body, places), end, guarded)))


@pytest.mark.parametrize("place", range(0, 120, 7))
def test_a_message_with_one_wrong_bit_is_not_believed(place: int) -> None:
    message = bytearray(event_message("contentBlockDelta", {"delta": {"text": "word "}}))
    message[place % len(message)] ^= 1
    body = HEAD % (200, b"application/vnd.amazon.eventstream") + bytes(message)
    (last,) = bedrock_call([body], None)
    assert isinstance(last, BrokenOff)


@pytest.mark.parametrize("end", ENDS)
def test_what_stopped_is_whole_without_its_usage(end: OSError | None) -> None:
    body = HEAD % (200, b"application/vnd.amazon.eventstream")
    body += event_message("contentBlockDelta", {"delta": {"text": "word"}})
    body += event_message("messageStop", {"stopReason": "max_tokens"})
    events = list(bedrock_call([body], end))
    assert events == [Output("word"), Complete(FinishReason.LENGTH, None)]


def test_the_same_messages_cut_anywhere_are_the_same() -> None:
    body = HEAD % (200, b"application/vnd.amazon.eventstream")
    body += event_message("contentBlockDelta", {"delta": {"text": "word"}})
    body += event_message("messageStop", {"stopReason": "end_turn"})
    body += event_message("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2}})
    whole = list(bedrock_call([body], None))
    assert whole == [Output("word"), Complete(FinishReason.STOP, TokenUsage(1, 2))]
    for place in range(len(body)):
        assert list(bedrock_call([body[:place], body[place:]], None)) == whole


@pytest.mark.parametrize(
    ("make", "head", "piece"),
    [
        (openai_call, b"text/event-stream", DELTA),
        (
            bedrock_call,
            b"application/vnd.amazon.eventstream",
            event_message("contentBlockDelta", {"delta": {"text": "word "}}),
        ),
    ],
    ids=["openai", "bedrock"],
)
def test_a_body_that_ends_without_its_last_event_is_cut(
    make: Callable[[list[bytes], OSError | None], TextCall], head: bytes, piece: bytes
) -> None:
    """Where no length is announced, the end of a connection looks like the end of a body."""
    events = list(make([HEAD % (200, head), piece], None))
    assert events == [Output("word "), BrokenOff(VendorFault.CONNECTION_CUT)]
