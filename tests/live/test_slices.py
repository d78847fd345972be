"""What a session may relay, and what more of it costs."""

from hypothesis import given
from hypothesis import strategies as st

from service.catalog.pricing import Flat, Metered, Rate, Terms
from service.live.entities import MIN_SECONDS
from service.live.slices import (
    BURST_SECONDS,
    FRAMES,
    FRAMES_A_SECOND,
    FrameLimit,
    Meter,
    affordable_seconds,
    charged_seconds,
    cost_of,
    extension_of,
)
from service.providers.speech import Ended

PRICES = st.builds(
    Metered,
    st.fixed_dictionaries({Rate.MINUTE: st.integers(1, 5_000_000)}),
    st.integers(0, 500),
    st.none() | st.integers(600, 50_000),
)
TERMS: st.SearchStrategy[Terms] = PRICES | st.builds(Flat, st.integers(1, 50_000))
SECONDS = st.integers(0, 4000)
REPORTS = st.none() | st.integers(0, 5000)


@given(TERMS, SECONDS, st.integers(1, 600), st.integers(0, 100_000))
def test_an_extension_lasts_as_long_as_the_balance_affords(
    terms: Terms, seconds: int, wanted: int, affordable: int
) -> None:
    held = cost_of(terms, seconds)
    more = affordable_seconds(terms, held, seconds, wanted, affordable)
    assert more == 0 or min(MIN_SECONDS, wanted) <= more <= wanted
    extension = extension_of(terms, held, seconds, more)
    if more:
        assert extension.amount <= affordable
    next_one = more + 1 if more else min(MIN_SECONDS, wanted)
    if next_one <= wanted:
        assert cost_of(terms, seconds + next_one) - held > affordable


@given(TERMS, st.lists(st.integers(1, 300), max_size=20))
def test_slices_together_hold_what_the_whole_costs(terms: Terms, slices: list[int]) -> None:
    """However a session is cut, it never holds less than it can cost, nor more."""
    held = seconds = 0
    for more in slices:
        extension = extension_of(terms, held, seconds, more)
        held, seconds = held + extension.amount, seconds + more
        assert extension.milliseconds == more * 1000
        assert held == cost_of(terms, seconds)


@given(st.lists(st.tuples(st.integers(1, 40_000), st.integers(0, 3000)), max_size=60))
def test_nothing_is_relayed_beyond_what_is_held_nor_far_ahead_of_time(
    sends: list[tuple[int, int]],
) -> None:
    meter, now = Meter(16_000, 100.0, 60, 160.0), 100.0
    for size, pause in sends:
        now += pause / 1000
        if not meter.wait_seconds(size, now):
            meter.count(size)
            assert now < 160.0
        assert meter.relayed_bytes <= 60 * 16_000
        assert meter.relayed_bytes <= (now - 100.0 + BURST_SECONDS) * 16_000 + 1
        assert meter.relayed_seconds == meter.relayed_bytes // 16_000


def test_less_than_fifteen_seconds_are_not_worth_an_extension() -> None:
    """At 0.01 a minute six seconds cost a thousandth."""
    terms = Metered({Rate.MINUTE: 10_000})
    found = [affordable_seconds(terms, 0, 0, 120, thousandths) for thousandths in (1, 2, 3, 20)]
    assert found == [0, 0, 18, 120]
    assert affordable_seconds(terms, 0, 0, 10, 2) == 10


def test_audio_waits_until_it_is_a_burst_ahead_and_no_more() -> None:
    meter = Meter(1000, 50.0, 100, 150.0)
    assert [meter.wait_seconds(size, 50.0) for size in (5000, 6000)] == [0.0, 1.0]
    meter.count(5000)
    assert [meter.wait_seconds(1000, now) for now in (50.5, 51.0)] == [0.5, 0.0]


def test_what_has_to_wait_may_go_on_once_more_is_held() -> None:
    meter = Meter(1000, 0.0, 10, 10.0, relayed_bytes=10_000)
    assert meter.wait_seconds(100, 9.0) == float("inf")
    meter.extend(10)
    assert meter.wait_seconds(100, 9.0) == 0.0
    assert meter.until == 20.0
    assert meter.wait_seconds(100, 20.0) == float("inf")


def test_a_slice_is_extended_half_a_minute_before_its_end_or_at_its_half() -> None:
    long, short = Meter(1, 0.0, 120, 120.0), Meter(1, 0.0, 20, 20.0)
    assert (long.is_due(89.9), long.is_due(90.0)) == (False, True)
    assert (short.is_due(9.9), short.is_due(10.0)) == (False, True)


def test_audio_is_behind_by_what_has_not_been_relayed() -> None:
    meter = Meter(1000, 5.0, 120, 125.0, relayed_bytes=3000)
    assert meter.lag_seconds(20.0) == 12.0


@given(SECONDS, REPORTS, REPORTS, st.booleans())
def test_never_more_is_charged_than_was_relayed_or_the_vendor_reports(
    relayed: int, audio: int | None, session: int | None, has_words: bool
) -> None:
    seconds, fault = charged_seconds(relayed, Ended(audio, session), has_words=has_words)
    reported = [each for each in (audio, session) if each is not None]
    assert seconds <= relayed
    if has_words and 0 in reported:
        assert (seconds, fault) == (relayed, "usage_zero")
    else:
        assert (seconds, fault) == (min([relayed, *reported]), "")


def test_without_a_report_our_own_count_decides() -> None:
    assert charged_seconds(7, None, has_words=True) == (7, "")


def test_frames_may_come_as_often_as_a_browser_has_them_and_at_once_after_a_pause() -> None:
    limit = FrameLimit(100.0)
    assert all(limit.take(100.0 + at / 375) for at in range(10_000))
    late = 100.0 + 10_000 / 375 + 600.0
    assert [limit.take(late) for _ in range(FRAMES + 1)] == [True] * FRAMES + [False]
    taken = sum(limit.take(late + 1) for _ in range(2 * FRAMES_A_SECOND))
    assert FRAMES_A_SECOND - 1 <= taken <= FRAMES_A_SECOND
