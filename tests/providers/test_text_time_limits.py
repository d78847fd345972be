"""What the time limit of a text call means, before any output and after it."""

from collections.abc import Callable, Iterator

import pytest

from devstack.simulators.bedrock.event_stream import event as message
from service.providers.bedrock.events import ConverseReading
from service.providers.generation import BrokenOff, Complete, FinishReason, Output, VendorFault
from service.providers.openai.events import ResponsesReading
from service.providers.streams import ByteStream, Waits
from service.providers.text_calls import Reading, Sent, TextCall
from service.providers.text_reports import TextReports
from tests.doubles.clock import FakeClock
from tests.providers.scripted_connection import HEAD, ScriptedConnection
from tests.providers.text_harness import Counting

SSE, BINARY = b"text/event-stream", b"application/vnd.amazon.eventstream"
DELTA = b'data: {"type": "response.output_text.delta", "delta": "word"}\n\n'
OTHER = b'data: {"type": "response.in_progress"}\n\n'
VENDORS: dict[str, tuple[bytes, bytes, bytes, Callable[[], Reading]]] = {
    "openai": (SSE, DELTA, OTHER, lambda: ResponsesReading(0, lambda: None)),
    "bedrock": (
        BINARY,
        message("contentBlockDelta", {"delta": {"text": "word"}}),
        message("messageStart", {"role": "assistant"}),
        lambda: ConverseReading(0, guarded=False),
    ),
}


def call(vendor: str, metrics: Counting, *, wrote: bool) -> TextCall:
    """A call of a vendor that goes on and on, of which ten seconds of sixty pass with each
    piece."""
    kind, delta, other, reading = VENDORS[vendor]
    clock = FakeClock()

    def pieces() -> Iterator[bytes]:
        yield HEAD % (200, kind)
        while True:
            clock.advance(10)
            yield delta if wrote else other

    until = clock.monotonic() + 60
    stream = ByteStream(
        ScriptedConnection(pieces()), "http://vendor.example/x", clock, Waits(30.0, 30.0), until
    )
    reports = TextReports(vendor, metrics, clock, "job_1")
    return TextCall(stream, lambda: Sent({}, b""), reading(), kind.decode(), "x", reports)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_limit_after_output_is_a_whole_response_that_length_cut(vendor: str) -> None:
    metrics = Counting()
    *outputs, last = call(vendor, metrics, wrote=True)
    assert outputs == [Output("word")] * 6
    assert last == Complete(FinishReason.LENGTH, None, cut_by_us=True)
    assert not metrics.counts


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_limit_before_output_is_a_stall(vendor: str) -> None:
    metrics = Counting()
    assert list(call(vendor, metrics, wrote=False)) == [BrokenOff(VendorFault.STALLED)]
    assert metrics.counts
