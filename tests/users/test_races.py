"""A small race of sign-ups under each policy. `python -m tests.users` runs one of 200."""

from typing import Any

import pytest

from service.core.clock import SystemClock
from tests.doubles.service_harness import ServiceHarness
from tests.users.racing_sign_ups import MAX_USERS_PER_DEVICE, attempts, race


@pytest.mark.parametrize("policy", ["refuse", "no_welcome", "review"])
@pytest.mark.protocol("exact-cap")
def test_a_race_of_all_kinds_leaves_exact_books(client: Any, table_name: str, policy: str) -> None:
    world = ServiceHarness(
        client,
        table_name,
        clock=SystemClock(),
        max_users=8,
        device_policy=policy,
        max_users_per_device=MAX_USERS_PER_DEVICE,
    )
    raced = race(world, attempts(30, 7))
    assert list(raced.faults(8)) == []
    assert raced.codes()["SYSTEM_LIMIT_REACHED"] > 0
