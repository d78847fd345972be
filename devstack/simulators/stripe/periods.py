"""Billing periods: calendar months and years from an anchor, in UTC."""

import calendar
from datetime import UTC, datetime, timedelta

from devstack.simulators.stripe.wire import Wire

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def period_end(anchor: int, start: int, recurring: Wire) -> int:
    """The end of the period that begins at `start`: the first billing date after it. A month that
    lacks the anchor's day ends on its last."""
    interval, count = recurring["interval"], recurring["interval_count"]
    if interval in _DAYS:
        step = _DAYS[interval] * count * 86_400
        return anchor + ((start - anchor) // int(step) + 1) * int(step)
    first, month = _date(anchor), _MONTHS[interval] * count
    passed = (_date(start).year - first.year) * 12 + _date(start).month - first.month
    periods = max(0, passed // month - 1)
    while (end := _in_months(first, periods * month)) <= start:
        periods += 1
    return end


def _date(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _in_months(first: datetime, months: int) -> int:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    day = min(first.day, calendar.monthrange(year, month + 1)[1])
    return int((first.replace(day=1, year=year, month=month + 1) + timedelta(day - 1)).timestamp())


def share(amount: int, start: int, end: int, now: int) -> int:
    """The part of a period's price that belongs to the time from `now` to its end, rounded half
    up."""
    left, whole = max(0, end - max(start, now)), end - start
    return (2 * amount * left + whole) // (2 * whole)
