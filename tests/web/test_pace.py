"""A transfer may be slow, but it has to advance."""

from service.web.pace import MIN_BYTES_PER_SECOND, Pace
from tests.doubles.clock import FakeClock

LAG_SECONDS = 10.0
MAX_SECONDS = 300.0


def seconds_until_given_up(bytes_per_second: float, size: float = float("inf")) -> float:
    """How long such a transfer lasts before it is given up, or until it is through."""
    clock = FakeClock()
    pace, started = Pace(clock, LAG_SECONDS, MAX_SECONDS), clock.monotonic()
    sent = 0.0
    while pace.left_seconds > 0 and sent < size:
        clock.advance(0.5)
        pace.moved(int(bytes_per_second / 2))
        sent += bytes_per_second / 2
    return clock.monotonic() - started


def test_a_slow_line_is_given_the_time_that_it_needs() -> None:
    assert 23 < seconds_until_given_up(125_000, size=3_000_000) < 26
    assert 20 < seconds_until_given_up(375_000, size=8_000_000) < 23


def test_what_lags_behind_the_minimum_is_given_up() -> None:
    assert seconds_until_given_up(1) < LAG_SECONDS + 1
    assert seconds_until_given_up(MIN_BYTES_PER_SECOND / 2) < 2 * LAG_SECONDS + 1


def test_nothing_lasts_longer_than_the_maximum() -> None:
    assert MAX_SECONDS <= seconds_until_given_up(10 * MIN_BYTES_PER_SECOND) <= MAX_SECONDS + 1


def test_bytes_that_came_fast_do_not_pay_for_a_silence() -> None:
    clock = FakeClock()
    pace = Pace(clock, LAG_SECONDS, MAX_SECONDS)
    pace.moved(10**9)
    assert pace.left_seconds <= LAG_SECONDS
