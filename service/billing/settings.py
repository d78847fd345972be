"""How Stripe is called, and what a checkout collects."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.billing.stripe_secrets import StripeSecrets, stripe_secrets
from service.core.settings import Secret, Section, Sections, Url, setting
from service.notifications.settings import NotificationsSettings

_PATH_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")


@dataclass(frozen=True, kw_only=True)
class BillingSettings(Section):
    stripe_secrets_secret_name: str = setting(
        "",
        "secret in Secrets Manager with Stripe's API key and webhook secrets "
        "(docs/settings.md#secrets); without it and STRIPE_SECRET_KEY nothing is sold",
    )
    stripe_secret_key: Secret = setting(
        Secret(), "Stripe's API key (sk_test_… or rk_test_…), outside production"
    )
    stripe_webhook_secrets: Secret = setting(
        Secret(),
        "secrets of the webhook endpoint (whsec_… and at least 16 characters), two with a comma "
        "during a rotation, outside production",
    )
    stripe_api_url: Url = setting(Url("https://api.stripe.com"), "Stripe's address")
    stripe_timeout_seconds: float = setting(
        6.0, "how long one try of a request to Stripe may take; there are at most three"
    )
    stripe_tax: bool = setting(False, "let Stripe compute and add taxes (Stripe Tax)")
    stripe_tax_ids: bool = setting(False, "let buyers enter a tax id at the checkout")
    stripe_invoices: bool = setting(True, "have Stripe issue an invoice for each purchase")
    stripe_return_path: str = setting(
        "/billing/return",
        "path of your app, below APP_URL, where a buyer returns to; it receives order_id and "
        "session_id",
    )
    stripe_cancel_path: str = setting(
        "/billing", "path of your app for buyers who leave a hosted checkout or the portal"
    )
    max_open_orders: int = setting(5, "orders of one user that may wait for their payment at once")

    stripe_events_interval_seconds: float = setting(
        2.0, "pause between two runs of the sweep that deals with Stripe's events"
    )
    stripe_sweep_interval_seconds: float = setting(
        4 * 3600.0, "how often Stripe's list of the last 7 days is searched for missed events"
    )

    @property
    def configured(self) -> bool:
        return bool(self.stripe_secrets_secret_name or self.stripe_secret_key)

    def rules(self, settings: Sections) -> Iterator[str]:
        if self.stripe_secret_key and not self.stripe_webhook_secrets:
            yield (
                "STRIPE_WEBHOOK_SECRETS is missing: with STRIPE_SECRET_KEY, payments are taken, "
                "and Stripe's events about them must be verified"
            )
        elif self.stripe_secret_key:
            yield from self._secret_faults()
        if self.stripe_secret_key and self.stripe_secrets_secret_name:
            yield "STRIPE_SECRET_KEY and STRIPE_SECRETS_SECRET_NAME must not both be set"
        if self.configured and not settings.section(NotificationsSettings).app_url:
            yield "APP_URL is missing: with billing, buyers return there from their checkout"
        if any(character in self.stripe_api_url for character in "?#"):
            yield "STRIPE_API_URL must end with its host, port or path, without a query"
        for name in ("stripe_return_path", "stripe_cancel_path"):
            if not _is_path(getattr(self, name)):
                yield f"{name.upper()} must begin with / and be a plain path"

    @property
    def local_secrets(self) -> StripeSecrets:
        """Those of the environment. Raises `ValueError`."""
        parts = (each.strip() for each in self.stripe_webhook_secrets.split(","))
        return stripe_secrets(str(self.stripe_secret_key), [each for each in parts if each])

    def _secret_faults(self) -> Iterator[str]:
        try:
            _ = self.local_secrets
        except ValueError as error:
            yield f"STRIPE_SECRET_KEY with STRIPE_WEBHOOK_SECRETS {error}"


def _is_path(path: str) -> bool:
    return path.startswith("/") and not path.startswith("//") and set(path) <= _PATH_CHARACTERS
