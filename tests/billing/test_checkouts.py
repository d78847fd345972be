"""Beginning a purchase: one order, one session, our amounts, and nothing written by a refusal."""

from dataclasses import replace

import pytest

from service.billing import keys
from service.billing.checkouts import NewOrder
from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.order_entities import (
    Order,
    OrderEnded,
    OrderKeyReused,
    OrderKind,
    OrderStatus,
    TooManyOpenOrders,
    UiMode,
)
from service.ledger import keys as ledger_keys
from service.ledger.entities import AccountClosing, AccountRequired, WalletFrozen, WalletStatus
from service.storage.writes import Update, When
from tests.billing.world import BillingWorld

SESSIONS = "/v1/checkout/sessions"
CUSTOMERS = "/v1/customers"


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def test_an_order_is_stored_with_the_session_in_which_it_is_paid(world: BillingWorld) -> None:
    checkout = world.begin()
    order = world.order(checkout)
    assert order == checkout.order
    assert (order.status, order.session_id) == (OrderStatus.PENDING, checkout.session.id)
    assert (order.terms.credits, order.terms.bonus) == (500_000, 25_000)
    assert checkout.session.client_secret
    assert checkout.session.amount_total_cents == order.terms.amount_cents == 4490
    assert checkout.session.metadata == {"userId": "ann", "orderId": order.order_id}


def test_the_order_is_stored_before_stripe_is_called(world: BillingWorld) -> None:
    world.account.http.lost = 3
    with pytest.raises(StripeUnavailable) as failure:
        world.begin()
    order = world.stored()[0]
    assert order.status is OrderStatus.CREATED
    assert failure.value.details == {"orderId": order.order_id}
    assert failure.value.location == f"/stripe/orders/{order.order_id}"
    assert world.requests("POST", SESSIONS) == []


def test_a_hosted_checkout_has_an_address(world: BillingWorld) -> None:
    session = world.begin(ui_mode=UiMode.HOSTED).session
    assert session.url
    assert not session.client_secret


def test_the_same_key_returns_the_same_session(world: BillingWorld) -> None:
    first, again = world.begin(key="k"), world.begin(key="k")
    assert again.replayed
    assert not first.replayed
    assert again.session.id == first.session.id
    assert again.session.client_secret == first.session.client_secret
    assert len(world.items("ORDER#")) == 1
    assert len(world.requests("POST", SESSIONS)) == 1


def test_without_a_key_each_request_is_an_order(world: BillingWorld) -> None:
    assert world.begin().session.id != world.begin().session.id
    assert len(world.items("ORDER#")) == 2


def test_a_key_cannot_stand_for_another_order(world: BillingWorld) -> None:
    first = world.begin(key="k")
    before = world.items()
    with pytest.raises(OrderKeyReused) as refused:
        world.begin(key="k", package="credits-100")
    assert refused.value.details == {"orderId": first.order.order_id}
    assert world.items() == before
    assert len(world.requests("POST", SESSIONS)) == 1


def test_a_lost_response_is_resolved_by_the_same_key(world: BillingWorld) -> None:
    world.begin(key="customer")
    world.account.http.lost = 3
    with pytest.raises(StripeUnavailable):
        world.begin(key="k")
    again = world.begin(key="k")
    keys = [each.headers["idempotency-key"] for each in world.requests("POST", SESSIONS)[1:]]
    assert keys == [again.order.order_id] * 4
    assert len({each.session_id for each in world.stored()}) == 2


def forget_session(world: BillingWorld, order: Order) -> None:
    """As if the process had died between Stripe's response and the write of it."""
    state = {"version": order.version + 1, "status": "created"}
    key = keys.order(order.user_id, order.order_id)
    world.harness.table.write(Update(key, When(), set=state, remove=("sessionId",)))


def set_status(world: BillingWorld, status: WalletStatus) -> None:
    key = ledger_keys.wallet("ann")
    world.harness.table.write(Update(key, When(), set={"status": status}))


def test_a_checkout_goes_on_after_a_crash_behind_stripes_response(world: BillingWorld) -> None:
    first = world.begin(key="k")
    forget_session(world, first.order)
    again = world.begin(key="k")
    assert again.session.id == first.session.id
    assert world.order(again).session_id == first.session.id


@pytest.mark.parametrize("minutes", [31, 61])
def test_an_order_without_a_session_ends_before_stripe_would_refuse_it(
    world: BillingWorld, minutes: int
) -> None:
    forget_session(world, world.begin(key="k").order)
    world.clock.advance(minutes * 60)
    with pytest.raises(OrderEnded):
        world.begin(key="k")
    assert len(world.requests("POST", SESSIONS)) == 1


