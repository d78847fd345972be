"""`kill -9` amid a bulk grant: each user is granted once. `python -m tests.bulk_grants` does it for
2,000 users."""

from typing import Any

import pytest

from tests.bulk_grants.killing import Plan, run

pytestmark = pytest.mark.sample


@pytest.mark.timeout(700)
@pytest.mark.parametrize("everyone", [False, True])
def test_workers_killed_amid_a_bulk_grant_grant_each_user_once(
    client: Any, table_name: str, *, everyone: bool
) -> None:
    plan = Plan(users=80, kills=2, seed=1, everyone=everyone)
    assert run(client, table_name, plan).faults(plan) == []
