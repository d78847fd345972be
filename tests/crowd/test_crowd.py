"""A small sample of `make proof ONLY=crowd` with every change; the whole of it is for the night."""

from typing import Any

import pytest

from tests.crowd.run import Plan, play

pytestmark = pytest.mark.sample


@pytest.mark.timeout(480)
def test_a_hundred_operations_at_once_leave_every_credit_where_it_belongs(client: Any) -> None:
    outcome = play(client, Plan(operations=100, users=10, seed=1, threads=8))
    assert outcome.violations == (), outcome.summary()
    assert outcome.jobs > 20, outcome.summary()
    assert outcome.lapsed_lots > 0, outcome.summary()
