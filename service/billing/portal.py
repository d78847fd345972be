"""Stripe's page for cards, invoices and subscriptions.

In a file of its own because it needs a customer and no order."""

from service.billing.accounts import require_account
from service.billing.customers import Customers
from service.billing.stripe_client import Stripe
from service.core.clock import Clock
from service.core.ids import Ids
from service.core.principal import Principal
from service.ledger.operations import Ledger


class Portal:
    """Opens the portal (https://docs.stripe.com/api/customer_portal/sessions/create)."""

    def __init__(
        self,
        stripe: Stripe,
        ledger: Ledger,
        customers: Customers,
        return_url: str,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._stripe = stripe
        self._ledger = ledger
        self._customers = customers
        self._return_url = return_url
        self._clock = clock
        self._ids = ids

    def open(self, principal: Principal) -> str:
        """The address of a page that Stripe has made for this visit. Raises `AccountRequired`,
        `AccountClosing`, what `Stripe` raises, and `StorageUnavailable`. A frozen wallet is no
        reason to keep someone from cancelling."""
        self._stripe.require_configured()
        require_account(self._ledger.balance(principal.subject).wallet)
        email = principal.email if principal.email_verified else None
        customer_id = self._customers.ensure(principal.subject, email)
        params = {"customer": customer_id, "return_url": self._return_url}
        # Pages are disposable: each request is a business attempt of its own.
        key = self._ids.new("portal", self._clock.now())
        return self._stripe.create_portal_session(params, key).url
