"""The simulated model: the same input makes the same words, one word a token."""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devstack.simulators.language.scripts import Script

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_REQUEST = 3
CONTEXT_TOKENS = 128_000
REFUSAL = "I am sorry, but I cannot help with that."
MAX_NOTES = 5
WORDS_A_NOTE = 7

# A line of data that begins with a time, as in a transcript.
_TIMED = re.compile(r"^\[\d{1,3}:\d\d:\d\d\]", re.MULTILINE)
_TEXT = (
    "the a small bright quiet river light stone garden letter winter morning house window road "
    "hand voice summer paper sound leaf cloud table story water silver early open gentle far "
    "and over under through before while where with of in on to is was has makes keeps holds "
    "finds carries follows begins ends"
)
_WORDS = tuple(_TEXT.split(" "))


def count_tokens(texts: Iterable[str]) -> int:
    """The tokens of an input with these messages: four bytes of UTF-8 each, rounded up, and a few
    for the framing of each message."""
    return TOKENS_PER_REQUEST + sum(
        -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE
        for text in texts
    )


@dataclass(frozen=True)
class Plan:
    """What one call will write. `pieces` are its tokens, as text; `reasoning_tokens` are written
    before them and not shown. `end` is that of its script, `length` if the maximum cut it."""

    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    pieces: tuple[str, ...]
    end: str

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def output_tokens(self) -> int:
        return self.reasoning_tokens + len(self.pieces)


def plan(script: Script, texts: tuple[str, ...], max_tokens: int | None) -> Plan:
    """What that script makes of an input of these messages."""
    given = count_tokens(texts)
    wanted = tuple(_pieces(script, texts))
    room = script.reasoning_tokens + len(wanted) if max_tokens is None else max_tokens
    reasoning = min(script.reasoning_tokens, room)
    pieces = wanted[: room - reasoning]
    cut = len(pieces) < len(wanted) or reasoning < script.reasoning_tokens
    return Plan(
        given,
        min(script.cached_tokens, given),
        min(script.cache_write_tokens, given - min(script.cached_tokens, given)),
        reasoning,
        pieces,
        "length" if cut else script.end,
    )


def _pieces(script: Script, texts: tuple[str, ...]) -> Iterator[str]:
    if script.end == "refusal":
        yield from words_of(REFUSAL)
    elif script.text:
        yield from words_of(script.text)
    else:
        words = _words("\0".join(texts))
        times = _TIMED.findall(texts[-1]) if texts else []
        written = _notes(times, words) if times else words
        yield from itertools.islice(written, script.output_tokens)


def _notes(times: list[str], words: Iterator[str]) -> Iterator[str]:
    """Lines that begin with some of these times, each with a few words."""
    for time in times[:: -(-len(times) // MAX_NOTES)]:
        yield f"\n{time} "
        yield from itertools.islice(words, WORDS_A_NOTE)


def words_of(text: str) -> Iterator[str]:
    """The tokens of a given text."""
    first, *others = text.split(" ")
    yield first
    yield from (f" {word}" for word in others)


def _words(seed: str) -> Iterator[str]:
    """Endless words that follow from the seed, in sentences."""
    state = seed.encode("utf-8", "surrogatepass")
    for number in itertools.count():
        state = hashlib.sha256(state).digest()
        word = _WORDS[int.from_bytes(state[:4], "big") % len(_WORDS)]
        starts, ends = number % 10 == 0, number % 10 == 9
        yield f"{' ' if number else ''}{word.capitalize() if starts else word}{'.' if ends else ''}"
