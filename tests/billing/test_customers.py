"""Customers at Stripe: one for each user, under any race and after any crash, and none after an
erasure."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.billing import keys
from service.billing.customers import Customers
from service.billing.entities import StripeUnavailable
from service.billing.open_checkouts import OpenCheckouts
from service.billing.order_entities import OrderStatus
from service.billing.personal_data import BillingData, CustomerNotDeleted
from service.billing.stripe_client import Stripe
from service.core.erasure import ErasureStep, StepOutcome
from service.ledger import keys as ledger_keys
from service.ledger.entities import AccountClosing, WalletStatus
from service.storage.writes import Delete, Update, When
from tests.billing.world import BillingWorld
from tests.doubles.service_harness import memory_world

CUSTOMERS = "/v1/customers"
HOUR = 3600


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld()


def at_stripe(world: BillingWorld) -> set[str]:
    """Customers that Stripe has."""
    listed = world.account.client().v1.customers.list({"limit": 100})
    found = [world.stripe.retrieve_customer(customer.id) for customer in listed.data]
    return {customer.id for customer in found if not customer.deleted}


def step(world: BillingWorld, name: str) -> ErasureStep:
    return next(each for each in world.harness.parts.erasure_steps() if each.name == name)


def test_requests_at_once_have_one_customer(client: Any, table_name: str) -> None:
    world = BillingWorld(client, table_name)
    processes = [world.customers, world.process().parts.get(Customers)]
    ready = threading.Barrier(6)

    def ensure(number: int) -> str:
        ready.wait(30)
        return processes[number % 2].ensure("ann", "ann@example.com")

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ensure, range(6)))
    assert found == at_stripe(world)
    assert len(found) == 1


def test_a_lost_response_leads_to_the_same_customer(world: BillingWorld) -> None:
    world.account.http.lost = 3
    with pytest.raises(StripeUnavailable):
        world.customers.ensure("ann", None)
    assert at_stripe(world) == {world.customers.ensure("ann", "ann@example.com")}


@pytest.mark.parametrize("stored", ["nothing", "its own item"])
def test_a_crash_behind_stripes_response_leads_to_the_same_customer(
    world: BillingWorld, stored: str
) -> None:
    first = world.customers.ensure("ann", None)
    table = world.harness.table
    table.write(Update(keys.users_customer("ann"), When(), remove=("customerId",)))
    if stored == "nothing":
        table.write(Update(keys.customer(first), When(), set={"userId": "ann"}))
    assert world.customers.ensure("ann", None) == first
    assert at_stripe(world) == {first}


def test_an_attempt_that_stripe_may_have_forgotten_is_not_gone_on_with(
    world: BillingWorld,
) -> None:
    world.customers.ensure("ann", None)
    key = keys.users_customer("ann")
    world.harness.table.write(Update(key, When(), remove=("customerId",)))
    world.clock.advance(23 * HOUR)
    world.customers.ensure("ann", None)
    used = [each.headers["idempotency-key"] for each in world.requests("POST", CUSTOMERS)]
    assert len(set(used)) == 2


def test_an_address_that_cannot_be_set_keeps_no_one_from_buying(world: BillingWorld) -> None:
    customers = world.customers
    sent = world.stripe.create_customer

    def lose_the_next(*arguments: Any) -> Any:
        made = sent(*arguments)
        world.account.http.lost = 3
        return made

    world.stripe.create_customer = lose_the_next  # type: ignore[method-assign]
    assert customers.ensure("ann", "ann@example.com") == customers.of_user("ann")


def test_an_unknown_customer_is_no_ones(world: BillingWorld) -> None:
    assert world.customers.user_of("cus_unknown") is None
    assert world.customers.of_user("ann") is None


def test_an_erasure_deletes_the_customer_and_then_what_leads_to_it(world: BillingWorld) -> None:
    checkout = world.begin()
    customer_id = checkout.session.customer_id
    assert step(world, "stripe_customer").run("ann") is StepOutcome.DONE
    assert at_stripe(world) == set()
    assert world.customers.of_user("ann") == customer_id
    assert step(world, "stripe_customer_id").run("ann") is StepOutcome.DONE
    assert [item for item in world.items() if "STRIPE_CUSTOMER" in f"{item}"] == []
    for again in ("stripe_customer", "stripe_customer_id"):
        assert step(world, again).run("ann") is StepOutcome.DONE
    assert world.order(checkout).status is OrderStatus.EXPIRED


def test_someone_who_comes_back_on_the_day_of_their_erasure_is_a_new_customer(
    world: BillingWorld,
) -> None:
    first = world.customers.ensure("ann", None)
    for name in ("stripe_customer", "stripe_customer_id"):
        step(world, name).run("ann")
    second = world.customers.ensure("ann", None)
    assert second != first
    assert at_stripe(world) == {second}


def test_an_erasure_finishes_an_attempt_before_it_deletes(world: BillingWorld) -> None:
    """Stripe has a customer that is not known here."""
    world.customers.ensure("ann", "ann@example.com")
    key = keys.users_customer("ann")
    world.harness.table.write(Update(key, When(), remove=("customerId",)))
    step(world, "stripe_customer").run("ann")
    assert at_stripe(world) == set()


def test_an_erasure_waits_for_stripe(world: BillingWorld) -> None:
    customer_id = world.customers.ensure("ann", None)
    world.account.http.lost = 3
    with pytest.raises(CustomerNotDeleted):
        step(world, "stripe_customer").run("ann")
    assert world.customers.of_user("ann") == customer_id
    assert step(world, "stripe_customer").run("ann") is StepOutcome.DONE


def test_an_erasure_waits_for_a_key_of_stripe(world: BillingWorld) -> None:
    world.customers.ensure("ann", None)
    unconfigured = memory_world().parts.get(Stripe)
    table = world.harness.table
    checkouts = OpenCheckouts(table, unconfigured, world.customers, world.orders.reconcile)
    data = BillingData(
        table, unconfigured, world.customers, checkouts, lambda order: order.order_id
    )
    with pytest.raises(CustomerNotDeleted):
        data.delete_at_stripe("ann")
    assert data.delete_at_stripe("bob") is StepOutcome.DONE


def lose(world: BillingWorld, customer_id: str, *, with_users: bool = False) -> None:
    """As a restored table may have lost it."""
    world.harness.table.write(Delete(keys.customer(customer_id), When()))
    if with_users:
        world.harness.table.write(Delete(keys.users_customer("ann"), When()))


@pytest.mark.parametrize("with_users", [False, True])
def test_a_customer_whom_a_restore_has_lost_is_known_again(
    world: BillingWorld, with_users: bool
) -> None:
    customer_id = world.customers.ensure("ann", None)
    lose(world, customer_id, with_users=with_users)
    with capture_logs() as logs:
        assert world.customers.user_of(customer_id) == "ann"
        assert world.customers.user_of(customer_id) == "ann"
    assert [each["event"] for each in logs].count("stripe_customer_restored") == 1
    assert world.customers.of_user("ann") == customer_id
    assert world.harness.audit().violations == ()


def test_what_a_lost_customer_has_paid_is_granted(world: BillingWorld) -> None:
    checkout = world.begin()
    world.pay(checkout)
    lose(world, checkout.session.customer_id)
    assert world.orders.get("ann", checkout.order.order_id).order.status is OrderStatus.PAID


def made_by_hand(world: BillingWorld, user_id: str) -> str:
    api = world.account.client().v1.customers
    return api.create({"metadata": {"userId": user_id}}).id


def test_a_customer_who_contradicts_the_users_own_item_is_no_ones(world: BillingWorld) -> None:
    world.customers.ensure("ann", None)
    before = world.items()
    with capture_logs() as logs:
        assert world.customers.user_of(made_by_hand(world, "ann")) is None
    assert "stripe_customer_contradicts" in [each["event"] for each in logs]
    assert world.items() == before


@pytest.mark.parametrize("user_id", ["", "bob"])
def test_a_customer_without_an_account_here_is_no_ones(world: BillingWorld, user_id: str) -> None:
    before = world.items()
    assert world.customers.user_of(made_by_hand(world, user_id)) is None
    assert world.items() == before


def test_the_customer_of_a_user_who_is_being_erased_is_not_restored(world: BillingWorld) -> None:
    customer_id = world.customers.ensure("ann", None)
    lose(world, customer_id)
    closing(world)
    before = world.items()
    assert world.customers.user_of(customer_id) is None
    assert world.items() == before


def closing(world: BillingWorld) -> None:
    status = {"status": WalletStatus.CLOSING}
    world.harness.table.write(Update(ledger_keys.wallet("ann"), When(), set=status))


def customer_items(world: BillingWorld) -> list[Any]:
    return [item for item in world.items() if "STRIPE_CUSTOMER" in f"{item}"]


def test_no_customer_is_made_of_a_user_who_is_being_erased(world: BillingWorld) -> None:
    closing(world)
    with pytest.raises(AccountClosing):
        world.customers.ensure("ann", None)
    assert world.requests("POST", CUSTOMERS) == []
    assert customer_items(world) == []


def test_an_erasure_finds_the_customer_that_a_request_is_just_making(world: BillingWorld) -> None:
    """The request has found an open account, and sends only once the user is erased."""
    create = world.stripe.create_customer

    def erase_first(*arguments: Any) -> Any:
        world.stripe.create_customer = create  # type: ignore[method-assign]
        closing(world)
        for name in ("stripe_customer", "stripe_customer_id"):
            assert step(world, name).run("ann") is StepOutcome.DONE
        return create(*arguments)

    world.stripe.create_customer = erase_first  # type: ignore[method-assign]
    with pytest.raises(AccountClosing):
        world.customers.ensure("ann", None)
    assert at_stripe(world) == set()
    assert customer_items(world) == []


def test_an_attempt_that_may_have_made_a_customer_stays_for_the_erasure(
    world: BillingWorld,
) -> None:
    world.account.http.lost = 3
    with pytest.raises(StripeUnavailable):
        world.customers.ensure("ann", None)
    closing(world)
    with pytest.raises(AccountClosing):
        world.customers.ensure("ann", None)
    assert at_stripe(world) != set()
    assert step(world, "stripe_customer").run("ann") is StepOutcome.DONE
    assert at_stripe(world) == set()


def test_the_export_has_the_customer_and_every_order(world: BillingWorld) -> None:
    checkout = world.begin()
    parts = {part.name: part.read("ann") for part in world.harness.parts.export_parts()}
    exported: Any = parts["stripeCustomer"]
    assert exported["customerId"] == checkout.session.customer_id
    (order,) = list(parts["orders"])  # type: ignore[call-overload]
    assert order["orderId"] == checkout.order.order_id
    assert "client" not in f"{order}".lower()
    strangers = {part.name: part.read("bob") for part in world.harness.parts.export_parts()}
    assert strangers["stripeCustomer"] is None


def test_a_new_user_is_a_customer_before_they_buy(world: BillingWorld) -> None:
    world.harness.work()
    customer_id = world.customers.of_user("ann")
    assert customer_id is not None
    assert world.stripe.retrieve_customer(customer_id).email == "ann@example.com"


def test_an_event_of_a_new_user_waits_for_stripe(world: BillingWorld) -> None:
    world.account.http.lost = 3
    world.harness.work()
    assert world.customers.of_user("ann") is None
    world.clock.advance(HOUR)
    world.harness.work()
    assert at_stripe(world) == {world.customers.of_user("ann")}


def test_a_user_who_was_erased_meanwhile_is_no_customer(world: BillingWorld) -> None:
    closing(world)
    world.harness.work()
    assert world.requests("POST", CUSTOMERS) == []
