"""The service with billing switched on, over a table in memory or DynamoDB Local, and the simulated
Stripe in process. What goes wrong in a request or a sweep stays visible: no thread, no HTTP."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from werkzeug.test import TestResponse

from service.app import create_app
from service.billing.inbox import Inline
from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import StripeKeys, StripeSecrets, stripe_secrets
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.stripe_account import LOCAL_KEY, LOCAL_WEBHOOK_SECRET, StripeAccount
from tests.faults.enumeration.tables import MemoryBehind

ADDRESS = "/stripe/webhook"
SETTINGS: dict[str, Any] = {"app_url": "https://app.example.com"}


class AtOnce(Inline):
    """Runs the work in the request, to its end."""

    def __init__(self) -> None:
        return

    def run(self, work: Callable[[], None]) -> None:
        work()


class BillingSite(ServiceHarness):
    """One process. `secrets` are the webhook secrets that it knows: a test rotates them."""

    def __init__(
        self, where: Any = None, table_name: str = "", account: Any = None, **options: Any
    ) -> None:
        self.account = account or StripeAccount(options.pop("clock", None) or FakeClock())
        self.secrets = [LOCAL_WEBHOOK_SECRET]
        keys = StripeKeys(self._read, self.account._clock, production=False)
        adapter = Stripe(StripeApi(self.account.client(retries=2), keys))
        replaced = {Stripe: adapter, Inline: AtOnce()} | options.pop("replacements", {})
        super().__init__(
            where or MemoryBehind(),
            table_name or MemoryBehind.name,
            clock=self.account._clock,
            replacements=replaced,
            **SETTINGS,
            **options,
        )
        self.app = create_app(self.parts)

    def _read(self) -> StripeSecrets:
        return stripe_secrets(LOCAL_KEY, list(self.secrets))

    def deliver(self, event: Mapping[str, Any], address: str = ADDRESS) -> TestResponse:
        """The event as Stripe would send it now."""
        body, headers = self.account.signed(event)
        return self.post(body, headers, address)

    def deliver_all(self, *types: str) -> None:
        """Every event so far, oldest first, each once more if it was delivered before."""
        for event in self.account.events(*types):
            response = self.deliver(event)
            assert response.status_code == 200, response.get_data(as_text=True)

    def post(self, body: bytes, headers: Mapping[str, str], address: str = ADDRESS) -> TestResponse:
        return self.app.test_client().post(address, data=body, headers=dict(headers))

    def of_sweep(self, name: str) -> Any:
        with ThreadPoolExecutor(1) as executor:
            (sweep,) = [each for each in self.sweeps(executor) if each.name == name]
        return sweep

    def events_stored(self) -> dict[str, str]:
        """The state of each event that is stored."""
        return {
            item["PK"]["S"].partition("#")[2]: item["state"]["S"]
            for item in self.items()
            if item["PK"]["S"].startswith("STRIPE_EVENT#")
        }


def ids(events: Iterable[Mapping[str, Any]]) -> list[str]:
    return [event["id"] for event in events]
