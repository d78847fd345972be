"""What the repair mends, reports and leaves unchanged."""

from typing import Any

import pytest

from service.core.keyring import Pepper
from service.ledger.entities import WalletStatus
from service.ledger.store import freeze_write
from tests.doubles.seals import seal_again
from tests.doubles.service_harness import ServiceHarness
from tests.repair.items import change, items_of, remove
from tests.repair.lives import LIVES, holds, is_charged, signs_up
from tests.repair.mended import assert_whole, repaired


def says(world: ServiceHarness, *, apply: bool = False) -> list[str]:
    return [on_message for plan in world.repair.run(apply=apply).plans for on_message in plan.says]


def test_a_healthy_table_needs_no_repair(world: ServiceHarness) -> None:
    for number, life in enumerate(LIVES):
        life(world, f"user-{number}")
    before = world.items()
    assert world.repair.run(apply=True).plans == ()
    assert world.items() == before


def test_a_device_that_is_anothers_under_an_older_pepper_is_not_claimed(
    client: Any, world: ServiceHarness
) -> None:
    signs_up(world, "bob")
    peppers = (Pepper(1, b"p" * 32), Pepper(2, b"q" * 32))
    rolled_out = ServiceHarness(
        client, world.table._name, clock=world.clock, max_users=1000, peppers=peppers
    )
    signs_up(rolled_out, "ann")
    rolled_out.submit("ann", "phone-of-bob")
    assert rolled_out.audit().violations == ()
    assert rolled_out.repair.run(apply=True).plans == ()


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "ENTRY#000000000003")
    world.clock.advance(5)
    before = world.items()
    on_message = says(world)
    assert [words.partition(" (")[0] for words in on_message] == [
        "write entry 3",
        "set the wallet from version 3, 2 available, 0 held, 1 captured to version 3, 2 "
        "available, 0 held, 1 captured",
    ]
    assert world.items() == before
    assert says(world, apply=True) == on_message


def test_a_wallet_behind_its_entries_moves_forward_and_a_lost_one_is_made_again(
    world: ServiceHarness,
) -> None:
    is_charged(world, "ann")
    whole = world.wallet("ann")
    change(world, "ann", "METADATA", "SET version = :v, held = :h", v={"N": "2"}, h={"N": "1"})
    world.repair.run(apply=True)
    assert world.wallet("ann") == whole
    remove(world, "ann", "METADATA")
    world.repair.run(apply=True)
    assert world.wallet("ann") == whole


def test_a_wallet_that_was_frozen_over_the_damage_is_opened(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "ENTRY#000000000003")
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "USER#ann"}, "SK": {"S": "METADATA"}},
        UpdateExpression="SET #status = :s",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":s": {"S": "frozen"}},
    )
    assert "the wallet was frozen and is opened" in says(world, apply=True)
    assert world.submit("ann", "phone-of-ann").job.is_open


def test_a_frozen_wallet_without_damage_stays_frozen(world: ServiceHarness) -> None:
    is_charged(world, "ann")
    wallet = world.wallet("ann")
    world.ledger._table.write(freeze_write(wallet))
    assert says(world, apply=True) == []
    assert world.wallet("ann").status is WalletStatus.FROZEN


def test_someone_whose_first_entry_is_lost_is_welcomed_once_and_not_by_what_the_wallet_says(
    world: ServiceHarness,
) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "ENTRY#000000000001")
    change(world, "ann", "METADATA", "SET granted = :n, credits = :n", n={"N": "1000"})
    repaired(world)
    assert_whole(world, "ann", "")


def test_a_job_whose_hold_is_lost_is_forgotten_with_its_key_when_there_are_no_credits_left(
    world: ServiceHarness,
) -> None:
    holds(world, "ann")
    (job,) = items_of(world, "ann", "JOB#")
    for item in (*items_of(world, "ann", "ENTRY#000000000002"), job):
        world.client.delete_item(
            TableName=world.table._name, Key={"PK": item["PK"], "SK": item["SK"]}
        )
    seal_again(world, {**job, "held": {"N": "9"}, "allocation": {"L": []}})
    on_message = says(world, apply=True)
    assert any("there are no credits for another" in words for words in on_message)
    assert (items_of(world, "ann", "JOB#"), items_of(world, "ann", "IDEMPOTENCY#")) == ([], [])
    assert world.balance("ann") == (3, 0, 0)
    assert world.audit().violations == ()


def test_a_lost_idempotency_key_is_restored_from_the_job_that_came_with_it(
    world: ServiceHarness,
) -> None:
    is_charged(world, "ann")
    (before,) = items_of(world, "ann", "IDEMPOTENCY#")
    remove(world, "ann", "IDEMPOTENCY#")
    (plan,) = says(world, apply=True)
    assert plan == f"set {before['SK']['S']}: it stands for {before['jobId']['S']}"
    assert items_of(world, "ann", "IDEMPOTENCY#") == [before]
    assert world.audit().violations == ()
    assert world.submit("ann", "phone-of-ann", key="k").replayed


def test_index_attributes_are_put_right(world: ServiceHarness) -> None:
    holds(world, "ann")
    change(world, "ann", "JOB#", "SET GSI2PK = :p", p={"S": "DUE#JOB#9"})
    change(world, "ann", "DEVICE#", "SET GSI1PK = :p", p={"S": "FINGERPRINT#other"})
    world.repair.run(apply=True)
    assert world.audit().violations == ()


@pytest.mark.parametrize("count", [None, "0", "1", "7"])
def test_the_count_becomes_the_number_of_open_wallets(
    world: ServiceHarness, count: str | None
) -> None:
    for number in range(3):
        signs_up(world, f"user-{number}")
    place = {"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}}
    world.client.delete_item(TableName=world.table._name, Key=place)
    if count is not None:
        world.client.put_item(TableName=world.table._name, Item={**place, "count": {"N": count}})
    assert len(says(world)) == 1
    world.repair.run(apply=True)
    assert world.count() == 3
    assert says(world) == []


def test_a_user_who_moves_between_the_read_and_the_repair_is_left_for_another_run(
    client: Any, world: ServiceHarness
) -> None:
    is_charged(world, "ann")
    remove(world, "ann", "JOB#")
    other = ServiceHarness(client, world.table._name, clock=world.clock, max_users=1000)
    moved: list[str] = []

    def move(operation: str) -> None:
        if operation == "TransactWriteItems" and not moved:
            moved.append(other.submit("ann", "phone-of-ann").job.job_id)

    world.wire().before(move)
    (violation,) = world.repair.run(apply=True).left
    assert violation.what == "has moved meanwhile: run again"
    assert world.repair.run(apply=True).left == ()
    assert world.audit().violations == ()
    assert moved[0] in {
        job["SK"]["S"].removeprefix("JOB#") for job in items_of(world, "ann", "JOB#")
    }
