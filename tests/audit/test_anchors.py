"""Each day's audit requires of every wallet that it goes on from where the last one found it: what
was cut off, set back or removed since then is found, however well the rest is made to fit."""

from typing import Any

import pytest

from service.audit.entities import Audit
from service.audit.operations import Acceptance, NotAcceptable
from service.ledger.entities import WalletStatus
from service.providers.base import TaskStatus
from tests.audit.daily_site import DAY_SECONDS, Site, damage
from tests.doubles.service_harness import ServiceHarness
from tests.erasure.lives import erased
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.items import change, items_of

GONE = "is gone; an audit until {} found it at version {}"


@pytest.fixture
def site(memory: MemoryBehind, s3: Any, bucket: str) -> Site:
    """Two users with a delivered job each, and the anchors of yesterday."""
    world = ServiceHarness(memory, memory.name)
    for user_id in ("ann", "bob"):
        deliver(world, user_id)
    site = Site(world, s3, bucket)
    assert audited(site) == []
    return site


def deliver(world: ServiceHarness, user_id: str) -> None:
    job_id = world.submit(user_id, f"phone-of-{user_id}", key=f"k{world.clock.now()}").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(60)


def audit(site: Site) -> Audit:
    """The next day's."""
    site.world.clock.advance(DAY_SECONDS)
    return site.start(pace=None).audit


def audited(site: Site) -> list[str]:
    return [f"{each.item}: {each.what}" for each in audit(site).violations]


def day(site: Site) -> str:
    return site.key.removeprefix("audit/").removesuffix(".json")


def put(site: Site, item: dict[str, Any]) -> None:
    site.world.client.put_item(TableName=site.world.table._name, Item=item)


def delete(site: Site, *items: dict[str, Any]) -> None:
    for item in items:
        key = {"PK": item["PK"], "SK": item["SK"]}
        site.world.client.delete_item(TableName=site.world.table._name, Key=key)


def set_back(site: Site, user_id: str) -> None:
    """As if the user's last delivery had never been: its credits can be spent again."""
    before = {name: items_of(site.world, user_id, name) for name in ("METADATA", "JOB#", "ENTRY#")}
    keys = items_of(site.world, user_id, "IDEMPOTENCY#")
    deliver(site.world, user_id)
    assert audited(site) == []
    now = [
        *items_of(site.world, user_id, "JOB#"),
        *items_of(site.world, user_id, "ENTRY#"),
        *items_of(site.world, user_id, "IDEMPOTENCY#"),
    ]
    kept = [*before["JOB#"], *before["ENTRY#"], *keys]
    delete(site, *(item for item in now if item not in kept))
    put(site, before["METADATA"][0])


def remove(site: Site, user_id: str) -> None:
    """The user, claims and all, and one less of them counted."""
    mine = [item for item in site.world.items() if item["PK"] == {"S": f"USER#{user_id}"}]
    claims = [item for item in site.world.items() if item.get("userId") == {"S": user_id}]
    delete(site, *mine, *claims)
    site.world.client.update_item(
        TableName=site.world.table._name,
        Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}},
        UpdateExpression="SET #c = #c + :n",
        ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":n": {"N": "-1"}},
    )


def items_of_all(site: Site) -> list[dict[str, Any]]:
    """Of ann."""
    return [item for item in site.world.items() if item["PK"] == {"S": "USER#ann"}]


def accept(site: Site, user_id: str) -> None:
    site.world.clock.advance(1)
    site.world.parts.get(Acceptance).accept(user_id, "restored by hand")


def test_a_ledger_that_was_cut_off_with_its_job_and_key_is_found_each_day(site: Site) -> None:
    set_back(site, "ann")
    found = f"USER#ann/METADATA: is at version 3; an audit until {day(site)} found it at version 5"
    assert site.world.audit().violations == ()
    assert audited(site) == [found]
    assert [line.partition(";")[0] for line in audited(site)] == [found.partition(";")[0]]


def test_a_ledger_that_was_set_back_and_went_on_is_found(site: Site) -> None:
    set_back(site, "ann")
    deliver(site.world, "ann")
    deliver(site.world, "ann")
    found = "has another entry 5 than before"
    assert site.world.audit().violations == ()
    (line,) = audited(site)
    assert line.startswith(f"USER#ann/METADATA: {found}")


def test_a_user_who_was_removed_is_found_each_day(site: Site) -> None:
    found = GONE.format(day(site), 3)
    remove(site, "ann")
    assert site.world.audit().violations == ()
    assert audited(site) == [f"USER#ann/METADATA: {found}"]
    assert len(audited(site)) == 1


def test_a_user_who_was_removed_and_signed_up_again_is_found(site: Site) -> None:
    remove(site, "ann")
    deliver(site.world, "ann")
    (line,) = audited(site)
    assert line.startswith("USER#ann/METADATA: has another entry 3 than before")


def test_honest_life_goes_on_from_day_to_day(site: Site) -> None:
    for number in range(3):
        deliver(site.world, "ann" if number else "cara")
        found = audit(site)
        assert (found.violations, found.compared) == ((), 2 if number == 0 else 3)


def test_a_closed_wallet_is_still_there(site: Site) -> None:
    """Erasure leaves wallet and entries."""
    erased(site.world)
    assert site.world.ledger.read_snapshot("ann").wallet.status is WalletStatus.CLOSED
    found = audit(site)
    assert (found.violations, found.compared) == ((), 2)


