"""What is said in a session, part by part: how it is stored in segments and becomes a transcript.
Pure.

In a file of its own because the relay and the worker make the same transcript."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.providers.speech import SpokenWord, Utterance
from service.transcription.entities import MAX_WORDS, Transcript, Word

# Of the utterances in one segment, as JSON; what is beyond it waits for the next one.
MAX_SEGMENT_BYTES = 200_000
# Of a whole transcript.
MAX_CHARACTERS = 600_000


@dataclass(frozen=True)
class Segment:
    """What a session stores every few seconds: how many whole seconds had been relayed, and the
    utterances that have changed since the segment before."""

    number: int
    seconds: int
    utterances: tuple[Utterance, ...] = field(repr=False)


class Speech:
    """The utterances of one session so far, the newest form of each."""

    def __init__(self) -> None:
        self._utterances: dict[int, Utterance] = {}
        self._changed: set[int] = set()
        self._characters = 0

    def add(self, utterance: Utterance) -> None:
        """It replaces its earlier form. Beyond what is kept of a session nothing is added."""
        before = self._utterances.get(utterance.number)
        grown = self._characters + len(utterance.text) - (len(before.text) if before else 0)
        if grown > MAX_CHARACTERS:
            return
        self._characters = grown
        self._utterances[utterance.number] = utterance
        self._changed.add(utterance.number)

    @property
    def is_empty(self) -> bool:
        return not self._utterances

    def next_segment(self, number: int, seconds: int) -> Segment:
        """With the utterances that have changed, as many as fit; they count as stored."""
        chosen: list[Utterance] = []
        size = 0
        for each in sorted(self._changed):
            utterance = self._utterances[each]
            size += size_of(utterance)
            if chosen and size > MAX_SEGMENT_BYTES:
                break
            chosen.append(utterance)
        self._changed -= {utterance.number for utterance in chosen}
        return Segment(number, seconds, tuple(chosen))

    def transcript(self) -> Transcript:
        return transcript_of_utterances(self._utterances.values())


def message_of(utterance: Utterance) -> dict[str, object]:
    """As its client receives it."""
    words = [{"text": each.text, "start": each.start, "end": each.end} for each in utterance.words]
    return {
        "type": "turn",
        "number": utterance.number,
        "text": utterance.text,
        "final": utterance.is_final,
        "words": words,
    }


def size_of(utterance: Utterance) -> int:
    """About how many bytes it takes as JSON."""
    return 4 * len(utterance.text) + 4 * sum(len(word.text) + 8 for word in utterance.words)


def transcript_of_segments(segments: Iterable[Segment]) -> Transcript:
    """The transcript that the stored segments of a session make, in their order."""
    utterances: dict[int, Utterance] = {}
    for segment in segments:
        utterances |= {utterance.number: utterance for utterance in segment.utterances}
    return transcript_of_utterances(utterances.values())


def transcript_of_utterances(utterances: Iterable[Utterance]) -> Transcript:
    """What is not final yet was said all the same."""
    said = [
        utterance
        for utterance in sorted(utterances, key=lambda utterance: utterance.number)
        if utterance.text
    ]
    words = tuple(
        Word(word.start, word.end, word.text) for utterance in said for word in utterance.words
    )
    text = "\n".join(utterance.text for utterance in said)
    return Transcript(text, words if len(words) <= MAX_WORDS else None)


def packed(segment: Segment) -> dict[str, Any]:
    """A segment as the document that is stored."""
    utterances = [
        [each.number, each.text, int(each.is_final), [[w.start, w.end, w.text] for w in each.words]]
        for each in segment.utterances
    ]
    return {"seconds": segment.seconds, "utterances": utterances}


def unpacked(number: int, document: Mapping[str, Any]) -> Segment:
    """The inverse. Raises `KeyError`, `TypeError` or `ValueError`."""
    seconds = document["seconds"]
    if type(seconds) is not int or seconds < 0:
        raise ValueError("no number of seconds")
    utterances = tuple(
        Utterance(order, text, tuple(SpokenWord(*word) for word in words), bool(is_final))
        for order, text, is_final, words in document["utterances"]
    )
    return Segment(number, seconds, utterances)
