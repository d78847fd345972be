"""Payments at the simulated Stripe, and the service that settles them. What a payment bought stands
in its metadata: orders are another test's subject."""

from collections.abc import Callable
from typing import Any

from devstack.simulators.stripe.wire import Reply, Request
from service.audit.entities import Audit
from service.billing.payments import Payments
from service.billing.purchases import Bought, PaymentFacts, Purchase
from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import StripeKeys, StripeSecrets, stripe_secrets
from service.core.principal import Principal
from service.ledger.entities import Entry, EntryKind, Wallet
from service.ledger.grants import GrantSource
from service.ledger.lots import LotKind
from service.ledger.operations import ConditionalWrite
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import STRIPE_SECRET_NAME, ServiceHarness
from tests.doubles.stripe_account import LOCAL_KEY, LOCAL_WEBHOOK_SECRET, StripeAccount
from tests.faults.enumeration.tables import MemoryBehind

SETTINGS: dict[str, Any] = {
    "stripe_secrets_secret_name": STRIPE_SECRET_NAME,
    "app_url": "https://app.example.com",
}
PAID = 1_000
GRANTED = 110_000


class PaymentWorld:
    """One or more processes over one table and one Stripe account. `ann` has an account with three
    free credits."""

    def __init__(
        self, where: Any = None, table_name: str = "", clock: Any = None, **options: Any
    ) -> None:
        self.clock: Any = clock or FakeClock()
        self.account = StripeAccount(self.clock)
        self.where = where or MemoryBehind()
        self.table_name = table_name or MemoryBehind.name
        self.options = options
        self.orders: tuple[ConditionalWrite, ...] = ()
        self.lots_expire_at: int | None = None
        self.harness = self.process()
        self.harness.users.sign_up(principal(), self.harness.users.digests("phone"))

    def process(self) -> ServiceHarness:
        """One more process over the same table and account."""
        keys = StripeKeys(_secrets, self.clock, production=False)
        stripe = Stripe(StripeApi(self.account.client(), keys))
        harness = ServiceHarness(
            self.where,
            self.table_name,
            clock=self.clock,
            replacements={Stripe: stripe},
            **(SETTINGS | self.options),
        )
        harness.parts.get(Payments).register(self.bought)
        return harness

    def bought(self, facts: PaymentFacts) -> Bought | None:
        """The resolver: eleven tenths of a credit for a cent, a tenth of it as a bonus."""
        intent = facts.intent
        if intent is None or "user" not in intent.metadata:
            return None
        return Bought(
            user_id=intent.metadata["user"],
            amount=int(intent.metadata.get("granted", GRANTED)),
            kind=LotKind(intent.metadata.get("kind", "paid")),
            expires_at=self.lots_expire_at,
            grant_source=GrantSource.PURCHASE,
            grant_id=intent.metadata.get("grant", facts.payment_id),
            paid_cents=facts.received_cents,
            currency=intent.metadata.get("currency", facts.currency),
            reference="ord_1",
            reason="100 credits",
            order=self.orders,
        )

    def interrupt(self, path: str, act: Callable[[], object], method: str = "GET") -> None:
        """Does `act` once, right after Stripe has made its next response to such a request: what
        the one who sent it knows is older than what follows."""
        interrupt(self.account, path, act, method)

    @property
    def payments(self) -> Payments:
        return self.harness.parts.get(Payments)

    def pay(self, cents: int = PAID, user: str = "ann", **metadata: str) -> str:
        """A payment that has succeeded; its id."""
        created = self.account.client().v1.payment_intents.create(
            {
                "amount": cents,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "payment_method_types": ["card"],
                "confirm": True,
                "metadata": {"user": user, **metadata},
            }
        )
        return str(created.id)

    def settle(self, payment_id: str) -> Purchase:
        purchase = self.payments.settle(payment_id)
        assert purchase is not None
        return purchase

    def refund(self, payment_id: str, cents: int | None = None, **how: Any) -> str:
        return str(self.account.controls.refund(payment_id, cents, **how)["id"])

    def dispute(self, payment_id: str, **how: Any) -> str:
        return str(self.account.controls.dispute(payment_id, **how)["id"])

    def step(self, dispute: str, action: str) -> None:
        self.account.controls.dispute(dispute=dispute, action=action)

    def warn(self, payment_id: str) -> str:
        return str(self.account.controls.warn(payment_id)["id"])

    def wallet(self, user: str = "ann") -> Wallet:
        return self.harness.wallet(user)

    def entries(self, *kinds: EntryKind) -> list[Entry]:
        found = list(self.harness.ledger.entries("ann"))
        return [entry for entry in found if not kinds or entry.kind in kinds]

    def audit(self) -> Audit:
        return self.harness.audit()

    def assert_proved(self) -> None:
        """The audit finds nothing."""
        assert sorted(self.audit().violations) == []


def interrupt(
    account: StripeAccount, path: str, act: Callable[[], object], method: str = "GET"
) -> None:
    """As `PaymentWorld.interrupt`, for any account."""
    http, simulator = account.http, account.simulator
    interrupted: Any = _Interrupted(
        simulator, (method, path), act, lambda: _restore(http, simulator)
    )
    http._simulator = interrupted


class _Interrupted:
    def __init__(
        self,
        simulator: Any,
        awaited: tuple[str, str],
        act: Callable[[], object],
        end: Callable[[], None],
    ) -> None:
        self._simulator = simulator
        self._awaited = awaited
        self._act = act
        self._end = end

    def handle(self, request: Request) -> Reply:
        reply: Reply = self._simulator.handle(request)
        if (request.method, request.path) == self._awaited:
            self._end()
            self._act()
        return reply


def _restore(http: Any, simulator: Any) -> None:
    http._simulator = simulator


def principal(user_id: str = "ann") -> Principal:
    return Principal("https://accounts.google.com", user_id, f"{user_id}@example.com")


def _secrets() -> StripeSecrets:
    return stripe_secrets(LOCAL_KEY, [LOCAL_WEBHOOK_SECRET])
