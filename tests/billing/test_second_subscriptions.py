"""No one is sold a second subscription, nor a second trial."""

from typing import Any

import pytest

from service.billing.checkouts import Checkout
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


@pytest.mark.parametrize("is_ours", [True, False])
def test_whoever_has_had_a_trial_without_credits_is_offered_no_other(is_ours: bool) -> None:
    """Whether its checkout was ours or not."""
    site = Subscribing(trial_days=7)
    checkout = site.begin()
    assert checkout.order.terms.trial_days == 7
    api = site.account.client().v1
    session_id = checkout.session.id if is_ours else made_by_hand(site, checkout)
    site.account.controls.pay(session_id)
    api.subscriptions.cancel(site.session(session_id)["subscription"])
    assert site.begin().order.terms.trial_days == 0
    assert site.begin("bob").order.terms.trial_days == 7


def made_by_hand(site: Subscribing, checkout: Checkout) -> str:
    """The id of a checkout session that no order of ours has made."""
    params: Any = {
        "ui_mode": "hosted_page",
        "mode": "subscription",
        "customer": checkout.session.customer_id,
        "line_items": [{"quantity": 1, "price": site.price_id}],
        "subscription_data": {"trial_period_days": 7},
        "success_url": "https://app.example.com",
    }
    return site.account.client().v1.checkout.sessions.create(params).id
