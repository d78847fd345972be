"""Automatic top-up: one purchase at a time, never beyond what was agreed, and nothing granted for a
payment that has not succeeded."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.billing import keys
from service.billing.entities import StripeUnavailable
from service.billing.order_entities import OrderStatus, PackageNotFound
from service.billing.top_up_entities import (
    MAX_FAILURES,
    PaymentMethodRequired,
    TopUp,
    TopUpCapTooLow,
    TopUpTooLow,
)
from service.billing.top_up_sweeps import TopUpTriggers
from service.billing.top_ups import TopUps
from service.core.amounts import credits_of
from service.ledger import keys as ledger_keys
from service.ledger.entities import InsufficientCredits
from service.providers.base import TaskStatus
from service.storage.writes import Update, When
from tests.billing.world import BillingWorld

HOUR = 3600
INTENTS = "/v1/payment_intents"
TOTAL, PRICE = 105, 990
START = 3
PACK = "credits-100"


class TopUpWorld(BillingWorld):
    """`ann` has three credits and a saved card; a purchase brings 105."""

    def __init__(self, *where: Any, card: str = "4242424242424242", **settings: Any) -> None:
        super().__init__(*where, **settings)
        checkout = self.begin(package=PACK, saves_method=True)
        self.pay(checkout, card=card)
        self.orders.get("ann", checkout.order.order_id)
        # Ids of one millisecond have no order.
        self.clock.advance(1)

    @property
    def top_ups(self) -> TopUps:
        return self.harness.parts.get(TopUps)

    def enable(self, threshold: int = 500_000, cap_cents: int = 100_000) -> TopUp:
        """By default any balance is too low."""
        return self.top_ups.enable("ann", PACK, threshold, cap_cents, 1000)

    def setting(self) -> TopUp:
        found = self.top_ups.read("ann")
        assert found is not None
        return found

    def balance(self) -> object:
        return credits_of(self.harness.wallet("ann").credits)

    def automatic(self) -> list[OrderStatus]:
        """What was bought by itself, the newest first."""
        return [order.status for order in self.stored()[:-1]]

    def alerts(self) -> list[dict[str, Any]]:
        bodies = [json.loads(str(item["body"])) for item in self.items("OUTBOX#")]
        return [each["data"] for each in bodies if each["type"] == "top_up.failed"]

    def later(self) -> None:
        self.clock.advance(HOUR)


@pytest.fixture
def world() -> TopUpWorld:
    return TopUpWorld()


def test_a_low_balance_buys_once_and_rests(world: TopUpWorld) -> None:
    world.enable()
    before = world.balance()
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID]
    assert world.balance() == before + 100  # type: ignore[operator]
    setting = world.setting()
    assert (setting.order_id, setting.due_at, setting.spent_cents) == ("", None, PRICE)
    world.top_ups.run("ann")
    assert len(world.automatic()) == 1
    assert world.harness.audit().violations == ()


def test_a_balance_above_the_threshold_buys_nothing(world: TopUpWorld) -> None:
    world.enable(threshold=2000)
    world.top_ups.run("ann")
    assert world.automatic() == []
    assert world.setting().due_at is None


def test_a_disabled_user_buys_nothing(world: TopUpWorld) -> None:
    world.enable()
    world.harness.table.write(Update(ledger_keys.wallet("ann"), When(), set={"disabled": True}))
    world.top_ups.run("ann")
    assert world.automatic() == []


def test_a_refusal_buys_whatever_the_threshold(world: TopUpWorld) -> None:
    world.enable(threshold=2000)
    world.top_ups.run("ann")
    triggers = TopUpTriggers(world.top_ups, world.clock)
    triggers.refused("ann", "ACCOUNT_CLOSING")
    assert world.setting().due_at is None
    triggers.refused("ann", InsufficientCredits.code)
    assert world.setting().due_at == world.clock.now()
    world.harness.work()
    assert world.automatic() == [OrderStatus.PAID]


def test_refusals_of_others_and_of_whoever_has_it_off_write_nothing(world: TopUpWorld) -> None:
    world.enable()
    world.top_ups.disable("ann")
    before = world.items()
    for user_id in ("ann", "bob"):
        world.top_ups.want(user_id, refused=True)
    assert world.items() == before


def test_the_event_of_a_low_balance_makes_it_due(world: TopUpWorld) -> None:
    """The alert of a low balance has the threshold of the top-up."""
    world.enable(threshold=102_500)
    world.top_ups.run("ann")
    assert world.automatic() == []
    assert world.harness.wallet("ann").low_balance == 102_500
    job = world.harness.submit("ann", device="phone").job
    world.harness.provider.book(job.job_id, TaskStatus.SUCCEEDED)
    world.harness.work_until(120)
    assert world.automatic() == [OrderStatus.PAID]


def test_workers_at_once_buy_once(client: Any, table_name: str) -> None:
    world = TopUpWorld(client, table_name)
    world.enable()
    before = world.balance()
    processes = [world.top_ups, world.process().parts.get(TopUps)]
    ready = threading.Barrier(8)

    def run(number: int) -> None:
        ready.wait(30)
        if number % 4 == 3:
            processes[number % 2].want("ann", refused=True)
        processes[number % 2].run("ann")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    world.clock.advance(60)
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID]
    assert world.balance() == before + 100  # type: ignore[operator]
    assert world.setting().spent_cents == PRICE
    assert world.harness.audit().violations == ()


def test_there_is_one_purchase_in_an_hour(world: TopUpWorld) -> None:
    world.enable()
    world.top_ups.run("ann")
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert len(world.automatic()) == 1
    assert world.setting().due_at == world.setting().next_at
    world.later()
    world.top_ups.run("ann")
    assert len(world.automatic()) == 2


def test_the_cap_of_the_month_is_never_exceeded(world: TopUpWorld) -> None:
    world.enable(cap_cents=2 * PRICE)
    for _ in range(4):
        world.top_ups.want("ann", refused=True)
        world.top_ups.run("ann")
        world.later()
    assert len(world.automatic()) == 2
    world.clock.advance(31 * 24 * HOUR)
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert len(world.automatic()) == 3
    assert world.setting().spent_cents == PRICE


def test_a_payment_on_its_way_is_no_success(world: TopUpWorld) -> None:
    world.enable()
    before = world.balance()
    world.account.controls.fail_next("processing")
    world.top_ups.run("ann")
    setting = world.setting()
    assert (setting.order_id != "", setting.payment_id[:3]) == (True, "pi_")
    assert world.balance() == before
    world.top_ups.want("ann", refused=True)
    assert world.setting() == setting
    world.account.controls.settle(setting.payment_id)
    world.later()
    world.top_ups.run("ann")
    assert world.automatic() == [OrderStatus.PAID]
    assert world.balance() == before + 100  # type: ignore[operator]
    assert len(world.requests("POST", INTENTS)) == 1


def test_a_failure_moves_nothing_and_the_third_switches_it_off(world: TopUpWorld) -> None:
    world.enable()
    before = world.balance()
    world.account.controls.fail_next("insufficient_funds", count=MAX_FAILURES)
    for number in range(1, MAX_FAILURES + 1):
        world.top_ups.want("ann", refused=True)
        world.top_ups.run("ann")
        setting = world.setting()
        assert (setting.failures, setting.spent_cents) == (number, 0)
        assert setting.enabled is (number < MAX_FAILURES)
        world.later()
    assert world.automatic() == [OrderStatus.FAILED] * MAX_FAILURES
    assert world.balance() == before
    assert [each["reason"] for each in world.alerts()] == ["insufficient_funds"] * MAX_FAILURES
    assert [each["enabled"] for each in world.alerts()].count(False) == 1
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert len(world.automatic()) == MAX_FAILURES
    assert world.harness.audit().violations == ()


def test_a_success_forgets_earlier_failures(world: TopUpWorld) -> None:
    world.enable()
    world.account.controls.fail_next("insufficient_funds")
    world.top_ups.run("ann")
    world.later()
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert (world.setting().failures, world.automatic()[0]) == (0, OrderStatus.PAID)


def test_a_bank_that_wants_its_customer_is_reported_with_a_link() -> None:
    world = TopUpWorld(card="4242424242424242")
    world.enable()
    world.account.controls.fail_next("authentication_required")
    world.top_ups.run("ann")
    (alert,) = world.alerts()
    assert alert["actionRequired"] is True
    assert alert["url"] == "https://app.example.com/billing"
    assert world.automatic() == [OrderStatus.FAILED]


def test_a_lost_response_is_gone_on_with_under_the_same_key(world: TopUpWorld) -> None:
    world.enable()
    before = world.balance()
    made = world.stripe.create_payment_intent

    def lose(*arguments: Any) -> Any:
        world.account.http.lost = 3
        return made(*arguments)

    world.stripe.create_payment_intent = lose  # type: ignore[method-assign]
    with pytest.raises(StripeUnavailable):
        world.top_ups.run("ann")
    world.stripe.create_payment_intent = made  # type: ignore[method-assign]
    assert world.setting().order_id
    world.clock.advance(61)
    world.harness.work()
    assert world.automatic() == [OrderStatus.PAID]
    assert world.balance() == before + 100  # type: ignore[operator]
    used = {each.headers["idempotency-key"] for each in world.requests("POST", INTENTS)}
    assert len(used) == 1


def test_whoever_was_charged_without_a_grant_is_charged_no_more(world: TopUpWorld) -> None:
    world.enable()
    before = world.balance()
    customer = keys.customer(str(world.customers.of_user("ann")))
    world.harness.table.write(Update(customer, When(), set={"userId": "eve"}))
    world.top_ups.run("ann")
    setting = world.setting()
    assert (setting.enabled, setting.off_reason, setting.order_id) == (False, "failures", "")
    assert setting.spent_cents == PRICE
    assert [each["reason"] for each in world.alerts()] == ["not_granted"]
    assert (world.automatic(), world.balance()) == ([OrderStatus.CREATED], before)


def test_an_outcome_that_no_one_can_learn_is_counted_against_the_cap(world: TopUpWorld) -> None:
    world.enable()
    made = world.stripe.create_payment_intent

    def refuse(*_: Any) -> Any:
        raise StripeUnavailable

    world.stripe.create_payment_intent = refuse  # type: ignore[method-assign]
    with pytest.raises(StripeUnavailable):
        world.top_ups.run("ann")
    world.stripe.create_payment_intent = made  # type: ignore[method-assign]
    world.clock.advance(24 * HOUR)
    world.top_ups.run("ann")
    setting = world.setting()
    assert (setting.order_id, setting.spent_cents, setting.failures) == ("", PRICE, 1)
    assert world.requests("POST", INTENTS) == []


@pytest.mark.parametrize("trouble", ["debt", "dispute", "warning", "frozen", "off"])
def test_nothing_is_bought_while_something_is_wrong(world: TopUpWorld, trouble: str) -> None:
    world.enable()
    payment = world.stored()[0].payment_id
    wallet = ledger_keys.wallet("ann")
    if trouble == "debt":
        world.harness.table.write(Update(wallet, When(), set={"debt": 5}))
    elif trouble == "frozen":
        world.harness.table.write(Update(wallet, When(), set={"status": "frozen"}))
    elif trouble == "off":
        world.top_ups.disable("ann")
    else:
        act = "dispute" if trouble == "dispute" else "warn"
        getattr(world.account.controls, act)(payment)
        world.harness.parts.get(type(world.top_ups._payments)).settle(payment)
    world.top_ups.want("ann", refused=True)
    world.top_ups.run("ann")
    assert world.automatic() == []
    assert world.requests("POST", INTENTS) == []


def test_without_a_saved_method_it_cannot_be_switched_on() -> None:
    world = BillingWorld()
    checkout = world.begin(package=PACK)
    world.pay(checkout)
    world.orders.get("ann", checkout.order.order_id)
    before = world.items()
    with pytest.raises(PaymentMethodRequired):
        world.harness.parts.get(TopUps).enable("ann", PACK, 500_000, PRICE, 1000)
    assert world.items() == before


@pytest.mark.parametrize(
    ("package", "threshold", "cap", "refusal"),
    [
        ("credits-none", 5000, PRICE, PackageNotFound),
        (PACK, 999, PRICE, TopUpTooLow),
        (PACK, 1000, PRICE - 1, TopUpCapTooLow),
    ],
)
def test_settings_that_could_not_work_are_refused(
    world: TopUpWorld, package: str, threshold: int, cap: int, refusal: type[Exception]
) -> None:
    before = world.items()
    with pytest.raises(refusal):
        world.top_ups.enable("ann", package, threshold, cap, 1000)
    assert world.items() == before


def test_a_method_that_was_removed_switches_it_off(world: TopUpWorld) -> None:
    world.enable()
    method = world.stripe.payment_method_of(str(world.customers.of_user("ann")))
    world.account.client().v1.payment_methods.detach(method)
    world.top_ups.run("ann")
    setting = world.setting()
    assert (setting.enabled, setting.off_reason) == (False, "no_payment_method")
    assert [each["reason"] for each in world.alerts()] == ["no_payment_method"]


def test_switched_off_meanwhile_a_purchase_ends_and_stays_off(world: TopUpWorld) -> None:
    world.enable()
    world.account.controls.fail_next("processing")
    world.top_ups.run("ann")
    world.top_ups.disable("ann")
    world.account.controls.settle(world.setting().payment_id, "insufficient_funds")
    world.later()
    world.top_ups.run("ann")
    setting = world.setting()
    assert (setting.enabled, setting.order_id, setting.failures) == (False, "", 1)


def test_an_erasure_takes_the_agreement_away_first(world: TopUpWorld) -> None:
    world.enable()
    steps = world.harness.parts.erasure_steps()
    step = next(each for each in steps if each.name == "top_up")
    assert step.phase == steps[0].phase
    step.run("ann")
    assert world.top_ups.read("ann") is None
    world.harness.work()
    assert world.automatic() == []


def test_the_item_is_read_as_it_was_written(world: TopUpWorld) -> None:
    written = world.enable()
    assert world.setting() == written
    lost = replace(written, order_id="ord_1", due_at=None)
    key = keys.top_up("ann")
    world.harness.table.write(
        Update(key, When(), set={"orderId": lost.order_id}, remove=("dueAt", "GSI2PK", "GSI2SK"))
    )
    (violation,) = world.harness.audit().violations
    assert "not due" in violation.what
