"""Random payments over two months at the simulated Stripe, settled here as they happen: packages
and subscriptions, refused cards, refunds (partial, failed), disputes won and lost, credit for
unused time and credit notes."""

import json
import random
from collections import deque
from contextlib import suppress
from typing import Any

import stripe

from devstack.simulators.stripe.events import Recorded
from service.analytics.closed_days import ClosedDays
from service.billing import stripe_parsing
from service.billing.checkouts import Checkout, Checkouts, NewOrder
from service.billing.events import facts_of
from service.billing.inbox import Inbox
from service.billing.offers import Offers
from service.billing.order_entities import UiMode
from service.billing.payments import Payments
from service.core.days import Day, end_of, start_of
from service.finance.entities import Month, Report
from service.finance.operations import Finance
from tests.billing.subscribers import Subscribing, principal
from tests.doubles.stripe_account import StripeAccount

BEFORE, MONTH = (
    Month(Day(2026, 10, 1), Day(2026, 10, 31)),
    Month(Day(2026, 11, 1), Day(2026, 11, 30)),
)
CREDITING = ("invoice.finalized", "invoice.paid", "credit_note.created")
PACKAGES = ("credits-100", "credits-500")


class RandomMonth(Subscribing):
    """`users` people buy `payments` times, a tenth of it in the month before."""

    def __init__(self, payments: int, seed: int, users: int = 20) -> None:
        super().__init__(max_users=users + 2, lower=True)
        self._random = random.Random(seed)
        self._names = [f"user-{number}" for number in range(users)]
        self._open: list[str] = []
        self._subscribers: set[str] = set()
        self._unread: deque[Recorded] = deque()
        self.money_account.events.listeners.append(self._keep)
        self.paid: list[str] = []
        start = end_of(Day(2026, 10, 28))
        self.clock.advance((start - self.clock.now()) / 1000)
        for name in self._names:
            self.users.sign_up(principal(name), self.users.digests(f"device of {name}"))
        self._pay_until(MONTH.from_at, payments // 10)
        self._pay_until(MONTH.before_at, payments - payments // 10)
        self.clock.advance((MONTH.before_at - self.clock.now()) / 1000 + 86_400)
        self.auditor.audit(closing=self.parts.get(ClosedDays))

    @property
    def money_account(self) -> Any:
        return self.account.simulator.account

    def report(self, month: Month = MONTH) -> Report:
        return self.parts.get(Finance).make(month)

    def settle(self, payment_id: str) -> None:
        self.parts.get(Payments).settle(payment_id)

    def _pay_until(self, end: int, payments: int) -> None:
        step = (end - self.clock.now()) / 1000 / max(payments, 1)
        for _ in range(payments):
            self.clock.advance(step * self._random.uniform(0.5, 0.99))
            self._someone_pays()
            if self.paid and self._random.random() < 0.3:
                self._money_goes_back()
            if self._random.random() < 0.1:
                self._credit_goes_back()
        self.clock.advance((end - self.clock.now()) / 1000)
        self._settle_renewals()

    def _settle_renewals(self) -> None:
        """What Stripe has charged by itself."""
        self.account.simulator.catch_up()
        known = set(self.paid)
        for charge in list(self.money_account.charges):
            if charge["status"] == "succeeded" and charge["payment_intent"] not in known:
                self.paid.append(charge["payment_intent"])
                self.settle(charge["payment_intent"])
        self._follow_credit()

    def _credit_goes_back(self) -> None:
        """By a note of any invoice, or by the change or the end of a subscription."""
        note = self._random.random() < 0.5
        act = self._write_note if note else self._change_subscription
        with suppress(stripe.InvalidRequestError):
            act()
        self._follow_credit()

    def _write_note(self) -> None:
        paid = self.money_account.invoices.where(status="paid")
        if paid:
            invoice = self._random.choice(paid[-40:])
            part = self._random.choice(("credit_amount", "refund_amount", "out_of_band_amount"))
            cents = self._random.randint(1, 500)
            self.credit_note(invoice["id"], cents, **{part: cents})

    def _change_subscription(self) -> None:
        active = self.money_account.subscriptions.where(status="active")
        if not active:
            return
        chosen = self._random.choice(active)
        is_lower = chosen["items"]["data"][0]["price"]["id"] == self.lower_price_id
        if is_lower and self._random.random() < 0.5:
            self.cancel_at_once(chosen["id"])
            return
        behavior = self._random.choice(("always_invoice", "create_prorations"))
        price_id = self.price_id if is_lower else self.lower_price_id
        self.change(chosen["id"], price_id, behavior)

    def _follow_credit(self) -> None:
        """What Stripe says of invoices and notes since."""
        self.account.simulator.catch_up()
        while self._unread:
            event = json.loads(self._unread.popleft().body)
            self.parts.get(Inbox).receive(facts_of(stripe_parsing.event(event)))

    def _keep(self, event: Recorded) -> None:
        if event.type in CREDITING:
            self._unread.append(event)

    def _someone_pays(self) -> None:
        user_id = self._random.choice(self._names)
        if user_id not in self._subscribers and self._random.random() < 0.2:
            self._subscribers.add(user_id)
            checkout = self.begin(user_id)
        else:
            offers = self.parts.get(Offers)
            package = self._random.choice(PACKAGES)
            terms = offers.package_terms(package, UiMode.EMBEDDED, saves_method=False)
            order = NewOrder(terms, None, package)
            checkout = self.parts.get(Checkouts).begin(principal(user_id), order)
        self._pay(checkout)

    def _pay(self, checkout: Checkout) -> None:
        before = len(self.money_account.charges)
        outcome = "insufficient_funds" if self._random.random() < 0.1 else None
        self.account.controls.pay(checkout.session.id, outcome=outcome)
        if outcome:
            self.account.controls.pay(checkout.session.id)
        for charge in list(self.money_account.charges)[before:]:
            if charge["status"] == "succeeded":
                self.paid.append(charge["payment_intent"])
                self.settle(charge["payment_intent"])

    def _money_goes_back(self) -> None:
        if self._open and self._random.random() < 0.5:
            dispute = self._open.pop()
            self.account.controls.dispute(
                dispute=dispute, action=self._random.choice(("won", "lost"))
            )
            self.settle(self.money_account.disputes.get(dispute)["payment_intent"])
            return
        payment_id = self._random.choice(self.paid[-40:])
        charge = self._charge_of(payment_id)
        left = charge["amount"] - charge["amount_refunded"]
        if not left or charge["disputed"]:
            return
        if self._random.random() < 0.3 and left == charge["amount"]:
            self._open.append(str(self.account.controls.dispute(payment_id)["id"]))
        else:
            self._refund(payment_id, self._random.randint(1, left))
        self.settle(payment_id)

    def _refund(self, payment_id: str, cents: int) -> None:
        made = self.account.controls.refund(payment_id, cents)
        if self._random.random() < 0.2:
            self.settle(payment_id)
            self.account.controls.refund(refund=made["id"], outcome="failed")

    def _charge_of(self, payment_id: str) -> Any:
        found = self.money_account.charges.where(payment_intent=payment_id)
        return next(each for each in found if each["status"] == "succeeded")


def totals_of(account: StripeAccount, month: Month) -> dict[str, dict[str, int]]:
    """What Stripe's books say of that month, by currency and reporting category, with the fees and
    the net: shares no code with the service."""
    sums: dict[str, dict[str, int]] = {}
    for each in account.controls.books()["balance_transactions"]:
        if start_of(month.first) <= each["created"] * 1000 < end_of(month.last):
            found = sums.setdefault(each["currency"], {})
            parts = {each["reporting_category"]: each["amount"]}
            for name, cents in {**parts, "fees": each["fee"], "net": each["net"]}.items():
                found[name] = found.get(name, 0) + cents
    return sums


def totals_reported(report: Report) -> dict[str, dict[str, int]]:
    """The same figures as the report has them; those that are 0 left out of both."""
    return {
        currency: {
            name: cents
            for name, cents in {
                "charge": money.charged,
                "refund": -money.refunded,
                "refund_failure": money.refunds_failed,
                "dispute": -money.disputed,
                "dispute_reversal": money.reinstated,
                "fees": money.fees,
                "net": money.net,
            }.items()
            if cents
        }
        for currency, money in report.money.items()
    }
