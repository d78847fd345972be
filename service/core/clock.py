"""The only clock. Everything that needs the time receives a `Clock`."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Reads the time and waits.

    `now()` returns wall time in whole milliseconds since the epoch, `monotonic()` seconds that
    never go back; `sleep()` waits that many seconds."""

    def now(self) -> int: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def iso(at: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC with milliseconds, as in
    `2026-11-21T09:00:00.123Z`."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def compact(at: int) -> str:
    """Milliseconds since the epoch as ISO 8601's basic form in UTC, as in `20261121T090000Z`."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y%m%dT%H%M%SZ}"


def from_iso(text: str) -> int:
    """The inverse of `iso`. Raises `ValueError` for any other form."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
