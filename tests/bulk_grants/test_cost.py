"""What a bulk grant costs in DynamoDB for each user."""

from typing import Any

from tests.bulk_grants.handout import Handout
from tests.doubles.meter import Meter
from tests.doubles.service_harness import ServiceHarness


def bills(world: ServiceHarness, client: Any, handout: Handout, users: int) -> tuple[int, int]:
    """Calls and write units of one whole bulk grant to that many users."""
    names = handout.users(f"user-{users}-{number}" for number in range(users))
    handout.start(names)
    with Meter(world.dynamodb, client).watch() as bill:
        handout.work()
    return len(bill.calls), bill.writes


def test_each_further_user_costs_two_calls_and_eight_write_units(
    world: ServiceHarness, client: Any, handout: Handout
) -> None:
    """Wallet, entry, grant and the step of the part: two units each."""
    few = bills(world, client, handout, 2)
    many = bills(world, client, handout, 12)
    assert (many[0] - few[0], many[1] - few[1]) == (10 * 2, 10 * 8)
