"""What becomes of orders: paid once whoever reads first, and nothing granted for a payment that
differs from its order."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.billing import keys, store
from service.billing.checkouts import Checkout
from service.billing.order_entities import OrderNotFound, OrderStatus
from service.billing.orders import Orders
from service.billing.payments import Payments
from service.core.amounts import credits_of
from service.storage.writes import Update, When
from tests.billing.world import BillingWorld

BONUS_PACK = 525


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def balance(world: BillingWorld, user_id: str = "ann") -> object:
    return credits_of(world.harness.wallet(user_id).credits)


def assert_unpaid(world: BillingWorld, checkout: Checkout) -> None:
    """Nothing was granted, and the order does not say otherwise."""
    assert balance(world) == 3
    assert world.order(checkout).status is not OrderStatus.PAID
    assert world.items("PURCHASE") == []
    assert world.harness.audit().violations == ()


def raw(world: BillingWorld, kind: str, identifier: str) -> Any:
    """Stripe's own object, to be changed as no one can."""
    return getattr(world.account.simulator.account, kind).get(identifier, kind)


def test_the_return_page_grants_what_was_paid(world: BillingWorld) -> None:
    checkout = world.begin()
    world.pay(checkout)
    current = world.orders.get("ann", checkout.order.order_id)
    assert current.order.status is OrderStatus.PAID
    assert current.order.completed_at == world.clock.now()
    assert current.order.payment_id.startswith("pi_")
    assert balance(world) == 3 + BONUS_PACK
    assert world.harness.audit().violations == ()


@pytest.mark.parametrize("name", ["order", "session"])
def test_a_return_page_knows_the_order_by_either_name(world: BillingWorld, name: str) -> None:
    checkout = world.begin()
    world.pay(checkout)
    names = {"order": checkout.order.order_id, "session": checkout.session.id}
    assert world.orders.get("ann", names[name]).order.status is OrderStatus.PAID


def test_any_number_of_readers_grant_once(world: BillingWorld) -> None:
    checkout = world.begin()
    payment = str(world.pay(checkout)["payment_intent"])
    for _ in range(2):
        world.orders.reconcile(checkout.session.id)
        world.orders.get("ann", checkout.order.order_id)
        world.harness.parts.get(Payments).settle(payment)
    assert balance(world) == 3 + BONUS_PACK
    assert len(world.items("GRANT")) == 1


def test_a_payment_is_settled_whether_or_not_its_checkout_was_read(world: BillingWorld) -> None:
    """An event about the payment alone comes first."""
    checkout = world.begin()
    payment = str(world.pay(checkout)["payment_intent"])
    world.harness.parts.get(Payments).settle(payment)
    order = world.order(checkout)
    assert (order.status, order.payment_id) == (OrderStatus.PAID, payment)
    assert balance(world) == 3 + BONUS_PACK


def test_return_pages_and_events_at_once_grant_once(client: Any, table_name: str) -> None:
    world = BillingWorld(client, table_name)
    checkout = world.begin()
    world.pay(checkout)
    processes = [world.orders, world.process().parts.get(Orders)]
    ready = threading.Barrier(8)

    def read(number: int) -> OrderStatus:
        ready.wait(30)
        orders = processes[number % 2]
        if number % 3 == 0:
            orders.reconcile(checkout.session.id)
        return orders.get("ann", checkout.order.order_id).order.status

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert world.orders.get("ann", checkout.order.order_id).order.status is OrderStatus.PAID
    assert balance(world) == 3 + BONUS_PACK
    assert len(world.items("GRANT")) == 1
    assert world.harness.audit().violations == ()


def test_a_payment_on_its_way_is_no_success_and_no_failure(world: BillingWorld) -> None:
    checkout = world.begin()
    paid = world.pay(checkout, method="sepa_debit")
    assert world.orders.get("ann", checkout.order.order_id).order.status is OrderStatus.PENDING
    assert_unpaid(world, checkout)
    world.account.controls.settle(paid["payment_intent"])
    assert world.orders.get("ann", checkout.order.order_id).order.status is OrderStatus.PAID
    assert balance(world) == 3 + BONUS_PACK


def test_a_payment_that_fails_after_days_ends_the_order(world: BillingWorld) -> None:
    checkout = world.begin()
    paid = world.pay(checkout, method="sepa_debit")
    world.account.controls.settle(paid["payment_intent"], "insufficient_funds")
    order = world.orders.get("ann", checkout.order.order_id).order
    assert order.status is OrderStatus.FAILED
    assert order.completed_at is not None
    assert_unpaid(world, checkout)


