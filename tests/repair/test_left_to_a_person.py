"""Damage that the repair reports and does not touch."""

import pytest

from service.core.amounts import SCALE
from service.ledger.lots import LotKind
from service.ledger.movements import grant
from service.ledger.operations import Proposal
from service.providers.base import TaskStatus
from tests.doubles.seals import seal_again
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.items import change, items_of
from tests.repair.lives import holds_what_never_arrives, is_charged, is_released, settles

FIVE = 5 * SCALE


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """Over a table in memory; `test_repair` repairs DynamoDB Local."""
    return ServiceHarness(memory, memory.name, max_users=1000)


def left(world: ServiceHarness) -> str:
    """What a repair leaves to a person; nothing is written then."""
    before = world.items()
    (violation,) = world.repair.run(apply=True).left
    assert world.items() == before
    return violation.what


def test_a_forged_entry_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    change(world, "ann", "ENTRY#000000000002", "SET amount = :n", n={"N": "2"})
    assert left(world) == "needs a person: entry 2 is not one that this ledger wrote"


def test_what_would_not_pass_the_audit_afterwards_is_left_to_a_person(
    world: ServiceHarness,
) -> None:
    is_released(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    name = job["SK"]["S"].removeprefix("JOB#")
    link = {"S": "https://videos.example.com/v.mp4"}
    result = {"M": {"videoUrl": link, "videoExpiresAt": {"N": "1780000000000"}}}
    seal_again(world, {**job, "result": result})
    assert left(world) == f"needs a person: USER#ann/JOB#{name}: house loss does not fit its state"


def test_a_forged_job_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    name = job["SK"]["S"].removeprefix("JOB#")
    change(world, "ann", "JOB#", "SET taskId = :t", t={"S": "task-of-another"})
    assert left(world) == f"needs a person: {name} is not as this service wrote it"


def test_an_item_no_one_can_read_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    change(world, "ann", "JOB#", "SET #held = :n", n={"S": "1"})
    assert "cannot be read" in left(world)


def test_a_ledger_of_which_too_much_is_lost_is_left_to_a_person(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    change(world, "ann", "METADATA", "SET version = :n", n={"N": "24"})
    assert left(world) == "needs a person: 21 entries are missing"


def test_a_charge_that_lacks_its_delivery_is_not_taken_back_over_later_grants(
    world: ServiceHarness,
) -> None:
    holds_what_never_arrives(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    settles(world, "ann", job["SK"]["S"].removeprefix("JOB#"), TaskStatus.SUCCEEDED)
    world.ledger.move(
        "ann",
        lambda snapshot, now: Proposal(
            grant(snapshot.wallet, LotKind.PAID, FIVE, None, "gift", now)  # type: ignore[arg-type]
        ),
        lambda _: True,
    )
    world.client.put_item(TableName=world.table._name, Item=job)
    assert "2 entries would have to go" in left(world)
