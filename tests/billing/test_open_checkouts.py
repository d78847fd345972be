"""An erasure leaves no checkout that could still be paid, and settles what has been paid."""

from typing import Any

import pytest

from service.billing.checkouts import Checkout
from service.billing.order_entities import OrderStatus
from service.billing.personal_data import CustomerNotDeleted
from service.core.erasure import StepOutcome
from service.core.errors import FareboxError
from tests.billing.world import BillingWorld

CUSTOMER = "stripe_customer"


def world() -> BillingWorld:
    return BillingWorld()


def erase(site: BillingWorld) -> StepOutcome:
    steps = site.harness.parts.erasure_steps()
    return next(each for each in steps if each.name == CUSTOMER).run("ann")


def session(site: BillingWorld, checkout: Checkout) -> str:
    return site.stripe.retrieve_checkout_session(checkout.session.id).status


def by_hand(site: BillingWorld, customer_id: str) -> str:
    """The id of a session that no order of ours has made."""
    params: Any = {
        "mode": "setup",
        "currency": "usd",
        "customer": customer_id,
        "success_url": "https://app.example.com",
    }
    return site.account.client().v1.checkout.sessions.create(params).id


def test_nothing_can_be_paid_for_an_erased_user() -> None:
    site = world()
    first, second = site.begin(), site.begin()
    other = by_hand(site, first.session.customer_id)
    assert erase(site) is StepOutcome.DONE
    assert [session(site, each) for each in (first, second)] == ["expired", "expired"]
    assert site.account.client().v1.checkout.sessions.retrieve(other).status == "expired"
    assert {each.status for each in site.stored()} == {OrderStatus.EXPIRED}
    with pytest.raises(Exception, match="expired"):
        site.pay(first)
    assert erase(site) is StepOutcome.DONE


def test_a_session_is_expired_before_its_customer_is_deleted() -> None:
    site = world()
    checkout = site.begin()
    site.account.http.arm("expire_session", "reset", 3)
    with pytest.raises(CustomerNotDeleted):
        erase(site)
    assert not site.stripe.retrieve_customer(checkout.session.customer_id).deleted
    assert erase(site) is StepOutcome.DONE
    assert session(site, checkout) == "expired"


def test_a_lost_response_to_the_expiry_holds_nothing_up() -> None:
    site = world()
    checkout = site.begin()
    site.account.http.arm("expire_session", "lost-answer", 3)
    with pytest.raises(CustomerNotDeleted):
        erase(site)
    assert erase(site) is StepOutcome.DONE
    assert session(site, checkout) == "expired"


def test_what_has_been_paid_is_settled_before_the_customer_is_deleted() -> None:
    site = world()
    checkout = site.begin()
    site.pay(checkout)
    before = site.harness.wallet("ann").credits
    assert erase(site) is StepOutcome.DONE
    assert site.order(checkout).status is OrderStatus.PAID
    assert site.harness.wallet("ann").credits - before == checkout.order.terms.total


def test_an_erasure_waits_until_what_has_been_paid_is_settled() -> None:
    site = world()
    checkout = site.begin()
    site.pay(checkout)
    site.account.http.arm("retrieve_payment_intent", "reset", 3)
    with pytest.raises((CustomerNotDeleted, FareboxError)):
        erase(site)
    assert not site.stripe.retrieve_customer(checkout.session.customer_id).deleted
    assert erase(site) is StepOutcome.DONE
    assert site.order(checkout).status is OrderStatus.PAID


def test_one_that_is_paid_while_it_is_expired_is_settled() -> None:
    """Between the list and its expiry the buyer pays."""
    site = world()
    checkout = site.begin()
    listed = site.stripe.open_sessions_of

    def pay_then(customer_id: str) -> Any:
        found = listed(customer_id)
        if found:
            site.pay(checkout)
        return found

    site.stripe.open_sessions_of = pay_then  # type: ignore[method-assign]
    assert erase(site) is StepOutcome.DONE
    assert site.order(checkout).status is OrderStatus.PAID


def test_a_payment_that_differs_from_its_order_does_not_hold_up_an_erasure() -> None:
    site = world()
    checkout = site.begin()
    site.pay(checkout)
    site.account.simulator.account.sessions.get(checkout.session.id)["metadata"]["userId"] = "eve"
    assert erase(site) is StepOutcome.DONE
    assert site.order(checkout).status is OrderStatus.PENDING
