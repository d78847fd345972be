"""What is counted of jobs that have ended, and the errors of this feature. Pure.

A job counts on the day on which it ended, because that day's sums never change afterwards.
Credits are thousandths (`core.amounts`), times epoch milliseconds, days UTC as in `2026-11-21`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from service.core.amounts import Amount
from service.core.days import Day, day_at, day_before, end_of, start_of
from service.core.errors import InvalidRequest
from service.ledger.details import OPERATION
from service.ledger.entities import Entry, EntryKind

MAX_DAYS = 92
USUAL_DAYS = 30
MAX_ENTRIES = 20_000
_ENDS = (EntryKind.CAPTURE, EntryKind.RELEASE)


class RangeTooLarge(InvalidRequest):
    """More than one response may sum up."""

    code = "RANGE_TOO_LARGE"
    summary = f"A range has at most {MAX_DAYS} days and {MAX_ENTRIES} changes of the balance."
    details_example: ClassVar[Mapping[str, object]] = {"days": 120, "maxDays": MAX_DAYS}
    advice = "Request a shorter range, several times."


@dataclass(frozen=True)
class Days:
    """Days from the first to the last, both included."""

    first: Day
    last: Day

    @classmethod
    def within(cls, first: Day | None, last: Day | None, today: Day) -> "Days":
        """Those days; without a last one up to today, without a first one the last thirty. Raises
        `RangeTooLarge`."""
        last = last or (today if first is None or first <= today else first)
        first = first or day_before(last, USUAL_DAYS - 1)
        days = cls(first, last)
        if days.count > MAX_DAYS:
            details = {"days": days.count, "maxDays": MAX_DAYS}
            raise RangeTooLarge(f"{days.count} days are more than {MAX_DAYS}.", details=details)
        return days

    @property
    def count(self) -> int:
        return self.last.toordinal() - self.first.toordinal() + 1

    @property
    def from_at(self) -> int:
        return start_of(self.first)

    @property
    def before_at(self) -> int:
        return end_of(self.last)


@dataclass(frozen=True)
class Usage:
    """Jobs that have ended. `failures` of the `count` were not charged; `credits` were. The
    latency is that from hold to capture, of the `timed` jobs for which it is known."""

    count: int = 0
    failures: int = 0
    credits: Amount = 0
    timed: int = 0
    latency_milliseconds: int = 0
    max_latency_milliseconds: int = 0

    def plus(self, other: "Usage") -> "Usage":
        return Usage(
            self.count + other.count,
            self.failures + other.failures,
            self.credits + other.credits,
            self.timed + other.timed,
            self.latency_milliseconds + other.latency_milliseconds,
            max(self.max_latency_milliseconds, other.max_latency_milliseconds),
        )

    @property
    def average_latency_seconds(self) -> float | None:
        return round(self.latency_milliseconds / self.timed / 1000, 3) if self.timed else None

    @property
    def max_latency_seconds(self) -> float | None:
        return self.max_latency_milliseconds / 1000 if self.timed else None


@dataclass(frozen=True)
class UsageKey:
    """What jobs are counted by. `operation` is `provider:operation`; empty: not known."""

    day: Day
    operation: str


UsageTable = Mapping[UsageKey, Usage]


@dataclass(frozen=True)
class UserUsage:
    """What one user's jobs did on those days."""

    days: Days
    table: UsageTable


@dataclass(frozen=True)
class Ending:
    """How one job ended, as the ledger says: when, for how much (None: it was not charged), and
    when its credits were held (None: not known)."""

    operation: str
    ended_at: int
    captured: Amount | None
    held_at: int | None = None

    @property
    def key(self) -> UsageKey:
        return UsageKey(day_at(self.ended_at), self.operation)

    @property
    def usage(self) -> Usage:
        if self.captured is None:
            return Usage(count=1, failures=1)
        if self.held_at is None:
            return Usage(count=1, credits=self.captured)
        latency = self.ended_at - self.held_at
        return Usage(1, 0, self.captured, 1, latency, latency)


@dataclass(frozen=True)
class Beginning:
    """What a job's item says of its hold."""

    operation: str
    held_at: int


def endings_of(entries: Sequence[Entry], begun: Mapping[str, Beginning]) -> list[Ending]:
    """The ends of jobs among these entries. What the entries do not say of a job's hold is taken
    from `begun`."""
    holds = {entry.ref: entry for entry in entries if entry.kind is EntryKind.HOLD}
    return [
        _ending(entry, holds.get(entry.ref), begun.get(entry.ref))
        for entry in entries
        if entry.kind in _ENDS
    ]


def unknown_jobs(entries: Sequence[Entry]) -> list[str]:
    """The jobs that end among these entries, which do not say when they began, or what they did."""
    holds = {entry.ref for entry in entries if entry.kind is EntryKind.HOLD}
    return [
        entry.ref
        for entry in entries
        if entry.kind in _ENDS and not (entry.ref in holds and entry.details.get(OPERATION))
    ]


def _ending(end: Entry, hold: Entry | None, begun: Beginning | None) -> Ending:
    held_at = hold.at if hold else begun.held_at if begun else None
    operation = end.details.get(OPERATION) or (begun.operation if begun else "")
    captured = end.amount if end.kind is EntryKind.CAPTURE else None
    return Ending(operation, end.at, captured, held_at)


def table_of(endings: Iterable[Ending]) -> dict[UsageKey, Usage]:
    """The sum of each day and operation, in that sequence."""
    sums: dict[UsageKey, Usage] = {}
    for ending in endings:
        sums[ending.key] = sums.get(ending.key, Usage()).plus(ending.usage)
    return dict(sorted(sums.items(), key=lambda each: (each[0].day, each[0].operation)))


def total_of(usages: Iterable[Usage]) -> Usage:
    total = Usage()
    for usage in usages:
        total = total.plus(usage)
    return total