def test_a_checkout_that_no_one_pays_expires(world: BillingWorld) -> None:
    checkout = world.begin()
    world.account.controls.expire(checkout.session.id)
    assert world.orders.get("ann", checkout.order.order_id).order.status is OrderStatus.EXPIRED
    assert_unpaid(world, checkout)


def test_an_open_checkout_can_be_gone_on_with(world: BillingWorld) -> None:
    checkout = world.begin()
    current = world.orders.get("ann", checkout.order.order_id)
    assert current.session is not None
    assert current.session.client_secret == checkout.session.client_secret


def test_an_order_that_was_given_up_is_paid_all_the_same_once_it_is(world: BillingWorld) -> None:
    """Its hour was over here when Stripe took the payment."""
    checkout = world.begin()
    world.harness.table.write(
        Update(
            keys.order("ann", checkout.order.order_id),
            When(),
            set={"status": "expired", "version": 9},
        )
    )
    world.pay(checkout)
    world.orders.reconcile(checkout.session.id)
    assert world.order(checkout).status is OrderStatus.PAID
    assert balance(world) == 3 + BONUS_PACK


@pytest.mark.parametrize("name", ["order", "session"])
def test_anothers_order_is_like_an_unknown_one(world: BillingWorld, name: str) -> None:
    world.harness.users.sign_up(world.principal("bob"), world.harness.users.digests("tablet"))
    checkout = world.begin()
    world.pay(checkout)
    before = world.items()
    names = {"order": checkout.order.order_id, "session": checkout.session.id}
    unknown = {"order": f"ord_{'0' * 26}", "session": "cs_test_unknown"}
    for each in (names[name], unknown[name], "cs_../customers", "x"):
        with pytest.raises(OrderNotFound):
            world.orders.get("bob", each)
    assert world.items() == before


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"userId": "bob", "orderId": "{order}"}},
        {"amount_subtotal": 1},
        {"currency": "idr"},
        {"mode": "setup"},
        {"livemode": True},
    ],
)
def test_a_session_that_was_altered_grants_nothing(
    world: BillingWorld, change: dict[str, Any]
) -> None:
    world.harness.users.sign_up(world.principal("bob"), world.harness.users.digests("tablet"))
    checkout = world.begin()
    world.pay(checkout)
    order_id = checkout.order.order_id
    session = raw(world, "sessions", checkout.session.id)
    session |= {
        name: {key: text.format(order=order_id) for key, text in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in change.items()
    }
    world.orders.reconcile(checkout.session.id)
    assert_unpaid(world, checkout)
    assert balance(world, "bob") == 3


@pytest.mark.parametrize(
    "change",
    [
        {"amount_received": 4489},
        {"amount_received": 1},
        {"currency": "idr"},
        {"metadata": {"userId": "bob", "orderId": "{order}"}},
        {"metadata": {}},
        {"customer": "cus_of_someone_else"},
        {"customer": None},
        {"livemode": True},
    ],
)
def test_a_payment_that_differs_from_its_order_grants_nothing(
    world: BillingWorld, change: dict[str, Any]
) -> None:
    checkout = world.begin()
    payment = str(world.pay(checkout)["payment_intent"])
    raw(world, "intents", payment).update(
        {
            name: {key: text.format(order=checkout.order.order_id) for key, text in value.items()}
            if isinstance(value, dict)
            else value
            for name, value in change.items()
        }
    )
    world.orders.get("ann", checkout.order.order_id)
    assert_unpaid(world, checkout)


@pytest.mark.parametrize("edit", [{"credits": 9_999}, {"amountCents": 50}, {"bonusCredits": 99}])
def test_an_order_that_was_edited_in_the_table_grants_nothing(
    world: BillingWorld, edit: dict[str, Any]
) -> None:
    checkout = world.begin()
    payment = str(world.pay(checkout)["payment_intent"])
    key = keys.order("ann", checkout.order.order_id)
    world.harness.table.write(Update(key, When(), set=edit))
    world.orders.reconcile(checkout.session.id)
    assert world.harness.parts.get(Payments).settle(payment) is None
    assert balance(world) == 3
    (violation,) = world.harness.audit().violations
    assert "MAC" in violation.what


def test_an_order_is_paid_by_one_payment(world: BillingWorld) -> None:
    """A second payment with its metadata, as only someone with our key could make it."""
    checkout = world.begin()
    world.pay(checkout)
    paid = world.orders.get("ann", checkout.order.order_id).order
    other = world.begin()
    second = str(world.pay(other)["payment_intent"])
    raw(world, "intents", second)["metadata"]["orderId"] = paid.order_id
    assert world.harness.parts.get(Payments).settle(second) is None
    assert world.order(checkout).payment_id == paid.payment_id
    assert balance(world) == 3 + BONUS_PACK


def test_taxes_on_top_of_our_price_are_paid_and_can_be_refunded(world: BillingWorld) -> None:
    checkout = world.begin()
    payment = str(world.pay(checkout)["payment_intent"])
    raw(world, "sessions", checkout.session.id)["amount_total"] = 5343
    raw(world, "intents", payment).update(amount=5343, amount_received=5343)
    order = world.orders.get("ann", checkout.order.order_id).order
    assert order.status is OrderStatus.PAID
    purchase = world.harness.parts.get(Payments).read(payment)
    assert purchase is not None
    assert (purchase.paid_cents, purchase.reference) == (5343, order.order_id)


def test_what_went_back_is_shown_with_the_order(world: BillingWorld) -> None:
    checkout = world.begin()
    payment = str(world.pay(checkout)["payment_intent"])
    world.orders.get("ann", checkout.order.order_id)
    world.account.controls.refund(payment, 2000)
    world.harness.parts.get(Payments).settle(payment)
    assert world.orders.get("ann", checkout.order.order_id).returned_cents == 2000
    assert [each.returned_cents for each in world.orders.page("ann", 10, None).orders] == [2000]


def test_while_stripe_is_silent_the_order_is_shown_as_it_is_stored(world: BillingWorld) -> None:
    checkout = world.begin()
    world.pay(checkout)
    world.account.http.lost = 3
    current = world.orders.get("ann", checkout.order.order_id)
    assert current.order.status is OrderStatus.PENDING
    assert world.orders.get("ann", checkout.order.order_id).order.status is OrderStatus.PAID


def test_a_request_that_waits_returns_once_another_has_settled_the_order(
    world: BillingWorld,
) -> None:
    checkout = world.begin()
    sleep = world.clock.sleep

    def pay_meanwhile(seconds: float) -> None:
        sleep(seconds)
        if world.order(checkout).status is OrderStatus.PENDING:
            world.pay(checkout)
            world.harness.parts.get(Orders).reconcile(checkout.session.id)

    world.clock.sleep = pay_meanwhile  # type: ignore[method-assign]
    began = world.clock.monotonic()
    current = world.orders.get("ann", checkout.order.order_id, wait_seconds=20)
    assert current.order.status is OrderStatus.PAID
    assert world.clock.monotonic() - began < 5


def test_a_request_waits_no_longer_than_it_said(world: BillingWorld) -> None:
    checkout = world.begin()
    began = world.clock.monotonic()
    current = world.orders.get("ann", checkout.order.order_id, wait_seconds=20)
    assert current.order.status is OrderStatus.PENDING
    assert world.clock.monotonic() - began == pytest.approx(20)


def test_a_grant_without_its_order_makes_the_order_paid(world: BillingWorld) -> None:
    """A restored table has the grant's transaction in part."""
    checkout = world.begin()
    world.pay(checkout)
    paid = world.orders.get("ann", checkout.order.order_id).order
    torn = replace(
        paid, status=OrderStatus.PENDING, payment_id="", completed_at=None, version=paid.version + 1
    )
    write = store.order_change(paid, torn)
    world.harness.table.write(
        Update(write.key, write.when, set=write.set, remove=("paymentId", "completedAt"))
    )
    assert world.orders.get("ann", paid.order_id).order.status is OrderStatus.PAID
    assert balance(world) == 3 + BONUS_PACK


def test_the_purchases_of_a_user_are_paged_newest_first(world: BillingWorld) -> None:
    made = []
    for _ in range(3):
        made.append(world.begin().order.order_id)
        world.clock.advance(1)
    first = world.orders.page("ann", 2, None)
    second = world.orders.page("ann", 2, first.next_token)
    listed = [each.order.order_id for each in (*first.orders, *second.orders)]
    assert listed == made[::-1]
    assert second.next_token is None
