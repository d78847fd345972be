"""Edits by a person who may write to the table but does not hold the ledger's key: the audit finds
each, however well the rest of the table is made to fit."""

from typing import Any

import pytest

from service.core.amounts import SCALE
from service.jobs.checks import UNSEALED
from service.ledger.lots import LotKind
from service.ledger.movements import grant
from service.ledger.operations import Proposal
from service.providers.base import Rejected, RejectionReason, TaskStatus
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.items import change, items_of

FIVE = 5 * SCALE

OTHER_LINK = {"S": "https://videos.example.com/another.mp4"}


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """A delivered job with a key."""
    world = ServiceHarness(memory, memory.name)
    job_id = world.submit(key="k").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    assert world.audit().violations == ()
    return world


def found(world: ServiceHarness) -> list[str]:
    return [f"{each.item}: {each.what}" for each in world.audit().violations]


def item(world: ServiceHarness, sk: str) -> dict[str, Any]:
    (only,) = items_of(world, "ann", sk)
    return only


def name(world: ServiceHarness, sk: str) -> str:
    return f"USER#ann/{item(world, sk)['SK']['S']}"


def delete(world: ServiceHarness, sk: str) -> None:
    gone = item(world, sk)
    world.client.delete_item(TableName=world.table._name, Key={"PK": gone["PK"], "SK": gone["SK"]})


def buy(world: ServiceHarness) -> None:
    """Five paid credits for a while."""
    end = world.clock.now() + 3_600_000
    world.ledger.move(
        "ann",
        lambda snapshot, now: Proposal(
            grant(snapshot.wallet, LotKind.PAID, FIVE, end, "sale", now)  # type: ignore[arg-type]
        ),
        lambda _: True,
    )
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    ("place", "attribute", "value"),
    [
        ("kind", "#lots[0][1]", {"S": "p"}),
        ("end", "#lots[1][3]", {"N": "0"}),
        ("later end", "#lots[1][3]", {"N": "1990000000000"}),
        ("end of one that has none", "#lots[0][3]", {"N": "1990000000000"}),
        ("number", "#lots[1][0]", {"N": "5"}),
        ("end beyond any calendar", "#lots[1][3]", {"N": "9" * 30}),
    ],
)
@pytest.mark.protocol("lots-replayed")
def test_a_rewritten_lot_is_found(
    world: ServiceHarness, place: str, attribute: str, value: Any
) -> None:
    del place
    buy(world)
    change(world, "ann", "METADATA", f"SET {attribute} = :v", v=value)
    (only,) = found(world)
    assert only.startswith("USER#ann/METADATA: lots are ")


@pytest.mark.protocol("lots-replayed")
def test_credits_moved_from_one_lot_to_another_are_found(world: ServiceHarness) -> None:
    """Their sum is what it was."""
    buy(world)
    lots = item(world, "METADATA")["lots"]["L"]
    rest = [int(lot["L"][2]["N"]) for lot in lots]
    for number, left in enumerate((rest[0] - 1, rest[1] + 1)):
        change(world, "ann", "METADATA", f"SET lots[{number}][2] = :v", v={"N": str(left)})
    (only,) = found(world)
    assert only.startswith("USER#ann/METADATA: lots are ")


def test_a_wallet_of_another_time_than_its_last_entry_is_found(world: ServiceHarness) -> None:
    """From there on, no lot of it would ever end in time."""
    change(world, "ann", "METADATA", "SET updatedAt = :v", v={"S": "2036-01-01T00:00:00.000Z"})
    assert found(world) == ["USER#ann/METADATA: updatedAt is not the time of its last entry"]


