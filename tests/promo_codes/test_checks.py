"""The audit names whatever of a promo code was changed by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from service.ledger.grants import grant_key
from service.promo_codes import keys
from service.promo_codes.entities import PromoCode, grant_of
from service.storage.keys import Key
from service.storage.writes import Delete, Put, Update, When
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.promo_codes.campaign import Campaign

Edit = Callable[[Campaign, PromoCode], None]


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, max_users=500)


def edited(key: Callable[[Campaign, PromoCode], Key], **attributes: Any) -> Edit:
    def edit(campaign: Campaign, promo: PromoCode) -> None:
        campaign.world.table.write(Update(key(campaign, promo), When(), set=attributes))

    return edit


def deleted(key: Callable[[Campaign, PromoCode], Key]) -> Edit:
    def edit(campaign: Campaign, promo: PromoCode) -> None:
        campaign.world.table.write(Delete(key(campaign, promo), When()))

    return edit


def of_promo(campaign: Campaign, promo: PromoCode) -> Key:
    return keys.promo(promo.digest)


def of_use(campaign: Campaign, promo: PromoCode) -> Key:
    return found(campaign, keys.USE_PREFIX)


def of_device(campaign: Campaign, promo: PromoCode) -> Key:
    return found(campaign, keys.DEVICE_PREFIX, keys.PROMO_PREFIX)


def of_listed(campaign: Campaign, promo: PromoCode) -> Key:
    return keys.listed(promo.promo_id)


def of_grant(campaign: Campaign, promo: PromoCode) -> Key:
    identity = of_use(campaign, promo).sk.removeprefix(keys.USE_PREFIX)
    return grant_key(grant_of(promo, identity, "ann", 1, None))


def found(campaign: Campaign, sk: str, pk: str = "") -> Key:
    raw = next(
        item
        for item in campaign.world.items()
        if item["SK"]["S"].startswith(sk) and item["PK"]["S"].startswith(pk)
    )
    return Key.of_raw_item(raw)


def another_identity(campaign: Campaign, promo: PromoCode) -> None:
    item = campaign.world.table.get(of_use(campaign, promo))
    assert item is not None
    copy = {name: value for name, value in item.items() if name not in ("PK", "SK")}
    campaign.world.table.write(Put(keys.use(promo.digest, "x" * 22), copy))


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (edited(of_promo, uses=0), "granted is not what its uses come to"),
        (edited(of_promo, uses=11), "is used 11 times, 10 at most"),
        (edited(of_promo, granted=10), "granted is not what its uses come to"),
        (edited(of_promo, granted=55), "has granted more than its budget"),
        (edited(of_promo, uses=2, granted=10), "counts 2 uses, there are 1"),
        (edited(of_promo, uses=0, granted=0), "counts 0 uses, there are 1"),
        (edited(of_promo, maxUses=0), "maxUses is not from 1"),
        (edited(of_promo, amount=0), "the amount is not from"),
        (edited(of_promo, budget=1), "the budget does not pay for one use"),
        (edited(of_promo, name=7), "cannot be"),
        (edited(of_promo, startsAt="soon"), "cannot be read"),
        (deleted(of_promo), "is missing"),
        (edited(of_use, count=2), "count is not the number of its uses"),
        (edited(of_use, uses=()), "counts 1 uses, there are 0"),
        (edited(of_use, userId="bob"), "has no grant of its own"),
        (deleted(of_use), "counts 1 uses, there are 0"),
        (another_identity, "counts 1 uses, there are 2"),
        (edited(of_device, count=0), "counts no use"),
        (edited(of_device, count=2), "is beyond the limit of a device"),
        (edited(of_device, count="one"), "cannot be read"),
        (edited(of_listed, digest="x" * 22), "lists a code that is not there"),
        (deleted(of_listed), "is not listed"),
        (deleted(of_grant), "has no grant of its own"),
    ],
)
def test_an_edit_is_named(campaign: Campaign, edit: Edit, what: str) -> None:
    promo = campaign.make()
    campaign.redeem(campaign.user())
    assert campaign.world.audit().violations == ()
    edit(campaign, promo)
    assert any(what in violation.what for violation in campaign.world.audit().violations), [
        violation.what for violation in campaign.world.audit().violations
    ]


def test_more_uses_than_an_identity_has_are_named(campaign: Campaign) -> None:
    promo = campaign.make(max_uses_per_identity=2)
    ann = campaign.user()
    for key in ("a", "b"):
        campaign.redeem(ann, key=key)
    edited(of_promo, maxUsesPerIdentity=1)(campaign, promo)
    faults = {violation.what for violation in campaign.world.audit().violations}
    assert {"is beyond the limit of an identity", "is beyond the limit of a device"} <= faults


def test_a_key_that_stands_for_two_uses_is_named(campaign: Campaign) -> None:
    promo = campaign.make(max_uses_per_identity=2)
    ann = campaign.user()
    for key in ("a", "b"):
        campaign.redeem(ann, key=key)
    item: Any = campaign.world.table.get(of_use(campaign, promo))
    uses = tuple(("same", *use[1:]) for use in item["uses"])
    edited(of_use, uses=uses)(campaign, promo)
    faults = [violation.what for violation in campaign.world.audit().violations]
    assert "one key has several uses" in faults


def test_redemptions_amid_an_audit_raise_no_alarm(campaign: Campaign) -> None:
    promo = campaign.make(max_uses=100)
    people = [campaign.user(f"user-{number}") for number in range(4)]
    campaign.redeem(people[0])
    waiting = people[1:]

    def redeem_more(operation: str) -> None:
        if operation in ("Query", "Scan") and waiting:
            campaign.redeem(waiting.pop())

    wire = campaign.world.wire()
    wire.before(redeem_more)
    violations = campaign.world.audit().violations
    wire.leave()
    assert violations == ()
    assert campaign.stored(promo).uses == 4