def test_what_an_operator_accepts_is_no_violation_and_the_new_anchor(site: Site) -> None:
    set_back(site, "ann")
    assert len(audited(site)) == 1
    accept(site, "ann")
    assert audited(site) == []
    deliver(site.world, "ann")
    assert audited(site) == []


def test_a_user_accepted_as_gone_is_no_violation_again(site: Site) -> None:
    remove(site, "ann")
    assert len(audited(site)) == 1
    accept(site, "ann")
    assert (audited(site), audited(site)) == ([], [])


def test_an_acceptance_excuses_nothing_that_comes_after_it(site: Site) -> None:
    """Neither the same edit again, nor the removal of what was accepted."""
    set_back(site, "ann")
    accept(site, "ann")
    accepted = items_of_all(site)
    assert audited(site) == []
    deliver(site.world, "ann")
    assert audited(site) == []
    delete(site, *items_of_all(site))
    for item in accepted:
        put(site, item)
    (line,) = audited(site)
    assert line.startswith("USER#ann/METADATA: is at version 3")


def test_a_forged_acceptance_excuses_nothing_and_is_found(site: Site) -> None:
    set_back(site, "ann")
    accept(site, "bob")
    forged = next(item for item in site.world.items() if item["PK"] == {"S": "ACCEPTED#bob"})
    wallet = items_of(site.world, "ann", "METADATA")[0]
    put(
        site,
        {
            **forged,
            "PK": {"S": "ACCEPTED#ann"},
            "version": wallet["version"],
            "head": wallet["head"],
        },
    )
    lines = audited(site)
    assert {line.partition(":")[0] for line in lines} == {
        "USER#ann/METADATA",
        "ACCEPTED#ann/WALLET",
    }


def test_a_wallet_that_is_damaged_in_itself_cannot_be_accepted(site: Site) -> None:
    change(site.world, "ann", "METADATA", "SET held = :n", n={"N": "1"})
    before = site.world.items()
    with pytest.raises(NotAcceptable):
        accept(site, "ann")
    assert site.world.items() == before


def test_a_damaged_wallet_keeps_its_anchor_until_it_is_whole(site: Site) -> None:
    damage(site.world, "USER#ann", "METADATA", "version")
    assert any("USER#ann/METADATA: the wallet is at version 4" in line for line in audited(site))
    remove(site, "ann")
    (line,) = audited(site)
    assert "is gone" in line


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_audit_that_dies_and_goes_on_finds_the_same(site: Site, share: float) -> None:
    for number in range(6):
        deliver(site.world, f"user-{number}")
    assert audited(site) == []
    remove(site, "user-3")
    site.world.clock.advance(DAY_SECONDS)
    site.whole()
    assert site.start_and_die(share)
    site.later()
    while site.start_and_die(max(share, 0.5)):
        site.later()
    assert site.record().runs >= 2
    found = site.found()
    assert [each.item for each in found.violations] == ["USER#user-3/METADATA"]
    assert found.compared == 8
    assert audit(site).compared == 8


def test_anchors_that_were_edited_are_a_violation_and_stay_as_they_are(site: Site) -> None:
    key = site.records.anchors.key
    body = site.s3.get_object(Bucket=site.bucket, Key=key)["Body"].read()
    forged = body.replace(b'"wallets": ', b'"wallets": 1')
    assert forged != body
    site.s3.put_object(Bucket=site.bucket, Key=key, Body=forged)
    (line,) = audited(site)
    assert line.startswith(f"{key}: the anchors of the last audit are not what it wrote")
    assert site.s3.get_object(Bucket=site.bucket, Key=key)["Body"].read() == forged
    site.s3.put_object(Bucket=site.bucket, Key=key, Body=body)
    assert audited(site) == []


@pytest.mark.parametrize("edit", ["changed", "removed"])
def test_a_chunk_of_anchors_that_was_edited_is_a_violation(site: Site, edit: str) -> None:
    listed = site.s3.list_objects_v2(Bucket=site.bucket, Prefix="audit/anchors/")["Contents"]
    for found in listed:
        if edit == "removed":
            site.s3.delete_object(Bucket=site.bucket, Key=found["Key"])
        else:
            site.s3.put_object(Bucket=site.bucket, Key=found["Key"], Body=b'["ann",1,"x"]')
    (line,) = audited(site)
    assert "are not what it wrote" in line


def test_a_bucket_out_of_reach_leaves_the_anchors_of_the_day_before(site: Site) -> None:
    deliver(site.world, "ann")
    for method in ("PUT", "GET"):
        site.wire.plan(method, "unreachable", times=1000)
    assert audit(site).compared == 0
    site.wire._plans.clear()
    found = audit(site)
    assert (found.violations, found.compared) == ((), 2)


@pytest.mark.parametrize("fault", ["unreachable", "internal", "lost-answer", "conflict"])
def test_no_fault_of_s3_makes_a_violation_or_loses_an_anchor(site: Site, fault: str) -> None:
    """A day for each write of a run, which meets the fault; on the next, all is compared."""
    before = len(site.wire.calls)
    audit(site)
    writes = site.wire.calls[before:].count("PUT")
    for skip in range(writes):
        deliver(site.world, "ann") if skip < 2 else None
        site.wire.plan("PUT", fault, skip=skip)
        assert audit(site).violations == ()
        site.wire._plans.clear()
        found = audit(site)
        assert (found.violations, found.compared) == ((), 2)
