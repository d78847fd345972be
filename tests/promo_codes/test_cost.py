"""What redeeming a code costs in DynamoDB: calls and units."""

from typing import Any

import pytest

from tests.doubles.meter import Meter
from tests.doubles.service_harness import ServiceHarness
from tests.promo_codes.campaign import Campaign


@pytest.fixture
def meter(client: Any, world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, client)


def test_a_redemption_takes_five_calls(campaign: Campaign, meter: Meter) -> None:
    """Wallet, entry, grant, code, use and one device: two units each, whoever used it before."""
    campaign.make()
    for user_id in ("ann", "bob"):
        principal = campaign.user(user_id)
        with meter.watch() as bill:
            campaign.redeem(principal)
        assert bill.calls == ["GetItem"] * 3 + ["TransactGetItems", "TransactWriteItems"]
        assert bill.writes == 12
    assert max(bill.max_bytes.values()) <= 1024


@pytest.mark.parametrize("text", ["UNKNOWN-2027", "?"])
def test_a_guess_writes_nothing_and_costs_a_read_or_two(
    campaign: Campaign, meter: Meter, text: str
) -> None:
    campaign.make()
    principal = campaign.user()
    with meter.watch() as bill, pytest.raises(Exception, match="no such promo code"):
        campaign.redeem(principal, text)
    assert set(bill.calls) == {"GetItem"}
    assert len(bill.calls) <= 2
    assert bill.writes == 0


def test_a_code_that_is_used_up_is_refused_by_three_reads(campaign: Campaign, meter: Meter) -> None:
    campaign.make(max_uses=1)
    ann, bob = campaign.user("ann"), campaign.user("bob")
    campaign.redeem(ann)
    with meter.watch() as bill, pytest.raises(Exception, match="as often as it can be"):
        campaign.redeem(bob)
    assert bill.calls == ["GetItem"] * 3
