"""From a transcript's words to the lines and parts that a model reads. Pure.

In a file of its own because everything that a model reads of a user's words goes through here:
whoever speaks in a broadcast may say what is meant for the model."""

from collections.abc import Iterable, Iterator

from service.catch_up.entities import Line, Part
from service.transcription.entities import Word

LINE_SECONDS = 20
MAX_LINE_CHARACTERS = 400
MAX_WORD_CHARACTERS = 60
PART_BYTES = 20_000
# A time, brackets, a blank and a line break.
STAMP_BYTES = 14
# Angle brackets delimit the parts of our prompts, square ones the times.
_DELIMITERS = str.maketrans("<>[]", "‹›()")


def parts_of(words: Iterable[Word], since: int) -> tuple[Part, ...]:
    """What was said from that second on, in parts of at most `PART_BYTES`."""
    return tuple(_parts(_lines(words, since)))


def stamp(at: int) -> str:
    """That second as the prompts and the models' responses write it, such as `1:02:03`."""
    minutes, seconds = divmod(at, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def as_data(text: str, maximum: int) -> str:
    """Foreign text for a prompt: bounded, on one line, and without our own marks."""
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * maximum])
    return " ".join(shown.translate(_DELIMITERS).split())[:maximum]


def bytes_of(line: Line) -> int:
    return STAMP_BYTES + len(line.text.encode("utf-8", "replace"))


def _lines(words: Iterable[Word], since: int) -> Iterator[Line]:
    """A line ends after some seconds, with its length, or when another speaks."""
    at, said, speaker = 0, "", ""
    for word in words:
        if word.start < since * 1000 or not (text := as_data(word.text, MAX_WORD_CHARACTERS)):
            continue
        second = word.start // 1000
        is_full = len(said) + len(text) >= MAX_LINE_CHARACTERS
        if said and (is_full or second - at >= LINE_SECONDS or word.speaker != speaker):
            yield Line(at, said)
            said = ""
        if not said:
            at, speaker = second, word.speaker
            said = f"{as_data(speaker, MAX_WORD_CHARACTERS)}: {text}" if speaker else text
        else:
            said += f" {text}"
    if said:
        yield Line(at, said)


def _parts(lines: Iterator[Line]) -> Iterator[Part]:
    part: list[Line] = []
    size = 0
    for line in lines:
        if part and size + bytes_of(line) > PART_BYTES:
            yield Part(tuple(part))
            part, size = [], 0
        part.append(line)
        size += bytes_of(line)
    if part:
        yield Part(tuple(part))
