"""Every way in which the events of a payment may arrive, and the one end that all of them have.

In a file of its own because the suite runs a small part of it and a proof all of it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import urlencode

from devstack.simulators.stripe.wire import Request
from service.billing.payments import Payments
from service.billing.stripe_client import Stripe
from service.ledger.entities import EntryKind, InsufficientCredits
from service.providers.base import TaskStatus
from tests.billing.moments import form_of
from tests.billing.payment_world import PaymentWorld, principal
from tests.doubles.stripe_account import LOCAL_KEY

MAX_LENGTH = 5
PAID = 1_000
GRANTED = 110_000
WELCOME = 3_000


class DirectApi:
    """`StripeApi.get` without stripe-python: a proof makes millions of requests."""

    configured = True
    livemode = False

    def __init__(self, simulator: Any) -> None:
        self._simulator = simulator

    def get(
        self,
        path: str,
        parse: Callable[[Mapping[str, Any]], Any],
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        headers = {"authorization": f"Bearer {LOCAL_KEY}"}
        request = Request("GET", path, urlencode(form_of(params or {})), "", headers)
        return parse(json.loads(self._simulator.handle(request).body))


@dataclass
class Life:
    """One run of a story: a user of its own, and the payment with what became of it."""

    world: PaymentWorld
    user_id: str
    payment_id: str = ""
    refund_id: str = ""
    dispute_id: str = ""

    def pays(self) -> None:
        self.payment_id = self.world.pay(PAID, user=self.user_id)

    def is_refunded(self, cents: int) -> None:
        self.refund_id = self.world.refund(self.payment_id, cents)

    def refund_fails(self) -> None:
        self.world.account.controls.refund(refund=self.refund_id, outcome="failed")

    def is_disputed(self, cents: int | None = None) -> None:
        self.dispute_id = self.world.dispute(self.payment_id, amount=cents)

    def is_inquired(self) -> None:
        self.dispute_id = self.world.dispute(self.payment_id, inquiry=True)

    def dispute_ends(self, action: str) -> None:
        self.world.step(self.dispute_id, action)

    def is_warned(self) -> None:
        self.world.warn(self.payment_id)

    def spends(self, jobs: int) -> None:
        """Videos of 40 credits, as many of them as can be paid."""
        harness = self.world.harness
        for _ in range(jobs):
            try:
                job_id = harness.submit(self.user_id, device=self.user_id).job.job_id
            except InsufficientCredits:
                return
            harness.provider.book(job_id, TaskStatus.SUCCEEDED)
            harness.settlement.resolve(self.user_id, job_id)


Step = Callable[[Life], object]


@dataclass(frozen=True)
class Story:
    """What happens at Stripe, step by step; each but spending makes an event. `lost` is the part of
    the payment that is lost in the end, in cents."""

    name: str
    steps: tuple[Step, ...]
    lost: int

    @property
    def clawed_back(self) -> int:
        return GRANTED * self.lost // PAID


def _spend(jobs: int) -> Step:
    return lambda life: life.spends(jobs)


def _refund(cents: int) -> Step:
    return lambda life: life.is_refunded(cents)


def _ends(action: str) -> Step:
    return lambda life: life.dispute_ends(action)


STORIES = (
    Story("bought and spent", (Life.pays, _spend(1)), 0),
    Story("refunded unspent", (Life.pays, _refund(500), _refund(500)), PAID),
    Story("refunded after spending", (Life.pays, _spend(2), _refund(500)), 500),
    Story("refunded in three parts", (Life.pays, _refund(1), _refund(333), _refund(99)), 433),
    Story("a refund that fails", (Life.pays, _refund(700), _spend(1), Life.refund_fails), 0),
    Story("a dispute won", (Life.pays, Life.is_disputed, _spend(1), _ends("won")), 0),
    Story("a dispute lost", (Life.pays, _spend(2), Life.is_disputed, _ends("lost")), PAID),
    Story(
        "withdrawn, then reinstated",
        (Life.pays, _spend(1), Life.is_disputed, _ends("reinstate"), _ends("won")),
        0,
    ),
    Story(
        "refunds during and after an inquiry",
        (Life.pays, Life.is_inquired, _refund(600), _ends("warning_closed"), _refund(1)),
        601,
    ),
    Story(
        "a dispute of what a refund has left",
        (Life.pays, _refund(600), _spend(1), lambda life: life.is_disputed(300), _ends("lost")),
        900,
    ),
    Story(
        "warned, then disputed",
        (Life.pays, Life.is_warned, _spend(1), Life.is_disputed, _ends("won")),
        PAID,
    ),
)


class Stories:
    """Runs stories over one table in memory."""

    def __init__(self) -> None:
        self.world = PaymentWorld(max_users=1_000_000, price=40)
        api: Any = DirectApi(self.world.account.simulator)
        payments = self.world.payments
        payments._stripe = Stripe(api)
        self.payments: Payments = payments
        self.runs = 0

    def run(self, story: Story, events: Sequence[int]) -> None:
        """The events of these steps arrive in this order, each as early as it can: Stripe has done
        that step and those before, and no more. In the end every step is done, and one more event
        arrives. Raises `AssertionError` for any end but the story's."""
        self.runs += 1
        life = Life(self.world, f"u{self.runs}")
        users = self.world.harness.users
        users.sign_up(principal(life.user_id), users.digests(life.user_id))
        done = 0
        for event in (*events, len(story.steps) - 1):
            for step in story.steps[done : event + 1]:
                step(life)
            done = max(done, event + 1)
            self.payments.settle(life.payment_id)
        self._check(story, life)

    def _check(self, story: Story, life: Life) -> None:
        purchase = self.payments.read(life.payment_id)
        assert purchase is not None
        assert purchase.clawed_back == story.clawed_back
        wallet = self.world.wallet(life.user_id)
        entries = list(self.world.harness.ledger.entries(life.user_id))
        assert [entry.kind for entry in entries].count(EntryKind.GRANT) == 1
        left = WELCOME + GRANTED - wallet.captured - story.clawed_back
        assert wallet.credits - wallet.debt == left
        assert wallet.faults() == []


def sequences(events: int, max_length: int = MAX_LENGTH) -> Iterator[tuple[int, ...]]:
    """Every sequence of so many events, repetitions included, up to that length."""
    for length in range(max_length + 1):
        yield from product(range(events), repeat=length)
