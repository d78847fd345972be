"""Days in UTC, from midnight to midnight. Times are epoch milliseconds. Pure."""

from datetime import UTC, date, datetime

DAY = 86_400_000
Day = date
_EPOCH = date(1970, 1, 1).toordinal()


def start_of(day: Day) -> int:
    """Its first millisecond."""
    return (day.toordinal() - _EPOCH) * DAY


def end_of(day: Day) -> int:
    """The first millisecond after it."""
    return start_of(day) + DAY


def day_at(at: int) -> Day:
    """The day of that moment."""
    return datetime.fromtimestamp(at // 1000, UTC).date()


def day_before(day: Day, days: int) -> Day:
    """That many days before it, but not before the first that there is."""
    return date.fromordinal(max(1, day.toordinal() - days))


def day_from(text: str) -> Day:
    """The inverse of `isoformat`. Raises `ValueError`."""
    return date.fromisoformat(text)
