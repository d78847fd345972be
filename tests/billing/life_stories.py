"""What happens in the life of a subscription at Stripe, step by step, and how it ends.

In a file of its own because it only describes lives: `lives` runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.billing.subscribers import CREDITS, LOWER_CREDITS, Subscribing, new_price

Step = Callable[["Subscriber"], object]


@dataclass
class Subscriber:
    """Ann, who pays by the day: her whole life is within the 7 days of the sweep."""

    site: Subscribing
    subscription_id: str = ""
    first_invoice: str = ""
    part: str = ""

    def subscribes(self) -> None:
        self.subscription_id = self.site.subscribe()

    def lives_a_day(self) -> None:
        """And the hour in which the invoice of its end is a draft."""
        self.site.pass_days(1.05)

    def fails(self) -> None:
        self.site.account.controls.fail_next("generic_decline")
        self.lives_a_day()

    def recovers(self) -> None:
        client = self.site.account.client().v1
        invoice = client.subscriptions.retrieve(self.subscription_id).latest_invoice
        client.invoices.pay(str(invoice))

    def plans_the_end(self) -> None:
        params: Any = {"cancel_at_period_end": True}
        self.site.account.client().v1.subscriptions.update(self.subscription_id, params)

    def cancels(self) -> None:
        self.site.account.client().v1.subscriptions.cancel(self.subscription_id)

    def changes_down_at_noon(self) -> None:
        """Half of what was paid is credited, and a third of that pays for the rest of the day."""
        self.first_invoice = self.site.latest_invoice(self.subscription_id)
        self.site.pass_days(0.5)
        self.site.change(self.subscription_id, self.site.lower_price_id)

    def changes_up_at_noon_unpaid(self) -> None:
        self.first_invoice = self.site.latest_invoice(self.subscription_id)
        self.site.pass_days(0.5)
        self.site.account.controls.fail_next("generic_decline")
        self.site.change(self.subscription_id, new_price(self.site.account, 9_000, "day"))

    def has_the_change_voided(self) -> None:
        invoice = self.site.latest_invoice(self.subscription_id)
        self.site.account.client().v1.invoices.void_invoice(invoice)

    def changes_up_again(self) -> None:
        self.site.change(self.subscription_id, self.site.price_id)

    def changes_down_again(self) -> None:
        self.site.change(self.subscription_id, self.site.lower_price_id)

    def pays_a_part(self) -> None:
        self.part = self.site.pay_part(self.site.latest_invoice(self.subscription_id), 400)

    def has_the_part_refunded(self) -> None:
        self.site.account.controls.refund(self.part, 90)

    def disputes_the_rest(self) -> None:
        charge = list(self.site.account.simulator.account.charges)[-1]
        self.site.account.controls.dispute(charge["id"], amount=180)

    def is_credited(self) -> None:
        self.site.credit_note(self.first_invoice, 180, credit_amount=180)

    def is_refunded_by_a_note(self) -> None:
        self.site.credit_note(self.first_invoice, 450, refund_amount=450)

    def has_the_refund_fail(self) -> None:
        (refund,) = self.site.account.simulator.account.refunds
        self.site.account.controls.refund(refund=refund["id"], outcome="failed")

    def lives_until_the_night(self) -> None:
        self.site.pass_days(0.55)

    def cancels_at_noon(self) -> None:
        self.site.pass_days(0.45)
        self.site.cancel_at_once(self.subscription_id)


@dataclass(frozen=True)
class Life:
    """What happens at Stripe, step by step. `events` are those that may be delivered, each by its
    step and its type; of several the last. `periods` is how many of them are paid for in the end;
    `trial_ends` is the step with which the trial is over, None where there is none; `lower_periods`
    how many of the periods are of the lower plan; `shares` the credits that each change of plan
    brings; `lost` those that are clawed back in the end."""

    name: str
    steps: tuple[Step, ...]
    events: tuple[tuple[int, str], ...]
    status: str
    periods: int
    trial_ends: int | None = None
    lower_periods: int = 0
    shares: tuple[int, ...] = ()
    lost: int = 0

    @property
    def brought(self) -> int:
        """The credits of the time that is paid for."""
        lower = self.lower_periods * LOWER_CREDITS
        return (self.periods - self.lower_periods) * CREDITS + lower + sum(self.shares)


LIVES = (
    Life(
        "renewed, failed, recovered, canceled",
        (
            Subscriber.subscribes,
            Subscriber.lives_a_day,
            Subscriber.fails,
            Subscriber.recovers,
            Subscriber.cancels,
        ),
        (
            (0, "invoice.paid"),
            (1, "invoice.paid"),
            (2, "invoice.payment_failed"),
            (3, "invoice.paid"),
            (4, "customer.subscription.deleted"),
        ),
        status="canceled",
        periods=3,
    ),
    Life(
        "renewed, failed, recovered, by other events",
        (
            Subscriber.subscribes,
            Subscriber.lives_a_day,
            Subscriber.fails,
            Subscriber.recovers,
        ),
        (
            (0, "checkout.session.completed"),
            (1, "payment_intent.succeeded"),
            (2, "customer.subscription.updated"),
            (3, "charge.succeeded"),
            (3, "customer.subscription.updated"),
        ),
        status="active",
        periods=3,
    ),
    Life(
        "the first day",
        (Subscriber.subscribes,),
        (
            (0, "checkout.session.completed"),
            (0, "customer.subscription.created"),
            (0, "invoice.paid"),
            (0, "payment_intent.succeeded"),
            (0, "charge.succeeded"),
        ),
        status="active",
        periods=1,
    ),
    Life(
        "a trial, failed, recovered, canceled",
        (Subscriber.subscribes, Subscriber.fails, Subscriber.recovers, Subscriber.cancels),
        (
            (0, "customer.subscription.created"),
            (1, "customer.subscription.updated"),
            (1, "invoice.payment_failed"),
            (2, "invoice.paid"),
            (3, "customer.subscription.deleted"),
        ),
        status="canceled",
        periods=1,
        trial_ends=1,
    ),
    Life(
        "a trial whose end is planned",
        (Subscriber.subscribes, Subscriber.plans_the_end),
        (
            (0, "checkout.session.completed"),
            (0, "customer.subscription.created"),
            (0, "invoice.paid"),
            (0, "payment_method.attached"),
            (1, "customer.subscription.updated"),
        ),
        status="trialing",
        periods=0,
        trial_ends=2,
    ),
    Life(
        "credited for half a day and by a note, renewed by credit, canceled with credit",
        (
            Subscriber.subscribes,
            Subscriber.changes_down_at_noon,
            Subscriber.is_credited,
            Subscriber.lives_until_the_night,
            Subscriber.cancels_at_noon,
        ),
        (
            (0, "invoice.paid"),
            (1, "invoice.finalized"),
            (2, "credit_note.created"),
            (3, "invoice.paid"),
            (4, "invoice.paid"),
        ),
        status="canceled",
        periods=2,
        lower_periods=1,
        shares=(LOWER_CREDITS // 2,),
        lost=CREDITS * (450 + 180) // 900 + LOWER_CREDITS // 2,
    ),
    Life(
        "credit that is voided, a note whose refund fails",
        (
            Subscriber.subscribes,
            Subscriber.changes_up_at_noon_unpaid,
            Subscriber.has_the_change_voided,
            Subscriber.is_refunded_by_a_note,
            Subscriber.has_the_refund_fail,
        ),
        (
            (0, "invoice.paid"),
            (1, "invoice.payment_failed"),
            (2, "invoice.voided"),
            (3, "credit_note.created"),
            (4, "refund.failed"),
        ),
        status="past_due",
        periods=1,
    ),
    Life(
        "changed down, up, down and up at noon",
        (
            Subscriber.subscribes,
            Subscriber.changes_down_at_noon,
            Subscriber.changes_up_again,
            Subscriber.changes_down_again,
            Subscriber.changes_up_again,
        ),
        (
            (0, "invoice.paid"),
            (1, "invoice.paid"),
            (2, "invoice.finalized"),
            (3, "invoice.paid"),
            (4, "invoice.paid"),
        ),
        status="active",
        periods=1,
        shares=(LOWER_CREDITS // 2, CREDITS // 2, LOWER_CREDITS // 2, CREDITS // 2),
        lost=CREDITS // 2 + LOWER_CREDITS // 2 + CREDITS // 2 + LOWER_CREDITS // 2,
    ),
    Life(
        "renewed by a payment in two parts, one refunded, one disputed",
        (
            Subscriber.subscribes,
            Subscriber.fails,
            Subscriber.pays_a_part,
            Subscriber.recovers,
            Subscriber.has_the_part_refunded,
            Subscriber.disputes_the_rest,
        ),
        (
            (0, "invoice.paid"),
            (2, "payment_intent.succeeded"),
            (3, "invoice.paid"),
            (4, "charge.refunded"),
            (5, "charge.dispute.created"),
        ),
        status="active",
        periods=2,
        lost=CREDITS * (90 + 180) // 900,
    ),
)
