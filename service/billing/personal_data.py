"""What Stripe and billing hold of a user: removed when the user is erased, and exported.

Orders stay: they are accounting records, under the user's id alone."""

from collections.abc import Callable, Iterator

from service.billing import keys, store
from service.billing.customers import Customers
from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.open_checkouts import OpenCheckouts
from service.billing.order_entities import Order
from service.billing.stripe_client import Stripe
from service.core.clock import from_iso, iso
from service.core.erasure import (
    DependencyUnavailable,
    ErasurePhase,
    ErasureStep,
    ExportPart,
    StepOutcome,
)
from service.storage.table import Table
from service.storage.writes import REPLACE, Delete

PAGE = 100


class CustomerNotDeleted(DependencyUnavailable):
    """Stripe did not delete a customer, or cannot be called."""


class BillingData:
    """The customer and the orders of a user."""

    def __init__(
        self,
        table: Table,
        stripe: Stripe,
        customers: Customers,
        checkouts: OpenCheckouts,
        render: Callable[[Order], object],
    ) -> None:
        """`render` makes JSON of an order as its owner sees it."""
        self._table = table
        self._stripe = stripe
        self._customers = customers
        self._checkouts = checkouts
        self._render = render

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (
            ErasureStep("stripe_customer", self.delete_at_stripe),
            ErasureStep("stripe_customer_id", self.forget, ErasurePhase.FORGET),
        )

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (
            ExportPart("stripeCustomer", self.exported_customer),
            ExportPart("orders", self.exported_orders),
        )

    def delete_at_stripe(self, user_id: str) -> StepOutcome:
        """Ends what could still be paid, settles what has been, and deletes the customer, which
        cancels their subscriptions at once and removes their name, address and cards at Stripe. An
        attempt without an outcome is finished first: Stripe may have the customer. Raises
        `CustomerNotDeleted`, `StorageUnavailable` and what the settlement of a payment raises."""
        if self._table.get(keys.users_customer(user_id)) is None:
            return StepOutcome.DONE
        if not self._stripe.configured:
            raise CustomerNotDeleted("no key of Stripe is configured")
        try:
            customer_id = self._customers.finished(user_id)
            self._checkouts.expire(user_id)
            self._checkouts.settle(user_id)
            if customer_id is not None:
                self._stripe.delete_customer(customer_id)
            # A request that began before the account was closed may have made one more.
            self._checkouts.expire(user_id)
        except (StripeUnavailable, StripeRefused) as error:
            raise CustomerNotDeleted(error.code) from error
        return StepOutcome.DONE

    def forget(self, user_id: str) -> StepOutcome:
        """The user's own item goes last: it leads to the others. Raises `StorageUnavailable`."""
        item = self._table.get(keys.users_customer(user_id))
        for customer_id in store.customer_ids(item):
            self._table.write(Delete(keys.customer(customer_id), REPLACE))
        self._table.write(Delete(keys.users_customer(user_id), REPLACE))
        return StepOutcome.DONE

    def exported_customer(self, user_id: str) -> object:
        """Null for someone who is no customer."""
        item = self._table.get(keys.users_customer(user_id))
        if item is None:
            return None
        created_at = iso(from_iso(str(item["createdAt"])))
        return {"customerId": item.get("customerId"), "createdAt": created_at}

    def exported_orders(self, user_id: str) -> Iterator[object]:
        """Every order, newest first, as its owner sees it."""
        after: str | None = ""
        while after is not None:
            orders, after = store.read_orders_page(self._table, user_id, PAGE, after)
            yield from map(self._render, orders)
