"""Ends every checkout that a user could still pay.

In a file of its own because the erasure does it, which needs orders as well as customers."""

from collections.abc import Callable

import structlog

from service.billing import keys, store
from service.billing.customers import Customers
from service.billing.entities import StripeRefused
from service.billing.stripe_client import Stripe
from service.core.errors import Conflict, NotFound
from service.storage.table import Table

log = structlog.get_logger()

ReconcileSession = Callable[[str], object]
"""Brings the order of a checkout session to where Stripe says it is, and settles its payment."""


class OpenCheckouts:
    """What Stripe and our own list of open orders know of one user's checkouts."""

    def __init__(
        self, table: Table, stripe: Stripe, customers: Customers, reconcile: ReconcileSession
    ) -> None:
        self._table = table
        self._stripe = stripe
        self._customers = customers
        self._reconcile = reconcile

    def expire(self, user_id: str) -> None:
        """Expires every open checkout session of each customer that the user has been, those that
        no order of ours has made included. One that has been completed or has expired meanwhile is
        left as it is. Safe to repeat. Raises what `Stripe` raises."""
        for customer_id in self._customers.all_of_user(user_id):
            for session in self._stripe.open_sessions_of(customer_id):
                self._expire(session.id)

    def settle(self, user_id: str) -> None:
        """Settles the open orders of the user whose session has ended: what was paid is granted.
        Raises what `Stripe` and the settlement of a payment raise, where it may succeed later."""
        listed, _ = store.open_orders_from(self._table.get(keys.open_orders(user_id)))
        for order_id in listed:
            order = store.read_order(self._table, user_id, order_id)
            if order is not None and order.status.is_open and order.session_id:
                self._settle(order.session_id)

    def _expire(self, session_id: str) -> None:
        try:
            self._stripe.expire_checkout_session(session_id)
        except StripeRefused as refusal:
            # It is not open any more.
            log.info("session_not_expired", session_id=session_id, reason=refusal.reason)

    def _settle(self, session_id: str) -> None:
        try:
            self._reconcile(session_id)
        except (Conflict, NotFound, StripeRefused) as error:
            # Definite, and an alarm has named it: it must not keep the user from being erased.
            log.error("open_order_not_settled", session_id=session_id, reason=error.code)
