"""The service over a table in memory, or DynamoDB Local, with the simulated Stripe in process."""

from typing import Any

from service.billing.checkouts import Checkout, Checkouts, NewOrder
from service.billing.customers import Customers
from service.billing.offers import Offers
from service.billing.order_entities import Order, UiMode
from service.billing.orders import Orders
from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import StripeKeys, StripeSecrets, stripe_secrets
from service.core.principal import Principal
from service.storage.codec import decode_item
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.stripe_account import LOCAL_KEY, LOCAL_WEBHOOK_SECRET, StripeAccount
from tests.faults.enumeration.tables import MemoryBehind

SETTINGS: dict[str, Any] = {
    "stripe_secrets_secret_name": "stripe",
    "app_url": "https://app.example.com",
}
PACKAGE = "credits-500"


class BillingWorld:
    """One process, and the Stripe account that it sells through. `ann` has an account."""

    def __init__(self, where: Any = None, table_name: str = "", **settings: Any) -> None:
        self.clock = FakeClock()
        self.account = StripeAccount(self.clock)
        self.stripe = self.adapter()
        self.where = where or MemoryBehind()
        self.table_name = table_name or MemoryBehind.name
        self.settings = SETTINGS | settings
        self.harness = self.process()
        self.harness.users.sign_up(self.principal(), self.harness.users.digests("phone"))

    def adapter(self, retries: int = 2) -> Stripe:
        keys = StripeKeys(_secrets, self.clock, production=False)
        return Stripe(StripeApi(self.account.client(retries=retries), keys))

    def process(self) -> ServiceHarness:
        """One more process over the same table and account."""
        return ServiceHarness(
            self.where,
            self.table_name,
            clock=self.clock,
            replacements={Stripe: self.stripe},
            **self.settings,
        )

    @staticmethod
    def principal(user_id: str = "ann") -> Principal:
        email = f"{user_id}@example.com"
        return Principal("https://accounts.google.com", user_id, email, email_verified=True)

    @property
    def checkouts(self) -> Checkouts:
        return self.harness.parts.get(Checkouts)

    @property
    def orders(self) -> Orders:
        return self.harness.parts.get(Orders)

    @property
    def customers(self) -> Customers:
        return self.harness.parts.get(Customers)

    def wanted(
        self,
        key: str | None = None,
        package: str = PACKAGE,
        ui_mode: UiMode = UiMode.EMBEDDED,
        *,
        saves_method: bool = False,
    ) -> NewOrder:
        offers = self.harness.parts.get(Offers)
        terms = offers.package_terms(package, ui_mode, saves_method=saves_method)
        return NewOrder(terms, key, package)

    def begin(self, user_id: str = "ann", **wanted: Any) -> Checkout:
        return self.checkouts.begin(self.principal(user_id), self.wanted(**wanted))

    def pay(self, checkout: Checkout, **how: Any) -> Any:
        return self.account.controls.pay(checkout.session.id, **how)

    def order(self, checkout: Checkout) -> Order:
        """The order as it is stored."""
        found = self.stored(checkout.order.user_id)
        return next(each for each in found if each.order_id == checkout.order.order_id)

    def stored(self, user_id: str = "ann") -> list[Order]:
        """Every order, newest first."""
        return [each.order for each in self.orders.page(user_id, 100, None).orders]

    def items(self, prefix: str = "") -> list[dict[str, Any]]:
        found = [dict(decode_item(item)) for item in self.harness.items()]
        return [item for item in found if str(item["SK"]).startswith(prefix)]

    def requests(self, method: str, path: str) -> list[Any]:
        """What Stripe was sent."""
        sent = self.account.http.requests
        return [each for each in sent if (each.method, each.path) == (method, path)]


def _secrets() -> StripeSecrets:
    return stripe_secrets(LOCAL_KEY, [LOCAL_WEBHOOK_SECRET])
