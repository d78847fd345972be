"""Every way in which the events of a subscription may arrive, and the one end that all of them
have.

In a file of its own because the suite runs a small part of it and a proof all of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.billing import stripe_parsing
from service.billing.events import EventFacts, facts_of
from service.billing.inbox import Inbox
from service.billing.stripe_client import Stripe
from service.core.amounts import SCALE
from service.ledger.grants import GrantSource
from tests.billing.moments import Moment, Moments
from tests.billing.subscribers import CREDITS, LOWER_CREDITS, Subscribing, new_price

TRIAL_CREDITS = 5
# An audit reads the whole table, and the whole of Stripe's list is six times as long.
ENDS_BETWEEN_WHOLE_LISTS = 25

Step = Callable[["Subscriber"], object]
Items = list[dict[str, Any]]


@dataclass
class Subscriber:
    """Ann, who pays by the day: her whole life is within the 7 days of the sweep."""

    site: Subscribing
    subscription_id: str = ""
    first_invoice: str = ""

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
    how many of the periods are of the lower plan; `lost` the credits that are clawed back in the
    end."""

    name: str
    steps: tuple[Step, ...]
    events: tuple[tuple[int, str], ...]
    status: str
    periods: int
    trial_ends: int | None = None
    lower_periods: int = 0
    lost: int = 0

    @property
    def brought(self) -> int:
        """The credits of the periods that are paid for."""
        lower = self.lower_periods * LOWER_CREDITS
        return (self.periods - self.lower_periods) * CREDITS + lower


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
)


class Lives:
    """Runs one life again and again. Stripe is what it was after each step, whatever the service
    does; the table is set back to what it was where two sequences part."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._site, self._subscription_id = _lived(life, moments := Moments())
        parts = self._site.parts
        self._moments = moments
        self._inbox = parts.get(Inbox)
        self._stripe = parts.get(Stripe)
        api: Any = moments
        self._stripe._api = api
        self._missed = self._site.of_sweep("missed_stripe_events")
        self._due = self._site.of_sweep("stripe_events")
        self._events = [self._event(step, kind) for step, kind in life.events]
        # After each part of the last sequence: what the table held.
        self._path: list[tuple[int, Items]] = [(-1, self._site.where.items())]
        self._runs = 0

    def run(self, events: Sequence[int]) -> None:
        """The events of these numbers arrive in this sequence, each as early as it can: Stripe has
        done its step and those before, and no more. In the end every step is done, and the sweep
        finds on Stripe's list what has never arrived. Raises `AssertionError` for any end but the
        life's."""
        self._runs += 1
        self._go_back(events)
        for number in events[len(self._path) - 1 :]:
            steps = (self._life.events[each][0] for each in events[: len(self._path)])
            self._be_at(max(steps))
            self._inbox.receive(self._events[number])
            self._path.append((number, self._site.where.items()))
        self._be_at(len(self._life.steps) - 1)
        is_whole = self._runs % ENDS_BETWEEN_WHOLE_LISTS == 0
        self._sweep(None if is_whole else frozenset(each.event_id for each in self._events))
        self._check(events)
        if is_whole:
            assert self._site.audit().violations == ()

    def _go_back(self, events: Sequence[int]) -> None:
        shared = 0
        for number, (before, _) in zip(events, self._path[1:], strict=False):
            if number != before:
                break
            shared += 1
        del self._path[shared + 1 :]
        self._site.where.put_back(self._path[-1][1])

    def _be_at(self, step: int) -> None:
        self._moments.present = step
        self._site.clock.set(self._moments.all[step].now)

    def _sweep(self, listed: frozenset[str] | None) -> None:
        self._moments.listed = listed
        for sweep in (self._missed, self._due):
            while sweep.run_once():
                pass

    def _check(self, events: Sequence[int]) -> None:
        stored = self._site.where.items()
        states = [each["state"]["S"] for each in stored if _key(each).startswith("STRIPE_EVENT#")]
        assert set(states) == {"done"}
        entitlement = self._site.entitlement()
        at_stripe = self._stripe.retrieve_subscription(self._subscription_id)
        assert entitlement.status.value == self._life.status
        assert (
            entitlement.subscription_id,
            entitlement.price_id,
            entitlement.period_start_at,
            entitlement.period_end_at,
            entitlement.trial_ends_at or 0,
            entitlement.cancels_at_period_end,
        ) == (
            at_stripe.id,
            at_stripe.price_ids[0],
            at_stripe.period_start_at,
            at_stripe.period_end_at,
            at_stripe.trial_ends_at,
            at_stripe.cancels_at_period_end,
        )
        trials = self._trials(events)
        assert self._grants(GrantSource.INVOICE) == self._life.periods
        assert self._grants(GrantSource.TRIAL) == trials
        wallet = self._site.wallet()
        expected = self._life.brought + trials * TRIAL_CREDITS
        assert (wallet.granted, wallet.debt) == (expected * SCALE, 0)
        assert wallet.credits == (expected - self._life.lost) * SCALE - wallet.expired
        assert wallet.faults() == []

    def _trials(self, events: Sequence[int]) -> int:
        """A trial that is over brings nothing: something must have arrived before."""
        if self._life.trial_ends is None:
            return 0
        first = self._life.events[events[0]][0] if events else len(self._life.steps) - 1
        return int(first < self._life.trial_ends)

    def _grants(self, source: GrantSource) -> int:
        keys = map(_key, self._site.where.items())
        return sum(key.startswith(f"GRANT#{source}#") for key in keys)

    def _event(self, step: int, kind: str) -> EventFacts:
        """The last event of that type that this step has made."""
        made = self._listed(step)
        before = self._listed(step - 1) if step else {}
        found = [made[each] for each in made if each not in before and made[each].type == kind]
        return found[-1]

    def _listed(self, step: int) -> dict[str, EventFacts]:
        """Every event until then, oldest first."""
        events = self._moments.all[step].get("/v1/events?limit=100")["data"]
        facts = (facts_of(stripe_parsing.event(event)) for event in reversed(events))
        return {each.event_id: each for each in facts}


def _key(item: dict[str, Any]) -> str:
    return str(item["PK"]["S"])


def _lived(life: Life, moments: Moments) -> tuple[Subscribing, str]:
    """The site after a whole life of which nothing has arrived, and the subscription's id."""
    trial: dict[str, Any] = {"trial_days": 1, "trial_credits": TRIAL_CREDITS * SCALE}
    site = Subscribing(interval="day", lower=True, **({} if life.trial_ends is None else trial))
    subscriber = Subscriber(site)
    for step in life.steps:
        step(subscriber)
        moments.all.append(Moment(site.account.simulator.account, site.clock.now()))
    return site, subscriber.subscription_id
