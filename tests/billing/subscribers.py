"""Someone who subscribes at the simulated Stripe, with the service's clock as Stripe's."""

from typing import Any

from service.billing.checkouts import Checkout, Checkouts, NewOrder
from service.billing.offers import Offers
from service.billing.order_entities import UiMode
from service.core.amounts import SCALE
from service.core.principal import Principal
from service.entitlements.entities import Entitlement, Plan, Plans
from service.entitlements.operations import Entitlements
from service.ledger.lots import LotKind
from tests.billing.billing_site import BillingSite
from tests.doubles.clock import FakeClock
from tests.doubles.stripe_account import StripeAccount

DAY = 86_400
CREDITS = 50
LOWER_CENTS, LOWER_CREDITS = 300, 10


def account_with_plan(
    clock: FakeClock, cents: int = 900, interval: str = "month"
) -> tuple[StripeAccount, str]:
    """An account that has one recurring price, and the price's id."""
    account = StripeAccount(clock)
    return account, new_price(account, cents, interval)


def new_price(account: StripeAccount, cents: int, interval: str) -> str:
    recurring: Any = {"interval": interval}
    made = account.client().v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": cents,
            "recurring": recurring,
            "product_data": {"name": "Starter"},
        }
    )
    return str(made.id)


def lower_plan(price_id: str) -> Plan:
    return plan(
        price_id,
        plan_id="lower",
        name="Lower",
        amount_cents=LOWER_CENTS,
        monthly_credits=LOWER_CREDITS * SCALE,
    )


def plan(price_id: str, **changes: Any) -> Plan:
    usual: dict[str, Any] = {
        "plan_id": "starter",
        "name": "Starter",
        "price_id": price_id,
        "amount_cents": 900,
        "currency": "usd",
        "monthly_credits": CREDITS * SCALE,
    }
    return Plan(**usual | changes)


class Subscribing(BillingSite):
    """A site with one plan; Ann and Bob have accounts, and no credits of a welcome. `lower` has a
    plan of a third of the price and a fifth of the credits on sale, too."""

    def __init__(
        self,
        where: Any = None,
        table_name: str = "",
        *,
        interval: str = "month",
        max_users: int = 33,
        lower: bool = False,
        **terms: Any,
    ) -> None:
        clock = FakeClock()
        account, self.price_id = account_with_plan(clock, interval=interval)
        self.lower_price_id = new_price(account, LOWER_CENTS, interval) if lower else ""
        offered = [plan(self.price_id, **terms)]
        if lower:
            offered.append(lower_plan(self.lower_price_id))
        plans = Plans(offered)
        options: dict[str, Any] = {"welcome_credits": 0, "max_users": max_users}
        super().__init__(where, table_name, account, replacements={Plans: plans}, **options)
        for user_id in ("ann", "bob"):
            self.users.sign_up(principal(user_id), self.users.digests(f"device of {user_id}"))

    def begin(self, user_id: str = "ann", price_id: str = "") -> Checkout:
        price_id = price_id or self.price_id
        terms = self.parts.get(Offers).plan_terms(user_id, price_id, UiMode.EMBEDDED)
        new = NewOrder(terms, None)
        return self.parts.get(Checkouts).begin(principal(user_id), new)

    def subscribe(self, user_id: str = "ann", **paying: Any) -> str:
        """Returns the id of the subscription; no event of it is delivered."""
        return self.complete(self.begin(user_id), **paying)

    def complete(self, checkout: Checkout, **paying: Any) -> str:
        """The buyer goes through with it. Likewise."""
        session = checkout.session.id
        self.account.controls.pay(session, **paying)
        found: str = self.session(session)["subscription"]
        return found

    def change(
        self,
        subscription_id: str,
        price_id: str,
        proration: str = "always_invoice",
        quantity: int = 1,
    ) -> None:
        """To another price or quantity, with credit for the time that is left of the period."""
        item = self.at_stripe(subscription_id)["items"]["data"][0]["id"]
        params: Any = {
            "items": [{"id": item, "price": price_id, "quantity": quantity}],
            "proration_behavior": proration,
        }
        self.account.client().v1.subscriptions.update(subscription_id, params)

    def pay_part(self, invoice_id: str, cents: int) -> str:
        """Of an open invoice, by a payment of its own, whose id is returned."""
        invoice = self.account.simulator.account.invoices.get(invoice_id)
        client = self.account.client().v1
        params: Any = {
            "amount": cents,
            "currency": "usd",
            "customer": invoice["customer"],
            "payment_method": "pm_card_visa",
            "payment_method_types": ["card"],
            "confirm": True,
        }
        payment_id = str(client.payment_intents.create(params).id)
        client.invoices.attach_payment(invoice_id, {"payment_intent": payment_id})
        return payment_id

    def cancel_at_once(self, subscription_id: str) -> None:
        """With credit for the time that is left of the period."""
        params: Any = {"prorate": True, "invoice_now": True}
        self.account.client().v1.subscriptions.cancel(subscription_id, params)

    def latest_invoice(self, subscription_id: str) -> str:
        return str(self.at_stripe(subscription_id)["latest_invoice"])

    def credit_note(self, invoice_id: str, amount: int, **parts: int) -> str:
        params: Any = {"invoice": invoice_id, "amount": amount, **parts}
        return str(self.account.client().v1.credit_notes.create(params).id)

    def session(self, session_id: str) -> Any:
        return self.account.simulator.account.sessions.get(session_id, "session")

    def at_stripe(self, subscription_id: str) -> Any:
        return self.account.client().v1.subscriptions.retrieve(subscription_id)

    def pass_days(self, days: float) -> None:
        """For both: Stripe does what is due by then."""
        self.clock.advance(days * DAY)
        self.account.simulator.catch_up()

    def entitlement(self, user_id: str = "ann") -> Entitlement:
        return self.parts.get(Entitlements).of(user_id)

    def status(self, user_id: str = "ann") -> str:
        return self.entitlement(user_id).status.value

    def credits(self, user_id: str = "ann") -> list[int]:
        """The credits of each lot of a subscription that has not expired."""
        now = self.clock.now()
        return [
            lot.remaining // SCALE
            for lot in self.wallet(user_id).lots
            if lot.kind is LotKind.SUBSCRIPTION and (lot.expires_at or now + 1) > now
        ]

    def grants(self) -> int:
        """How many grants were made."""
        return sum(item["PK"]["S"].startswith("GRANT#") for item in self.items())


def principal(user_id: str) -> Principal:
    email = f"{user_id}@example.com"
    return Principal("https://accounts.google.com", user_id, email, email_verified=True)
