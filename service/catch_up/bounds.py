"""What the steps of a catch-up may use at most, before the first of them. Pure.

In a file of its own because the hold and the steps themselves are bound by it."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.catch_up.entities import MAX_PARTS, Part
from service.catch_up.passages import PART_BYTES, STAMP_BYTES, bytes_of
from service.catch_up.prompts import MAX_NAME, MAX_TITLE, part_messages, whole_messages
from service.catch_up.summaries import MAX_POINT_BYTES, MAX_POINTS_OF_PART
from service.providers.base import Broadcast
from service.text.entities import input_bound
from service.text.models import TextModel

# Of lines with their times: twice as fast as English is spoken, and faster than any language is
# whose letters take three bytes.
BYTES_A_MINUTE = 4_000
PART_TOKENS = 1_000
WHOLE_TOKENS = 2_000
# In UTF-8, a character takes at most so many.
_BYTES_A_CHARACTER = 4
_UNKNOWN = Broadcast("", "", "")
_ABOUT_BYTES = _BYTES_A_CHARACTER * (MAX_NAME + MAX_TITLE)
# "transcript part 48 of 48"
_NUMBER_BYTES = 2


@dataclass(frozen=True)
class Limits:
    """Tokens of all steps together."""

    input_tokens: int
    output_tokens: int


def limits_of(parts: Sequence[Part], model: TextModel) -> Limits:
    """What the steps for these parts may use at most, whatever the broadcast is called and whatever
    the model writes."""
    count = len(parts)
    inputs = sum(_part_input(part, count) for part in parts)
    outputs = count * part_tokens(model)
    if count > 1:
        inputs += _whole_input(count)
        outputs += whole_tokens(model)
    return Limits(inputs, outputs)


def max_parts(seconds: int) -> int:
    """Into how many parts what is said in so many seconds may be divided."""
    written = seconds * BYTES_A_MINUTE // 60
    return min(MAX_PARTS, -(-written // PART_BYTES) + 1)


def limits_of_recording(seconds: int, model: TextModel) -> Limits:
    """The same of words that are not known yet, spoken in so many seconds."""
    count = max_parts(seconds)
    inputs = count * (_part_input(Part(()), count) + PART_BYTES)
    outputs = count * part_tokens(model)
    if count > 1:
        inputs += _whole_input(count)
        outputs += whole_tokens(model)
    return Limits(inputs, outputs)


def part_tokens(model: TextModel) -> int:
    """How long what is written about one part may be. A model that reasons needs more."""
    return _tokens(model, PART_TOKENS)


def whole_tokens(model: TextModel) -> int:
    return _tokens(model, WHOLE_TOKENS)


def _tokens(model: TextModel, usual: int) -> int:
    return min(usual + 2 * model.min_output_tokens, model.max_output_tokens)


def _part_input(part: Part, count: int) -> int:
    empty = input_bound(part_messages(_UNKNOWN, Part(()), 1, count))
    return empty + _ABOUT_BYTES + _NUMBER_BYTES + sum(map(bytes_of, part.lines))


def _whole_input(count: int) -> int:
    note = STAMP_BYTES + MAX_POINT_BYTES
    empty = input_bound(whole_messages(_UNKNOWN, ()))
    return empty + _ABOUT_BYTES + count * MAX_POINTS_OF_PART * note