def test_a_rewritten_lot_is_repaired_from_the_entries(world: ServiceHarness) -> None:
    buy(world)
    whole = world.wallet()
    change(world, "ann", "METADATA", "SET lots[1][3] = :v", v={"N": "1990000000000"})
    world.repair.run(apply=True)
    assert world.wallet() == whole
    assert world.audit().violations == ()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("SET #result.videoUrl = :v", OTHER_LINK),
        ("SET #result.videoExpiresAt = :v", {"N": "1990000000000"}),
        ("SET taskId = :v", {"S": "task-of-another"}),
        ("SET payload.promptKey = :v", {"S": "another_prompt"}),
        ("SET priceVersion = :v", {"S": "2020-01-01"}),
        ("SET createdAt = :v", {"S": "2026-01-01T00:00:00.000Z"}),
        ("SET provider = :v", {"M": {"task_id": {"S": "another"}}}),
        ("SET #usage = :v", {"M": {"videos": {"N": "9"}}}),
        ("SET actor = :v", {"S": "bob"}),
    ],
)
@pytest.mark.protocol("job-matches")
def test_an_edited_job_is_found(world: ServiceHarness, expression: str, value: Any) -> None:
    change(world, "ann", "JOB#", expression, v=value)
    assert f"{name(world, 'JOB#')}: {UNSEALED}" in found(world)


def test_a_job_that_lost_its_mac_or_its_key_is_found(world: ServiceHarness) -> None:
    whole = item(world, "JOB#")
    for attribute in ("mac", "key"):
        left = {each: value for each, value in whole.items() if each != attribute}
        world.client.put_item(TableName=world.table._name, Item=left)
        assert f"{name(world, 'JOB#')}: {UNSEALED}" in found(world)


def test_the_job_of_another_user_does_not_pass_for_ones_own(world: ServiceHarness) -> None:
    """Both delivered, with the seal of each in place: the link of one is copied to the other."""
    job_id = world.submit("bob", "laptop").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)
    (theirs,) = items_of(world, "bob", "JOB#")
    mine = item(world, "JOB#")
    copied = {**theirs, "PK": mine["PK"], "SK": mine["SK"]}
    world.client.put_item(TableName=world.table._name, Item=copied)
    assert f"{name(world, 'JOB#')}: {UNSEALED}" in found(world)


@pytest.mark.protocol("key-matches")
def test_a_job_does_not_pass_for_another_of_the_same_user(world: ServiceHarness) -> None:
    """Both delivered at the same price: one would show the other's video."""
    for _ in range(2):
        job_id = world.submit().job.job_id
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.work_until(60)
    *_, one, other = items_of(world, "ann", "JOB#")
    world.client.put_item(TableName=world.table._name, Item={**one, "SK": other["SK"]})
    assert f"USER#ann/{other['SK']['S']}: {UNSEALED}" in found(world)


def test_a_deleted_idempotency_key_is_found(world: ServiceHarness) -> None:
    where = name(world, "IDEMPOTENCY#")
    job_id = item(world, "JOB#")["SK"]["S"].removeprefix("JOB#")
    delete(world, "IDEMPOTENCY#")
    assert found(world) == [f"{where}: is missing, and job {job_id} came with it"]


def test_an_idempotency_key_for_another_body_is_found(world: ServiceHarness) -> None:
    change(world, "ann", "IDEMPOTENCY#", "SET bodyHash = :v", v={"S": "0" * 32})
    where = name(world, "IDEMPOTENCY#")
    assert f"{where}: {UNSEALED}" in found(world)


@pytest.mark.protocol("key-matches")
def test_an_idempotency_key_that_stands_for_another_job_is_found(world: ServiceHarness) -> None:
    other = world.submit().job.job_id
    change(world, "ann", "IDEMPOTENCY#", "SET jobId = :v", v={"S": other})
    where = name(world, "IDEMPOTENCY#")
    assert set(found(world)) == {
        f"{where}: {UNSEALED}",
        f"{where}: stands for job {other}, which came without it",
    }


def test_a_key_set_back_to_the_job_before_is_found(world: ServiceHarness) -> None:
    """An older image of the item, seal included: a repeated request would then make a third job."""
    world.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(Exception, match="busy"):
        world.submit("bob", "laptop", key="k")
    (before,) = items_of(world, "bob", "IDEMPOTENCY#")
    newest = world.submit("bob", "laptop", key="k").job.job_id
    assert found(world) == []
    world.client.put_item(TableName=world.table._name, Item=before)
    assert found(world) == [
        f"USER#bob/{before['SK']['S']}: stands for job {before['jobId']['S']}, "
        f"and {newest} came with it later"
    ]
