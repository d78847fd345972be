"""No one is sold a second subscription, nor a second trial."""

from typing import Any

import pytest

from service.billing.order_entities import AlreadySubscribed
from service.core.amounts import SCALE
from tests.billing.subscribers import Subscribing

TRIAL: dict[str, Any] = {"trial_days": 7, "trial_credits": 5 * SCALE}
DECLINED = "4000000000000341"


def subscribed(state: str) -> Subscribing:
    """No event of it has been delivered."""
    site = Subscribing(**TRIAL if state == "trialing" else {})
    subscription = site.subscribe(card=DECLINED if state == "past_due" else "4242424242424242")
    if state == "past_due":
        site.pass_days(32)
    assert site.at_stripe(subscription)["status"] == state
    return site


@pytest.mark.parametrize("state", ["active", "trialing", "past_due"])
def test_no_one_is_sold_a_second_subscription(state: str) -> None:
    site = subscribed(state)
    before = site.items()
    with pytest.raises(AlreadySubscribed) as refused:
        site.begin()
    assert refused.value.details == {"status": state}
    assert site.items() == before
    assert site.begin("bob").session.id


def test_whoever_has_canceled_may_subscribe_again() -> None:
    site = Subscribing()
    site.account.client().v1.subscriptions.cancel(site.subscribe())
    assert site.begin().session.id
