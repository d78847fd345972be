"""What holds once the repair and the worker are done."""

from service.core.amounts import SCALE
from service.ledger.entities import EntryKind
from tests.doubles.service_harness import ServiceHarness
from tests.repair.items import items_of
from tests.repair.lives import signs_up

ALL_CREDITS = 3


def repaired(world: ServiceHarness) -> None:
    """The repair, the worker, the audit, and the repair once more."""
    done = world.repair.run(apply=True)
    assert done.left == (), done.left
    assert world.audit().violations == ()
    again = world.repair.run(apply=True)
    assert (again.plans, again.left) == ((), ())
    work_to_the_end(world)
    assert world.audit().violations == ()


def work_to_the_end(world: ServiceHarness) -> None:
    """Quarantine, hard limit and watch pass; the worker does what is due in between."""
    for seconds in (30, 700, 100, 24 * 3600, 1000, 100):
        world.clock.advance(seconds)
        for _ in range(20):
            if not world.work():
                break


def assert_whole(world: ServiceHarness, user_id: str, restored: str) -> None:
    """Charged for what was delivered and for nothing else; one welcome, which this person has or
    can still get; each grant at most once."""
    if world.ledger.read_snapshot(user_id).wallet is None:
        signs_up(world, user_id)
    wallet = world.wallet(user_id)
    delivered = [
        job for job in items_of(world, user_id, "JOB#") if job["status"]["S"] == "SUCCEEDED"
    ]
    entries = world.ledger.entries(user_id)
    grants = [entry.amount for entry in entries if entry.kind is EntryKind.GRANT]
    assert len(grants) <= 1, restored
    assert (wallet.granted, wallet.held) == (ALL_CREDITS * SCALE + sum(grants), 0), restored
    assert wallet.captured == len(delivered) * SCALE, restored
    assert wallet.credits == wallet.granted - wallet.captured - wallet.removed, restored
    assert all("result" in job for job in delivered), restored
    for device in items_of(world, user_id, "DEVICE#"):
        digest = device["SK"]["S"].removeprefix("DEVICE#")
        claim = world.client.get_item(
            TableName=world.table._name,
            Key={"PK": {"S": f"FINGERPRINT#{digest}"}, "SK": {"S": "CLAIM"}},
            ConsistentRead=True,
        ).get("Item")
        assert claim is not None, restored
        assert claim["userId"] == {"S": user_id}, restored
