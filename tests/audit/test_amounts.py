"""An amount that no release wrote, and a fraction where only whole numbers are, are found on every
item that has one, and stop neither the audit nor the repair."""

from typing import Any

import pytest

from service.providers.base import TaskStatus
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.items import change, items_of

NO_AMOUNT = {
    "a fraction of a thousandth": {"N": "0.0005"},
    "a fraction in the last of 38 digits": {"N": "1." + "0" * 36 + "1"},
    "a negative number": {"N": "-0.5"},
    "text": {"S": "1"},
    "a boolean": {"BOOL": True},
}
AMOUNTS = (
    *(
        ("METADATA", name)
        for name in ("credits", "held", "granted", "captured", "expired", "clawedBack", "debt")
    ),
    ("METADATA", "lots[0][2]"),
    *(("ENTRY#000000000003", name) for name in ("amount", "credits", "held", "returned")),
    ("ENTRY#000000000003", "debtPaid"),
    ("ENTRY#000000000002", "allocation[0][2]"),
    *(("JOB#", name) for name in ("held", "captured", "houseLoss", "allocation[0][2]")),
)
WHOLE_NUMBERS = (
    *(("METADATA", name) for name in ("version", "deviceCount", "lots[0][0]", "lots[0][3]")),
    *(("ENTRY#000000000002", name) for name in ("allocation[0][0]", "allocation[0][3]")),
    *(("JOB#", name) for name in ("submitUntil", "hardAt", "notFoundAt", "watchUntil")),
    *(("JOB#", name) for name in ("usage.videos", "result.videoExpiresAt", "payload.imageLength")),
)


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """A delivered job: its wallet is at version 3."""
    world = ServiceHarness(memory, memory.name, provider=LikeKling())
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    assert world.audit().violations == ()
    return world


def found_with(world: ServiceHarness, sk: str, name: str, value: Any) -> list[str]:
    """What the audit says of the item with that attribute changed. The item is put back."""
    (item,) = items_of(world, "ann", sk)
    change(world, "ann", sk, f"SET #{name} = :v", v=value)
    found = [str(each.what) for each in world.audit().violations if sk in each.item]
    assert world.repair.run(apply=False).left or found
    world.client.put_item(TableName=world.table._name, Item=item)
    return found


@pytest.mark.parametrize(("sk", "name"), AMOUNTS)
def test_what_is_no_amount_is_found(world: ServiceHarness, sk: str, name: str) -> None:
    for kind, value in NO_AMOUNT.items():
        found = found_with(world, sk, name, value)
        assert found != [], kind
        if kind != "a negative number":
            assert [what[:14] for what in found] == ["cannot be read"], kind
    assert world.audit().violations == ()


@pytest.mark.parametrize(("sk", "name"), WHOLE_NUMBERS)
def test_a_fraction_of_what_is_counted_whole_is_found(
    world: ServiceHarness, sk: str, name: str
) -> None:
    assert found_with(world, sk, name, {"N": "1.5"}) != []
    assert world.audit().violations == ()


@pytest.mark.parametrize("value", [{"N": "1.5"}, {"N": "0.0005"}])
def test_a_count_of_users_that_is_no_whole_number_is_found_and_left_as_it_is(
    world: ServiceHarness, value: Any
) -> None:
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}},
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": "count"},
        ExpressionAttributeValues={":v": value},
    )
    assert world.repair.run(apply=True).plans == ()
    (found,) = world.audit().violations
    assert (found.item, found.what[:14]) == ("SYSTEM/USERS", "cannot be read")
