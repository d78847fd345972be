"""Whatever happens in whatever order, every object only changes as Stripe's documents permit, and
the books add up."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.simulators.stripe.cards import CARDS
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.seeds import read_plans
from devstack.simulators.stripe.wire import Wire
from tests.devstack.simulators.stack import START
from tests.devstack.simulators.stripe.test_checkout import opened
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount

Moves = Mapping[str, frozenset[str]]


def moves(**after: str) -> Moves:
    return {status: frozenset(others.split()) for status, others in after.items()}


# https://docs.stripe.com/payments/paymentintents/lifecycle, …/billing/subscriptions/overview,
# …/invoicing/overview, …/disputes/how-disputes-work, …/refunds.
PERMITTED: dict[str, Moves] = {
    "payment_intent": moves(
        requires_payment_method="requires_action processing succeeded canceled",
        requires_action="requires_payment_method processing succeeded canceled",
        processing="requires_payment_method succeeded",
        succeeded="",
        canceled="",
    ),
    "charge": moves(pending="succeeded failed", succeeded="", failed=""),
    "refund": moves(
        pending="succeeded failed canceled", succeeded="failed", failed="", canceled=""
    ),
    "checkout.session": moves(open="complete expired", complete="", expired=""),
    "subscription": moves(
        trialing="active past_due canceled unpaid",
        active="past_due canceled unpaid",
        past_due="active canceled unpaid",
        unpaid="active canceled",
        canceled="",
    ),
    "invoice": moves(draft="open paid", open="paid void", paid="", void=""),
    "credit_note": moves(issued="void", void=""),
    "dispute": moves(
        warning_needs_response="needs_response warning_closed",
        needs_response="won lost",
        won="",
        lost="",
        warning_closed="",
    ),
}
ACTIONS = (
    "buy",
    "subscribe",
    "try_out",
    "pay",
    "settle",
    "refund",
    "end_refund",
    "dispute",
    "decide",
    "warn",
    "cancel",
    "plan",
    "switch",
    "credit",
    "take_back_credit",
    "void",
    "delete_customer",
    "hour",
    "month",
)
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 10_000)), max_size=40)


class World:
    """One account to which things happen; `number` chooses among the objects and outcomes."""

    def __init__(self) -> None:
        self.account = StripeAccount(FakeClock(START))
        self.client = self.account.client()
        self.state = self.account.simulator.account

    def do(self, action: str, number: int) -> None:
        act: Callable[[int], object] = getattr(self, action)
        # What Stripe refuses changes nothing: the checks afterwards say so.
        with suppress(StripeError, stripe.StripeError, IndexError):
            act(number)

    def buy(self, number: int) -> None:
        opened(self.client, invoice_creation={"enabled": number % 2 == 0})

    def subscribe(self, number: int, **data: Any) -> None:
        prices = [plan["priceId"] for plan in read_plans().values()]
        lines = [{"price": prices[number % len(prices)], "quantity": 1}]
        opened(
            self.client,
            mode="subscription",
            line_items=lines,
            payment_intent_data=None,
            subscription_data={"description": "plan", **data},
        )

    def try_out(self, number: int) -> None:
        self.subscribe(number, trial_period_days=7)

    def pay(self, number: int) -> None:
        session = self._chosen(list(self.state.sessions), number)
        if number % 4 == 0:
            self.account.controls.pay(session["id"], method="sepa_debit")
        else:
            cards = list(CARDS)
            self.account.controls.pay(session["id"], card=cards[number % len(cards)])

    def settle(self, number: int) -> None:
        outcome = ("succeeded", "insufficient_funds")[number % 2]
        intent = self._chosen(list(self.state.intents), number // 2)
        self.account.controls.settle(intent["id"], outcome)

    def refund(self, number: int) -> None:
        charge = self._chosen(list(self.state.charges), number // 3)
        outcome = ("succeeded", "pending", "failed")[number % 3]
        self.account.controls.refund(charge["id"], 1 + number % 500, outcome=outcome)

    def end_refund(self, number: int) -> None:
        refund = self._chosen(list(self.state.refunds), number // 2)
        outcome = ("succeeded", "failed")[number % 2]
        self.account.controls.refund(refund=refund["id"], outcome=outcome)

    def dispute(self, number: int) -> None:
        charge = self._chosen(list(self.state.charges), number // 2)
        self.account.controls.dispute(charge["id"], inquiry=number % 2 == 0)

    def decide(self, number: int) -> None:
        action = ("won", "lost", "warning_closed", "escalate", "reinstate")[number % 5]
        dispute = self._chosen(list(self.state.disputes), number // 5)
        self.account.controls.dispute(dispute=dispute["id"], action=action)

    def warn(self, number: int) -> None:
        self.account.controls.warn(self._chosen(list(self.state.charges), number)["id"])

    def cancel(self, number: int) -> None:
        found = self._chosen(self._live(), number)
        params: Any = {"prorate": number % 2 == 0, "invoice_now": number % 3 == 0}
        self.client.v1.subscriptions.cancel(found["id"], params)

    def switch(self, number: int) -> None:
        found = self._chosen(self._live(), number)
        prices = [plan["priceId"] for plan in read_plans().values()]
        params: Any = {
            "items": [
                {"id": found["items"]["data"][0]["id"], "price": prices[number % len(prices)]}
            ],
            "proration_behavior": ("create_prorations", "always_invoice", "none")[number % 3],
        }
        self.client.v1.subscriptions.update(found["id"], params)

    def credit(self, number: int) -> None:
        invoice = self._chosen(list(self.state.invoices), number)
        part = ("credit_amount", "refund_amount", "out_of_band_amount")[number % 3]
        params: Any = {"invoice": invoice["id"], "amount": 1 + number % 700}
        if invoice["status"] == "paid":
            params[part] = params["amount"]
        self.client.v1.credit_notes.create(params)

    def take_back_credit(self, number: int) -> None:
        note = self._chosen(list(self.state.credit_notes), number)
        self.client.v1.credit_notes.void_credit_note(note["id"])

    def void(self, number: int) -> None:
        invoice = self._chosen(list(self.state.invoices), number)
        self.client.v1.invoices.void_invoice(invoice["id"])

    def plan(self, number: int) -> None:
        found = self._chosen(self._live(), number // 2)
        ends = number % 2 == 0
        self.client.v1.subscriptions.update(found["id"], {"cancel_at_period_end": ends})

    def delete_customer(self, number: int) -> None:
        live = [each for each in self.state.customers if not each.get("deleted")]
        self.client.v1.customers.delete(self._chosen(live, number)["id"])

    def hour(self, number: int) -> None:
        self.account.controls.clock(seconds=number)

    def month(self, number: int) -> None:
        self.account.controls.clock(days=number % 40)

    def _live(self) -> list[Wire]:
        return [each for each in self.state.subscriptions if each["status"] != "canceled"]

    @staticmethod
    def _chosen(found: list[Wire], number: int) -> Wire:
        return found[number % len(found)] if found else found[0]


def histories(events: list[dict[str, Any]]) -> Mapping[tuple[str, str], list[str]]:
    """The statuses of each object, as its events report them."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        item = event["data"]["object"]
        if item["object"] in PERMITTED and "status" in item:
            reported = found[item["object"], item["id"]]
            if not reported or reported[-1] != item["status"]:
                reported.append(item["status"])
    return found


