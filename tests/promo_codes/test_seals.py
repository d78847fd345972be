"""A promo code whose terms were changed by hand grants nothing, and the audit names it."""

from typing import Any

import pytest

from service.core.metrics import Metric
from service.promo_codes import keys
from service.promo_codes.checks import UNSEALED
from service.promo_codes.entities import PromoCode, PromoNotFound
from service.storage.writes import Update, When
from tests.doubles.alarms import Alarms
from tests.promo_codes.campaign import TERMS, TEXT, Campaign

LATER = "2026-12-24T00:00:00.000Z"
# Each is a code that an operator could have made.
EDITS: dict[str, dict[str, Any]] = {
    "amount and budget": {"amount": 5_000, "budget": 50_000},
    "budget": {"budget": 5_000},
    "uses and budget": {"maxUses": 1_000, "budget": 5_000},
    "kind": {"kind": "paid"},
    "restriction": {"restriction": "video"},
    "expiry": {"lotExpiresAt": "2030-01-01T00:00:00.000Z"},
    "life": {"lotLifeDays": 3_660},
    "uses per identity": {"maxUsesPerIdentity": 20},
    "start": {"startsAt": "2020-01-01T00:00:00.000Z"},
    "end": {"endsAt": LATER},
    "name": {"name": "Another week"},
    "id": {"promoId": "promo_2"},
    "maker": {"createdBy": "op-9"},
    "revocation": {"revokedAt": LATER},
    "seal": {"mac": "x" * 22},
}


def edit(campaign: Campaign, promo: PromoCode, **attributes: Any) -> None:
    campaign.world.table.write(Update(keys.promo(promo.digest), When(), set=attributes))


def removed(campaign: Campaign, promo: PromoCode, name: str) -> None:
    campaign.world.table.write(Update(keys.promo(promo.digest), When(), remove=(name,)))


def faults(campaign: Campaign) -> list[str]:
    return [violation.what for violation in campaign.world.audit().violations]


@pytest.fixture(autouse=True)
def alarms(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> Alarms:
    counted = Alarms()
    monkeypatch.setattr(campaign.promo_codes, "_metrics", counted)
    return counted


@pytest.mark.parametrize("name", EDITS)
def test_edited_terms_grant_nothing_and_are_named(
    campaign: Campaign, alarms: Alarms, name: str
) -> None:
    promo, ann = campaign.make(), campaign.user()
    assert faults(campaign) == []
    edit(campaign, promo, **EDITS[name])
    before = campaign.world.items()
    with pytest.raises(PromoNotFound):
        campaign.redeem(ann)
    assert campaign.world.items() == before
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1
    assert UNSEALED in faults(campaign)


@pytest.mark.parametrize("name", ["mac", "lotLifeDays", "endsAt"])
def test_an_attribute_that_was_removed_grants_nothing(campaign: Campaign, name: str) -> None:
    now = campaign.world.clock.now()
    terms = type(TERMS)(TERMS.amount, TERMS.kind, life_days=7)
    promo = campaign.make(terms=terms, ends_at=now + 3_600_000)
    removed(campaign, promo, name)
    with pytest.raises(PromoNotFound):
        campaign.redeem(campaign.user())
    assert UNSEALED in faults(campaign)


def test_the_terms_of_another_code_do_not_stand_for_this_one(campaign: Campaign) -> None:
    promo = campaign.make()
    other = campaign.make(text="ANOTHER-2027", max_uses=1_000)
    item = dict(campaign.world.table.get(keys.promo(other.digest)) or {})
    edit(campaign, promo, **{name: item[name] for name in item if name not in ("PK", "SK")})
    with pytest.raises(PromoNotFound):
        campaign.redeem(campaign.user())
    assert UNSEALED in faults(campaign)


def test_a_code_is_not_revived_by_removing_its_revocation(
    campaign: Campaign, alarms: Alarms
) -> None:
    promo = campaign.make()
    campaign.revoke(promo)
    assert faults(campaign) == []
    removed(campaign, promo, "revokedAt")
    with pytest.raises(PromoNotFound):
        campaign.redeem(campaign.user())
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1
    assert UNSEALED in faults(campaign)


def test_an_edit_between_two_reads_of_a_redemption_grants_nothing(
    campaign: Campaign, alarms: Alarms
) -> None:
    promo, ann = campaign.make(), campaign.user()
    wire = campaign.world.wire()

    def edit_meanwhile(operation: str) -> None:
        if operation == "TransactGetItems":
            wire.leave()
            edit(campaign, promo, amount=5_000, budget=50_000)

    wire.before(edit_meanwhile)
    with pytest.raises(PromoNotFound):
        campaign.redeem(ann)
    assert campaign.stored(promo).uses == 0
    assert alarms.of(Metric.LEDGER_DAMAGED) == 1


def test_revoking_an_edited_code_does_not_seal_the_edit(campaign: Campaign) -> None:
    promo = campaign.make()
    edit(campaign, promo, amount=5_000, budget=50_000)
    campaign.revoke(campaign.stored(promo))
    assert campaign.stored(promo).revoked_at is not None
    assert UNSEALED in faults(campaign)


def test_a_redemption_made_before_the_edit_is_returned(campaign: Campaign, alarms: Alarms) -> None:
    promo, ann = campaign.make(), campaign.user()
    first = campaign.redeem(ann)
    edit(campaign, promo, maxUses=1_000)
    again = campaign.redeem(ann, TEXT)
    assert (again.made, again.at) == (False, first.at)
    assert alarms.of(Metric.LEDGER_DAMAGED) == 0
