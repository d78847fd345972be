"""Whether someone subscribes already, and whether they have had a trial, by what Stripe says now.

In a file of its own because both what offers a plan and what begins its checkout need it."""

from collections.abc import Iterator

from service.billing.customers import Customers
from service.billing.order_entities import AlreadySubscribed
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import Subscription
from service.entitlements.entities import entitled_by


class Subscribers:
    """Reads the subscriptions of every customer that a user has been: an event of one may be late.
    Each method raises what `Stripe` raises, and `StorageUnavailable`."""

    def __init__(self, stripe: Stripe, customers: Customers) -> None:
        self._stripe = stripe
        self._customers = customers

    def require_none(self, user_id: str) -> None:
        """Whoever subscribes once more pays for both. Raises `AlreadySubscribed`."""
        for each in self._of(user_id):
            if entitled_by(each.status).permits:
                raise AlreadySubscribed(details={"status": each.status})

    def had_trial(self, user_id: str) -> bool:
        """Whether any of their subscriptions began with a trial, wherever it was made."""
        return any(each.trial_ends_at for each in self._of(user_id))

    def _of(self, user_id: str) -> Iterator[Subscription]:
        for customer_id in self._customers.all_of_user(user_id):
            yield from self._stripe.subscriptions_of(customer_id)
