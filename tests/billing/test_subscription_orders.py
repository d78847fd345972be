"""An order of a subscription is paid once its first invoice is."""

from service.billing.checkouts import Checkout
from service.billing.order_entities import OrderStatus
from service.billing.orders import Orders
from service.core.amounts import SCALE
from tests.billing.subscribers import CREDITS, Subscribing


def status(site: Subscribing, checkout: Checkout) -> OrderStatus:
    """As the return page has it."""
    return site.parts.get(Orders).get("ann", checkout.order.order_id).order.status


def debited(site: Subscribing) -> tuple[Checkout, str]:
    """A checkout whose payment takes days, and the id of the payment."""
    checkout = site.begin()
    site.complete(checkout, outcome="processing")
    assert site.session(checkout.session.id)["payment_status"] == "unpaid"
    payment: str = site.account.simulator.account.session_intents[checkout.session.id]
    return checkout, payment


def test_an_order_whose_first_payment_is_on_its_way_is_not_paid() -> None:
    site = Subscribing()
    checkout, payment = debited(site)
    assert status(site, checkout) is OrderStatus.PENDING
    assert site.credits() == []
    site.account.controls.settle(payment)
    assert status(site, checkout) is OrderStatus.PAID
    assert site.credits() == [CREDITS]


def test_an_order_whose_first_payment_comes_to_nothing_fails_with_its_subscription() -> None:
    site = Subscribing()
    checkout, payment = debited(site)
    site.account.controls.settle(payment, "insufficient_funds")
    assert status(site, checkout) is OrderStatus.PENDING
    site.account.client().v1.subscriptions.cancel(
        str(site.session(checkout.session.id)["subscription"])
    )
    assert status(site, checkout) is OrderStatus.FAILED
    assert site.credits() == []


def test_an_order_with_a_trial_is_paid_at_once() -> None:
    site = Subscribing(trial_days=7, trial_credits=5 * SCALE)
    checkout = site.begin()
    site.complete(checkout)
    assert status(site, checkout) is OrderStatus.PAID
