"""What AssemblyAI says of a live session, believed only as far as it can be."""

import asyncio
from collections.abc import Iterator

import pytest

from devstack.simulators.assemblyai.sockets import SpeechSockets
from service.core.clock import SystemClock
from service.core.metrics import NoMetrics
from service.core.settings import Secret
from service.providers.assemblyai.credentials import AssemblyAiCredentials, AssemblyAiKeys
from service.providers.assemblyai.streaming import AssemblyAiSpeech, ended_of, utterance_of
from service.providers.base import RejectionReason
from service.providers.speech import (
    BrokenOff,
    Encoding,
    Ended,
    SpeechRefused,
    SpeechRequest,
    SpeechStream,
    SpokenWord,
    Utterance,
)
from tests.live.relay_world import KEY, simulated

REQUEST = SpeechRequest("job_1", 8000, Encoding.PCM_MULAW, "en", 30)


@pytest.fixture(scope="module")
def sockets() -> Iterator[SpeechSockets]:
    found = simulated()
    yield found
    found.stop()


def speech(url: str, key: str = KEY) -> AssemblyAiSpeech:
    keys = AssemblyAiKeys(Secret(key), Secret("secret"))
    clock = SystemClock()
    return AssemblyAiSpeech(url, AssemblyAiCredentials(lambda: keys, clock), NoMetrics(), None)


def refused(provider: AssemblyAiSpeech) -> RejectionReason:
    with pytest.raises(SpeechRefused) as refusal:
        asyncio.run(provider.open(REQUEST))
    return refusal.value.reason


def test_a_session_returns_what_is_said_and_how_long_it_was(sockets: SpeechSockets) -> None:
    async def talk() -> list[object]:
        stream = await speech(f"ws://127.0.0.1:{sockets.port}/assemblyai").open(REQUEST)
        for _ in range(2):
            await stream.send(b"\x01" * 8000)
        await stream.finish()
        found: list[object] = [event async for event in stream.events()]
        await stream.close()
        await stream.send(b"\x01")
        await stream.finish()
        await stream.close()
        return found

    *utterances, ended = asyncio.run(talk())
    assert ended == Ended(2, 2)
    last = utterances[-1]
    assert isinstance(last, Utterance)
    assert (last.text, last.is_final, len(last.words)) == ("This is what was.", True, 4)


def test_another_key_and_no_server_are_no_session(sockets: SpeechSockets) -> None:
    url = f"ws://127.0.0.1:{sockets.port}/assemblyai"
    assert refused(speech(url, "wrong")) is RejectionReason.UNAVAILABLE
    assert refused(speech("ws://127.0.0.1:1/assemblyai")) is RejectionReason.UNAVAILABLE


async def events_until_closed(stream: SpeechStream) -> list[object]:
    """A loop that ends before its connection is closed leaves it to the garbage."""
    found: list[object] = [event async for event in stream.events()]
    await stream.close()
    return found


@pytest.mark.parametrize("fault", ["cut", "error-event", "too-fast"])
def test_a_session_that_breaks_off_says_so_once(sockets: SpeechSockets, fault: str) -> None:
    assert sockets.faults is not None
    sockets.faults.arm("assemblyai", "stream", fault, 1, 1.0)

    async def talk() -> list[object]:
        stream = await speech(f"ws://127.0.0.1:{sockets.port}/assemblyai").open(REQUEST)
        await stream.send(b"\0" * 8000)
        return await events_until_closed(stream)

    (event,) = asyncio.run(talk())
    assert isinstance(event, BrokenOff)
    assert event.is_too_fast == (fault == "too-fast")


def test_audio_far_ahead_of_its_time_ends_the_session(sockets: SpeechSockets) -> None:
    async def talk() -> list[object]:
        stream = await speech(f"ws://127.0.0.1:{sockets.port}/assemblyai").open(REQUEST)
        for _ in range(22):
            await stream.send(b"\0" * 8000)
        return await events_until_closed(stream)

    assert asyncio.run(talk())[-1] == BrokenOff("closed_3007", is_too_fast=True)


@pytest.mark.parametrize(
    ("model", "language"),
    [("universal-streaming-english", "en"), ("universal-streaming-multilingual", "multi")],
)
def test_the_language_chooses_the_model(model: str, language: str) -> None:
    assert speech("ws://127.0.0.1:1").model_of(language) == model


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"turn_order": -1, "transcript": "x", "words": []},
        {"turn_order": True, "transcript": "x", "words": []},
        {"turn_order": 0, "transcript": 7, "words": []},
        {"turn_order": 0, "transcript": "x", "words": "x"},
    ],
)
def test_what_is_no_turn_is_passed_over(message: dict[str, object]) -> None:
    assert utterance_of(message) is None


def test_words_that_cannot_be_are_left_out() -> None:
    words = [
        {"text": "good", "start": 0, "end": 400.7},
        {"text": "late", "start": 500, "end": 400},
        {"text": "endless", "start": 0, "end": 1e300},
        {"text": 5, "start": 0, "end": 1},
        "word",
        {"text": "half \ud800", "start": 1, "end": 2},
    ]
    found = utterance_of({"turn_order": 1, "transcript": "", "words": words, "end_of_turn": 1})
    assert found == Utterance(
        1, "good half ?", (SpokenWord(0, 400, "good"), SpokenWord(1, 2, "half ?")), False
    )


@pytest.mark.parametrize("given", [None, -1, "5", True, float("nan"), float("inf"), 10**12])
def test_durations_that_cannot_be_are_none(given: object) -> None:
    message = {"audio_duration_seconds": given, "session_duration_seconds": 7.9}
    assert ended_of(message) == Ended(None, 7)
