"""Streams of a simulated model: at its pace, and broken as faults say."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from devstack.simulators.faults import Fault
from devstack.simulators.language.books import Books, Entry
from devstack.simulators.language.model import Plan
from devstack.simulators.time_scale import TimeScale
from devstack.simulators.wire import Cut
from service.core.clock import Clock

STREAM_FAULTS = frozenset({"stall", "cut", "error-event", "error-event-late"})
# The body is made only when it is read; these faults act without anyone reading it.
_UNREAD = {"lost-answer", "garbage"}


class Pace:
    """When the next token comes."""

    def __init__(self, clock: Clock, speed: TimeScale) -> None:
        self._clock = clock
        self._speed = speed

    def wait(self, seconds: float) -> None:
        """At the simulators' speed. At speed 0, not at all: a thread must not wait for ever."""
        if seconds and self._speed.factor:
            self._clock.sleep(seconds / self._speed.factor)

    def stall(self, fault: Fault) -> None:
        """In real seconds, as the fault says."""
        self._clock.sleep(fault.seconds)


def tokens(plan: Plan, seconds_per_token: float, fault: Fault | None, pace: Pace) -> Iterator[str]:
    """The tokens of an output, at its pace. In the middle of it the fault comes true: `stall`
    pauses, `cut` raises `Cut`, `error-event-late` ends the output."""
    pace.wait(seconds_per_token * plan.reasoning_tokens)
    middle = len(plan.pieces) // 2
    for number, piece in enumerate(plan.pieces):
        if fault and number == middle:
            if fault.kind == "stall":
                pace.stall(fault)
            elif fault.kind == "cut":
                raise Cut
            elif fault.kind == "error-event-late":
                return
        pace.wait(seconds_per_token)
        yield piece


def billed(
    make: Callable[[], Iterator[bytes]],
    books: Books,
    entry: Entry,
    fault: Fault | None,
    *,
    bills_on: bool = False,
) -> Iterator[bytes]:
    """The body that `make` makes. Whatever ends it early is in the books; `bills_on`: the model
    writes on when its client has left."""
    body = make()
    if fault and fault.kind in _UNREAD:
        # The model works, though no one reads what it writes.
        return iter(list(body))
    return _watched(body, books, entry, bills_on)


def _watched(body: Iterator[bytes], books: Books, entry: Entry, bills_on: bool) -> Iterator[bytes]:
    try:
        # Not `yield from`, which would end the body before it could go on.
        for piece in body:  # noqa: UP028
            yield piece
    except Cut:
        books.close(entry, "cut")
        raise
    except GeneratorExit:
        with suppress(Cut):
            for _ in body if bills_on else ():
                pass
        raise
    finally:
        books.close(entry, "left")
