"""That a rehearsal notices where users are charged for something else than the vendors delivered,
and what it did not try."""

from collections import Counter
from typing import Any

import pytest

from tests.drain.books import sessions_differ, texts_differ, videos_differ
from tests.drain.outcome import Outcome, Plan, Tally

USAGE = {
    "input_tokens": 100,
    "output_tokens": 100,
    "total_tokens": 200,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}
WRITTEN = [{"job_id": "a", "reported_usage": USAGE}]
FINE = Tally(500, 9, 9, 2, 1, 9, Counter({1000: 9, 1006: 4, 1012: 3}), 7)


def charged(amount: float, **more: Any) -> dict[str, Any]:
    return {"credits": {"captured": amount}, **more}


def outcome(tally: Tally, deployments: int = 10) -> Outcome:
    plan = Plan(deployments, 1, 1, 60.0)
    return Outcome(plan, "processes", deployments, tally, (), (), "clean", 1.0, ())


def test_books_that_agree_leave_nothing_to_say() -> None:
    assert not [*videos_differ({"v": charged(1)}, [{"status": "succeed"}])]
    assert not [*texts_differ({"a": charged(0.001)}, WRITTEN)]
    assert not [*sessions_differ({"s": charged(0.002, audioSeconds=9)}, [{"audio_seconds": 9}])]


@pytest.mark.parametrize("jobs", [{}, {"v": charged(0)}])
def test_a_video_that_no_one_is_charged_for_is_noticed(jobs: dict[str, Any]) -> None:
    assert [*videos_differ(jobs, [{"status": "succeed"}])]


@pytest.mark.parametrize("jobs", [{}, {"a": charged(0.003)}])
def test_a_text_that_is_charged_otherwise_is_noticed(jobs: dict[str, Any]) -> None:
    assert [*texts_differ(jobs, WRITTEN)]


@pytest.mark.parametrize(("amount", "seconds"), [(0.002, 8), (0.003, 9), (0, None)])
def test_a_session_that_is_charged_otherwise_is_noticed(amount: float, seconds: int | None) -> None:
    jobs = {"s": charged(amount, audioSeconds=seconds)}
    assert [*sessions_differ(jobs, [{"audio_seconds": 9}])]


def test_a_rehearsal_in_which_all_was_tried_and_held_has_no_faults() -> None:
    assert outcome(FINE).faults == ()


@pytest.mark.parametrize(
    ("closes", "resumed", "fault"),
    [
        ({1000: 9, 1006: 4}, 4, "no relay ended a socket"),
        ({1000: 9, 1012: 3}, 3, "no balancer cut a socket"),
        ({1000: 9, 1006: 4, 1012: 3}, 6, "1 sockets were not resumed"),
    ],
)
def test_sockets_that_were_lost_or_not_tried_are_faults(
    closes: dict[int, int], resumed: int, fault: str
) -> None:
    tally = Tally(500, 9, 9, 2, 1, 9, Counter(closes), resumed)
    assert outcome(tally).faults == (fault,)


def test_a_short_rehearsal_may_meet_no_one() -> None:
    tally = Tally(500, 9, 9, 0, 0, 9, Counter({1000: 9}), 0)
    assert outcome(tally, deployments=3).faults == ()
    assert len(outcome(tally).faults) == 3
