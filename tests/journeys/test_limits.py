"""Limits of one user and of the house, over HTTP: refused with a code, and nothing is charged."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.stack.live_stack import LiveStack, new_key


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


def test_a_user_has_no_more_jobs_in_flight_than_the_limit(start: Callable[..., LiveStack]) -> None:
    stack = start(max_open_jobs_per_user=2, simulator={"video_seconds": 3600})
    for _ in range(2):
        stack.submitted()
    assert stack.get("/credits").json()["data"]["jobsInFlight"] == 2
    before = stack.written()
    refused = stack.post_video(key=new_key())
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_OPEN_JOBS")
    assert refused.json()["details"] == {"limit": 2, "jobsInFlight": 2}
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert stack.written() == before
    assert len(stack.journal("create")) == 2
    stack.assert_proved()


@pytest.mark.parametrize(
    ("setting", "status", "code"),
    [
        ("max_credits_per_user_day", 429, "DAILY_LIMIT_REACHED"),
        ("house_credits_per_day", 503, "HOUSE_LIMIT_REACHED"),
    ],
)
def test_a_day_s_credits_end_with_a_code_of_their_own(
    start: Callable[..., LiveStack], setting: str, status: int, code: str
) -> None:
    stack = start(**{setting: Decimal(1)})
    stack.submitted()
    refused = stack.post_video()
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert int(refused.headers["Retry-After"]) >= 1
    assert len(stack.journal("create")) == 1
    stack.assert_proved()
