"""`kill -9` amid erasures: each ends, once. `python -m tests.erasure` does it for 60 users."""

from typing import Any

import pytest

from tests.erasure.killing import Plan, run

pytestmark = pytest.mark.sample


@pytest.mark.timeout(700)
def test_workers_killed_amid_erasures_leave_no_one_half_erased(
    client: Any, table_name: str
) -> None:
    plan = Plan(users=6, kills=3, seed=1)
    assert run(client, table_name, plan).faults(plan) == []