def assert_books_add_up(world: World) -> None:
    state = world.state
    for charge in state.charges:
        kept = state.refunds.where(charge=charge["id"])
        refunded = sum(
            each["amount"] for each in kept if each["status"] in ("pending", "succeeded")
        )
        assert charge["amount_refunded"] == refunded <= charge["amount"]
        assert charge["refunded"] == (refunded == charge["amount"])
    for intent in state.intents:
        succeeded = [
            each
            for each in state.charges.where(payment_intent=intent["id"])
            if each["status"] == "succeeded"
        ]
        assert intent["amount_received"] == sum(each["amount"] for each in succeeded)
        assert len(succeeded) == (intent["status"] == "succeeded")
    for invoice in state.invoices:
        assert invoice["amount_due"] == invoice["amount_paid"] + invoice["amount_remaining"]
        assert (invoice["status"] == "paid") == (
            invoice["status_transitions"]["paid_at"] is not None
        )
        assert_invoice_adds_up(world, invoice)
    for customer in state.customers:
        if not customer.get("deleted"):
            changes = state.customer_balances.where(customer=customer["id"])
            assert customer["balance"] == sum(each["amount"] for each in changes)
    books = world.account.controls.books()
    assert sum(each["net"] for each in books["payments"]) == sum(
        total["net"] for total in books["totals"].values()
    )


def assert_invoice_adds_up(world: World, invoice: Wire) -> None:
    notes = world.state.credit_notes.where(invoice=invoice["id"], status="issued")
    before = sum(each["pre_payment_amount"] for each in notes)
    after = sum(each["post_payment_amount"] for each in notes)
    assert before == invoice["pre_payment_credit_notes_amount"]
    assert after == invoice["post_payment_credit_notes_amount"] <= max(0, invoice["total"])
    if invoice["status"] != "draft":
        balance = invoice["ending_balance"] - invoice["starting_balance"]
        assert invoice["amount_due"] == invoice["total"] - balance - before
    payments = world.state.invoice_payments.where(invoice=invoice["id"], status="paid")
    assert invoice["amount_paid"] == sum(each["amount_paid"] for each in payments)


@settings(max_examples=60)
@given(STEPS)
def test_every_object_moves_as_its_state_machine_permits(steps: list[tuple[str, int]]) -> None:
    world = World()
    for action, number in steps:
        world.do(action, number)
    events = world.account.events()
    for (kind, identifier), statuses in histories(events).items():
        for before, after in pairwise(statuses):
            assert after in PERMITTED[kind][before], (identifier, statuses)
    created = [event["created"] for event in events]
    assert created == sorted(created)
    assert_books_add_up(world)
