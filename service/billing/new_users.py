"""A customer for each new user, by the outbox: the first checkout of a user then calls Stripe once.

In a file of its own because it is called with events of users, not with requests."""

from collections.abc import Callable

import structlog

from service.billing.accounts import require_account
from service.billing.customers import Customers
from service.billing.entities import StripeRefused
from service.ledger.entities import AccountClosing, AccountRequired
from service.ledger.operations import Ledger
from service.notifications.entities import Event, EventType

log = structlog.get_logger()


class NewUsers:
    """A handler of the outbox. What it misses is made when it is first needed."""

    def __init__(
        self,
        customers: Customers,
        ledger: Ledger,
        verified_email: Callable[[str], str | None],
    ) -> None:
        self._customers = customers
        self._ledger = ledger
        self._verified_email = verified_email

    def publish(self, event: Event) -> None:
        """Raises `StripeUnavailable` and what `verified_email` raises: then it is called again. A
        definite refusal is logged, so that it keeps the event from no one else."""
        if event.type is not EventType.USER_CREATED:
            return
        try:
            require_account(self._ledger.balance(event.user_id).wallet)
            self._customers.ensure(event.user_id, self._verified_email(event.user_id))
        except (AccountRequired, AccountClosing):
            # Erased since.
            return
        except StripeRefused as refusal:
            log.warning("customer_refused", user_id=event.user_id, reason=refusal.reason)
