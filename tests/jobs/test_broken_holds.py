"""Holds that fail in a way no one foresaw."""

from typing import Any

import pytest

from service.jobs.house import HouseLimitReached
from service.ledger import keys as ledger_keys
from service.storage.writes import Update, When
from tests.doubles.service_harness import order
from tests.jobs.test_house import harness, refused


def test_a_hold_that_damage_ends_before_it_is_written_is_charged_nothing(
    client: Any, table_name: str
) -> None:
    world = harness(client, table_name)
    world.users.sign_up(order("ann").principal, world.users.digests("phone"))
    wire = world.wire()
    wire.plan("TransactWriteItems", "conflict")

    def damage(operation: str) -> None:
        if operation == "GetItem" and "TransactWriteItems" in wire.calls:
            wire.leave()
            edit("many")

    def edit(credits_: object) -> None:
        world.table.write(Update(ledger_keys.wallet("ann"), When(), set={"credits": credits_}))

    wire.before(damage)
    with pytest.raises(TypeError):
        world.submit()
    edit(100)
    assert world.submit().job.status
    assert world.submit().job.status
    refused(world, HouseLimitReached)
