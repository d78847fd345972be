"""Subscriptions: what users are entitled to, and what their invoices and trials bring, by Stripe's
present state.

In a file of its own because events use it as well as the buyer's return page."""

from collections.abc import Callable

import structlog

from service.billing.customers import Customers
from service.billing.entities import StripeUnavailable
from service.billing.invoice_alarms import InvoiceAlarms
from service.billing.money_back import moved_cents
from service.billing.plan_credits import bills_plans, plan_credits
from service.billing.purchases import Bought, PaymentFacts
from service.billing.second_subscriptions import HasBrought, SecondSubscriptions
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import CheckoutSession, Invoice, Subscription
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.entitlements.entities import (
    EntitlementChanged,
    SubscriptionFacts,
    Trial,
    entitled_by,
)
from service.entitlements.operations import Entitlements
from service.entitlements.trials import Trials
from service.ledger.entities import UserNotFound
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind
from service.ledger.operations import Ledger

log = structlog.get_logger()

MAX_ROUNDS = 5

SettlePayment = Callable[[str], object]
"""Grants what a payment has bought, once, and takes back what was returned of it."""


class Subscriptions:
    """Every verb may be called any number of times, in any order, side by side: what is stored
    afterwards is what Stripe has. Each raises what `Stripe` raises, and `StorageUnavailable`."""

    def __init__(
        self,
        stripe: Stripe,
        customers: Customers,
        entitlements: Entitlements,
        trials: Trials,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        settle_payment: SettlePayment,
        has_brought: HasBrought,
    ) -> None:
        self._stripe = stripe
        self._customers = customers
        self._entitlements = entitlements
        self._trials = trials
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._settle_payment = settle_payment
        self._seconds = SecondSubscriptions(stripe, metrics, has_brought)
        self._alarms = InvoiceAlarms(stripe, customers.user_of, metrics)

    def reconcile(self, subscription_id: str) -> None:
        """Brings what the user of that subscription is entitled to up to date."""
        subscription = self._stripe.retrieve_subscription(subscription_id)
        self.reconcile_customer(subscription.customer_id)

    def reconcile_invoice(self, invoice_id: str) -> None:
        """Grants what a paid invoice has bought, and brings its subscription up to date. Raises
        what the settlement of a payment raises."""
        self._settle(self._stripe.retrieve_invoice(invoice_id))

    def reconcile_charge(self, charge_id: str) -> None:
        """Settles the payment of a charge. One without a payment intent is none of ours."""
        intent_id = self._stripe.payment_of_charge(charge_id)
        if intent_id:
            self._settle_payment(intent_id)

    def reconcile_session(self, session: CheckoutSession) -> None:
        """The same for the first invoice of a subscription that a checkout has begun."""
        if session.invoice_id:
            self.reconcile_invoice(session.invoice_id)
        elif session.customer_id:
            self.reconcile_customer(session.customer_id)

    def reconcile_customer(self, customer_id: str) -> None:
        """Brings what that customer is entitled to up to date, and grants their trial. A customer
        who is none of ours, or is erased, is left alone."""
        user_id = self._customers.user_of(customer_id)
        if user_id is None:
            log.info("stripe_customer_unknown", customer_id=customer_id)
            return
        for subscription in self._stored(user_id, customer_id):
            self._grant_trial(user_id, subscription)

    def bought(self, facts: PaymentFacts) -> Bought | None:
        """What a payment of an invoice brings (a resolver of `Payments`). None, after an alarm,
        where one of our users has paid for time that is of no plan."""
        invoice = self._invoice_of(facts)
        if invoice is None or not bills_plans(invoice):
            return None
        user_id = self._customers.user_of(invoice.customer_id)
        if user_id is None or self._is_second(user_id, invoice):
            return None
        brought = plan_credits(invoice, self._entitlements.plans)
        if brought is None:
            # A free one, such as that of a trial, brings nothing rightly.
            if facts.received_cents or moved_cents(facts):
                self._alarm(facts.payment_id, invoice, "plan")
            return None
        return Bought(
            user_id=user_id,
            amount=brought.amount,
            kind=LotKind.SUBSCRIPTION,
            expires_at=brought.expiry(self._clock.now()),
            grant_source=GrantSource.INVOICE,
            grant_id=brought.grant_id,
            paid_cents=facts.received_cents,
            currency=facts.currency,
            reference=brought.grant_id,
        )

    def _is_second(self, user_id: str, invoice: Invoice) -> bool:
        """Whether it has begun a second subscription: that brings nothing, and its payment goes
        back."""
        if invoice.billing_reason != "subscription_create":
            return False
        found = self._at_stripe(user_id, invoice.customer_id)
        if invoice.subscription_id not in self._seconds.end(found):
            return False
        for part in invoice.paid_parts:
            if part.intent_id:
                self._seconds.refund(part.intent_id)
        return True

    def _alarm(self, payment_id: str, invoice: Invoice, alarm: str) -> None:
        log.error(
            "payment_needs_attention", payment_id=payment_id, invoice_id=invoice.id, alarm=alarm
        )
        self._metrics.count(Metric.PAYMENT_ALARMS, alarm=alarm)

    def _invoice_of(self, facts: PaymentFacts) -> Invoice | None:
        """A payment that names an order of ours has no subscription. Of an invoice that was paid in
        parts, the first payment stands for it."""
        if facts.intent is None:
            return facts.invoice
        if facts.invoice is None or facts.intent.metadata.get("orderId"):
            return None
        return facts.invoice if facts.invoice.standing_id == facts.payment_id else None

    def _settle(self, invoice: Invoice) -> None:
        if invoice.status == "paid":
            self._settle_payment(invoice.standing_id)
        if invoice.subscription_id:
            self._alarms.credits_unpaid(invoice, self._settle_credited(invoice))
            self._alarms.keeps_parts(invoice)
            self.reconcile_customer(invoice.customer_id)

    def _settle_credited(self, invoice: Invoice) -> dict[str, str]:
        """Settles the payments of the invoices whose unused time this one credits. Returns the
        status of those that no one has paid: Stripe credits these, too, and an operator can write a
        credit that names none. Both are money that no payment of a user loses."""
        credits_of = {each.credited_invoice_id for each in invoice.lines if each.total_cents < 0}
        unpaid: dict[str, str] = {}
        for invoice_id in sorted(credits_of - {invoice.id}):
            credited = self._stripe.retrieve_invoice(invoice_id) if invoice_id else None
            if credited is not None and credited.status == "paid":
                self._settle_payment(credited.standing_id)
            else:
                unpaid[invoice_id] = credited.status if credited else ""
        return unpaid

    def _stored(self, user_id: str, customer_id: str) -> tuple[Subscription, ...]:
        """The user's subscriptions, once they are stored. The entitlement is read before Stripe
        is queried and written under that version; whoever loses begins anew."""
        for _ in range(MAX_ROUNDS):
            before = self._entitlements.of(user_id)
            found = self._at_stripe(user_id, customer_id)
            if not self._has_account(user_id):
                return ()
            seconds = self._seconds.end(found)
            if any(each.id in seconds and _is_in_force(each) for each in found):
                # They have just been ended.
                continue
            try:
                self._entitlements.apply(before, [_facts(each) for each in found])
            except EntitlementChanged:
                continue
            return found
        raise StripeUnavailable("Others kept changing this subscription.")

    def _at_stripe(self, user_id: str, customer_id: str) -> tuple[Subscription, ...]:
        """Those of every customer that the user has been: a late event may be of a former one."""
        customer_ids = dict.fromkeys((*self._customers.all_of_user(user_id), customer_id))
        found = map(self._stripe.subscriptions_of, customer_ids)
        return tuple(each for subscriptions in found for each in subscriptions)

    def _has_account(self, user_id: str) -> bool:
        """Whether anything may be kept of the user: not while they are erased, and not after."""
        wallet = self._ledger.read_snapshot(user_id).wallet
        return wallet is not None and not wallet.is_leaving

    def _grant_trial(self, user_id: str, subscription: Subscription) -> None:
        plan = self._entitlements.plans.by_price(next(iter(subscription.price_ids), ""))
        if subscription.status != "trialing" or plan is None or not plan.trial_credits:
            return
        card = self._card_of(subscription)
        if not card:
            log.info("trial_without_card", subscription_id=subscription.id)
            return
        trial = Trial(
            user_id=user_id,
            subscription_id=subscription.id,
            card_fingerprint=card,
            amount=plan.trial_credits,
            ends_at=subscription.trial_ends_at,
        )
        try:
            self._trials.grant(trial)
        except UserNotFound:
            log.info("trial_of_no_user", subscription_id=subscription.id)

    def _card_of(self, subscription: Subscription) -> str:
        """The fingerprint of the card that the subscription will be paid with; empty where there is
        none yet: its arrival is an event of its own."""
        method = subscription.payment_method_id
        if not method:
            method = self._stripe.retrieve_customer(subscription.customer_id).payment_method_id
        return self._stripe.card_fingerprint(method) if method else ""


def _is_in_force(subscription: Subscription) -> bool:
    return entitled_by(subscription.status).permits


def _facts(subscription: Subscription) -> SubscriptionFacts:
    return SubscriptionFacts(
        subscription_id=subscription.id,
        status=subscription.status,
        price_id=next(iter(subscription.price_ids), ""),
        period_start_at=subscription.period_start_at,
        period_end_at=subscription.period_end_at,
        trial_ends_at=subscription.trial_ends_at,
        cancels_at_period_end=subscription.cancels_at_period_end,
        created_at=subscription.created_at,
    )
