"""Every way in which the events of a subscription may arrive, and the one end that all of them
have.

In a file of its own because the suite runs a small part of it and a proof all of it."""

from collections.abc import Sequence
from typing import Any

from service.billing import stripe_parsing
from service.billing.events import EventFacts, facts_of
from service.billing.inbox import Inbox
from service.billing.stripe_client import Stripe
from service.core.amounts import SCALE
from service.ledger.grants import GrantSource
from tests.billing.life_stories import Life, Subscriber
from tests.billing.moments import Moment, Moments
from tests.billing.subscribers import Subscribing

TRIAL_CREDITS = 5
# An audit reads the whole table, and the whole of Stripe's list is six times as long.
ENDS_BETWEEN_WHOLE_LISTS = 25

Items = list[dict[str, Any]]


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
        assert self._grants(GrantSource.INVOICE) == self._life.periods + len(self._life.shares)
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
