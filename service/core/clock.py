"""The only clock. Everything that needs the time receives a `Clock`."""

import re
import time
from datetime import UTC, datetime
from typing import Protocol

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_SECONDS = len("2026-11-21T09:00:00")


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
    return f"{_seconds(at)}.{at % 1000:03d}Z"


def compact(at: int) -> str:
    """Milliseconds since the epoch as ISO 8601's basic form in UTC, as in `20261121T090000Z`."""
    return f"{_seconds(at).replace('-', '').replace(':', '')}Z"


def from_iso(text: str) -> int:
    """The inverse of `iso`. Raises `ValueError` for any other form."""
    if not _ISO.fullmatch(text):
        raise ValueError("not a time in ISO 8601 with milliseconds and Z")
    return int(datetime.fromisoformat(text[:-5] + "Z").timestamp()) * 1000 + int(text[-4:-1])


def from_foreign_iso(text: str) -> int:
    """Milliseconds since the epoch of a time in any form of ISO 8601, in UTC unless it names a
    zone: for what other systems write. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def utc(at: int) -> datetime:
    """Milliseconds since the epoch as a time in UTC, for libraries that want one."""
    return datetime.fromtimestamp(at / 1000, UTC)


def _seconds(at: int) -> str:
    # Formatting by a pattern takes five times as long, and a request does it a dozen times.
    return datetime.fromtimestamp(at // 1000, UTC).isoformat()[:_SECONDS]
