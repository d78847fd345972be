"""Days in UTC, from midnight to midnight. Times are epoch milliseconds. Pure."""

from datetime import UTC, date, datetime

DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def start_of(day: date) -> int:
    """Its first millisecond."""
    return (day.toordinal() - _EPOCH) * DAY


def end_of(day: date) -> int:
    """The first millisecond after it."""
    return start_of(day) + DAY


def day_at(at: int) -> date:
    """The day of that moment."""
    return datetime.fromtimestamp(at // 1000, UTC).date()
