"""What a model wrote, read as points with times. Pure.

In a file of its own because a model is not believed: a point without a time at which something was
said is none."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from service.catch_up.entities import Part, Point
from service.catch_up.passages import as_data

MAX_POINTS_OF_PART = 12
MAX_POINTS = 40
# In UTF-8.
MAX_POINT_BYTES = 300
# More than any step may write.
MAX_WRITTEN_CHARACTERS = 100_000
_LINE = re.compile(r"[ \t]*(?:[-*•][ \t]*)?\[(\d{1,3}):([0-5]\d):([0-5]\d)\][ \t]*(\S.*)", re.ASCII)


def times_of(part: Part) -> tuple[int, ...]:
    """The seconds at which something is said, in order."""
    return tuple(sorted({line.at for line in part.lines}))


def points_of(written: str, times: Sequence[int], limit: int) -> tuple[Point, ...]:
    """The points among what was written, in the order of their times, at most so many. `times` are
    those of the data, in order and not empty. A time between two of them is that of the earlier
    one; one before or after all of them is invented, and its point is left out."""
    found = sorted(_points(written[:MAX_WRITTEN_CHARACTERS], times), key=lambda each: each.at)
    return tuple(found[:limit])


def _points(written: str, times: Sequence[int]) -> Iterator[Point]:
    for line in written.splitlines():
        matched = _LINE.fullmatch(line)
        if matched is None:
            continue
        hours, minutes, seconds = (int(matched[each]) for each in (1, 2, 3))
        at = hours * 3600 + minutes * 60 + seconds
        text = _bounded(as_data(matched[4], MAX_POINT_BYTES))
        if text and times[0] <= at <= times[-1]:
            yield Point(times[bisect_right(times, at) - 1], text)


def _bounded(text: str) -> str:
    """Never ends within a character."""
    return text.encode("utf-8", "replace")[:MAX_POINT_BYTES].decode("utf-8", "ignore").rstrip()