def test_an_order_whose_session_expired_is_not_opened_again(world: BillingWorld) -> None:
    checkout = world.begin(key="k")
    world.account.controls.expire(checkout.session.id)
    with pytest.raises(OrderEnded) as ended:
        world.begin(key="k")
    assert ended.value.details == {"orderId": checkout.order.order_id}


def test_a_definite_refusal_ends_the_order(world: BillingWorld) -> None:
    """A price that Stripe does not know, as a mistake of ours would be."""
    wanted = world.wanted(key="k")
    terms = replace(wanted.terms, kind=OrderKind.SUBSCRIPTION, product_id="price_unknown")
    odd = NewOrder(terms, "k", wanted.body_hash)
    checkouts = world.checkouts
    with pytest.raises(StripeRefused):
        checkouts.begin(world.principal(), odd)
    (order,) = world.stored()
    assert order.status is OrderStatus.FAILED
    with pytest.raises(OrderEnded):
        checkouts.begin(world.principal(), odd)


def test_a_customer_that_was_deleted_by_hand_is_made_anew(world: BillingWorld) -> None:
    world.begin()
    old = world.customers.of_user("ann")
    assert old
    world.stripe.delete_customer(old)
    with pytest.raises(StripeUnavailable):
        world.begin(key="k")
    again = world.begin(key="k")
    assert again.session.customer_id == world.customers.of_user("ann") != old
    assert world.customers.user_of(old) == "ann"


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (WalletStatus.CLOSED, AccountRequired),
        (WalletStatus.CLOSING, AccountClosing),
        (WalletStatus.FROZEN, WalletFrozen),
    ],
)
def test_who_cannot_spend_cannot_buy(
    world: BillingWorld, status: WalletStatus, refusal: type[Exception]
) -> None:
    set_status(world, status)
    before = world.items()
    with pytest.raises(refusal):
        world.begin(key="k")
    assert world.items() == before
    assert world.account.http.requests == []


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(WalletStatus.CLOSED, AccountRequired), (WalletStatus.FROZEN, WalletFrozen)],
)
def test_who_cannot_spend_any_more_begins_no_payment_by_a_repeated_request(
    world: BillingWorld, status: WalletStatus, refusal: type[Exception]
) -> None:
    """Who has been erased meanwhile would be a customer again."""
    world.account.http.lost = 3
    with pytest.raises(StripeUnavailable):
        world.begin(key="k")
    set_status(world, status)
    before = world.items()
    with pytest.raises(refusal):
        world.begin(key="k")
    assert world.items() == before
    assert world.requests("POST", SESSIONS) == []


def test_someone_without_an_account_cannot_buy(world: BillingWorld) -> None:
    before = world.items()
    with pytest.raises(AccountRequired):
        world.begin(user_id="bob", key="k")
    assert world.items() == before
    assert world.account.http.requests == []


def test_orders_that_wait_for_their_payment_are_limited() -> None:
    world = BillingWorld(max_open_orders=2)
    waiting = [world.begin().order.order_id for _ in range(2)]
    before = world.items()
    with pytest.raises(TooManyOpenOrders) as refused:
        world.begin(key="k")
    assert refused.value.details == {"limit": 2, "orderIds": tuple(waiting)}
    assert world.items() == before


@pytest.mark.parametrize("end", ["expired by Stripe", "its hour is over"])
def test_an_order_that_has_ended_makes_room(end: str) -> None:
    world = BillingWorld(max_open_orders=1)
    checkout = world.begin()
    if end == "expired by Stripe":
        world.account.controls.expire(checkout.session.id)
        world.orders.reconcile(checkout.session.id)
    else:
        world.clock.advance(3601)
    assert world.begin().order.order_id != checkout.order.order_id


def test_a_customer_is_made_once_and_known_by_both_names(world: BillingWorld) -> None:
    sessions = [world.begin().session, world.begin().session]
    assert len(world.requests("POST", CUSTOMERS)) == 1
    customer_id = world.customers.of_user("ann")
    assert customer_id is not None
    assert {session.customer_id for session in sessions} == {customer_id}
    assert world.customers.user_of(customer_id) == "ann"
    customer = world.stripe.retrieve_customer(customer_id)
    assert (customer.email, customer.metadata) == ("ann@example.com", {"userId": "ann"})


def test_an_address_that_no_one_has_verified_is_not_sent(world: BillingWorld) -> None:
    unverified = replace(world.principal(), email_verified=False)
    world.checkouts.begin(unverified, world.wanted())
    customer_id = world.customers.of_user("ann")
    assert customer_id is not None
    assert world.stripe.retrieve_customer(customer_id).email == ""
