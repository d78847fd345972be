"""Customers at Stripe: one for each user, made when it is first needed.

In a file of its own because payments, subscriptions and the erasure all need it, and it needs no
order."""

import structlog

from service.billing import keys, store
from service.billing.accounts import require_account
from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.stripe_client import Stripe
from service.core.clock import Clock, from_iso
from service.core.ids import Ids
from service.core.metrics import Metric, Metrics
from service.ledger.operations import Ledger
from service.storage.codec import Item
from service.storage.table import Cancelled, ConditionFailed, Table
from service.storage.writes import Write

log = structlog.get_logger()

# Stripe forgets an idempotency key after 24 hours at the earliest.
ATTEMPT_MILLISECONDS = 23 * 3600 * 1000
MAX_TRIES = 4
_ATTEMPT = "cat"
_ALARM = "customer"


class Customers:
    """The attempt to make a customer is stored before Stripe is called, and its id is the
    idempotency key: requests side by side, and one that goes on after a lost response, have the
    same customer. The user's id would not do as a key: someone who comes back within a day of their
    erasure would receive the customer that was deleted.

    The account is read again after the attempt is stored: if its erasure has begun, no customer is
    made; an erasure that begins later finds the attempt, and finishes it."""

    def __init__(
        self,
        table: Table,
        stripe: Stripe,
        ledger: Ledger,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
    ) -> None:
        self._table = table
        self._stripe = stripe
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._ids = ids

    def ensure(self, user_id: str, email: str | None) -> str:
        """The id of the user's customer, which is made if there is none. Stripe sends receipts to
        the `email`. Raises `AccountRequired` or `AccountClosing` where one would be made for a user
        who is erased, what `Stripe` raises, and `StorageUnavailable`."""
        self._stripe.require_configured()
        for _ in range(MAX_TRIES):
            item = self._table.get(keys.users_customer(user_id))
            if item is not None and "customerId" in item:
                return str(item["customerId"])
            self._require_account(user_id)
            attempt_id = self._attempt(user_id, item)
            if attempt_id is None:
                continue
            self._require_account(user_id)
            if found := self._made(user_id, attempt_id, email):
                return found
        raise StripeUnavailable

    def finished(self, user_id: str) -> str | None:
        """The id of the customer of a user who is erased; an attempt without an outcome is finished
        first. None where there is none, and where Stripe may have forgotten the attempt. Raises
        what `Stripe` raises, and `StorageUnavailable`."""
        item = self._table.get(keys.users_customer(user_id))
        if item is not None and "customerId" not in item and self._is_young(item):
            return self._made(user_id, str(item["attemptId"]), None) or self.of_user(user_id)
        return self.of_user(user_id)

    def user_of(self, customer_id: str) -> str | None:
        """Whose customer that is; None for one that we do not know, or no longer. Where a restored
        table has lost it, Stripe says whose it is: it is stored again, after an alarm. Raises what
        `Stripe` raises, and `StorageUnavailable`."""
        item = self._table.get(keys.customer(customer_id)) if customer_id else None
        if item is not None:
            return str(item["userId"])
        return self._restored(customer_id) if customer_id else None

    def of_user(self, user_id: str) -> str | None:
        """The id of the user's customer, if there is one."""
        item = self._table.get(keys.users_customer(user_id))
        return str(item["customerId"]) if item and "customerId" in item else None

    def all_of_user(self, user_id: str) -> tuple[str, ...]:
        """The ids of every customer that the user has been; the present one last."""
        return store.customer_ids(self._table.get(keys.users_customer(user_id)))

    def replace(self, user_id: str, customer_id: str) -> None:
        """Whoever needs a customer next makes another. Only for one that Stripe has no more: events
        about it may still come, so its own item stays."""
        item = self._table.get(keys.users_customer(user_id))
        if item is not None and item.get("customerId") == customer_id:
            now = self._clock.now()
            attempt_id = self._ids.new(_ATTEMPT, now)
            self._written(store.customer_replaced_write(user_id, item, attempt_id, now))

    def _restored(self, customer_id: str) -> str | None:
        """Whose customer it is by Stripe's metadata, which our key alone writes, if the user's own
        item agrees or is lost as well. Never an erased user's: theirs is deleted."""
        user_id = self._user_at_stripe(customer_id)
        if not user_id or not self._has_account(user_id):
            return None
        item, now = self._table.get(keys.users_customer(user_id)), self._clock.now()
        if item is not None and customer_id not in store.customer_ids(item):
            log.error("stripe_customer_contradicts", customer_id=customer_id, user_id=user_id)
            self._metrics.count(Metric.PAYMENT_ALARMS, alarm=_ALARM)
            return None
        writes: list[Write] = [store.customer_claim_write(user_id, customer_id, now)]
        if item is None:
            attempt_id = self._ids.new(_ATTEMPT, now)
            writes.append(store.customer_restored_write(user_id, attempt_id, customer_id, now))
        try:
            self._table.transact(writes)
        except Cancelled as cancelled:
            # A customer is being made at this moment.
            raise StripeUnavailable from cancelled
        log.error("stripe_customer_restored", customer_id=customer_id, user_id=user_id)
        self._metrics.count(Metric.PAYMENT_ALARMS, alarm=_ALARM)
        return user_id

    def _user_at_stripe(self, customer_id: str) -> str:
        try:
            customer = self._stripe.retrieve_customer(customer_id)
        except StripeRefused as refusal:
            if refusal.is_missing:
                return ""
            raise
        is_ours = not customer.deleted and customer.livemode is self._stripe.livemode
        return customer.metadata.get("userId", "") if is_ours else ""

    def _has_account(self, user_id: str) -> bool:
        wallet = self._ledger.balance(user_id).wallet
        return wallet is not None and not wallet.is_leaving

    def _attempt(self, user_id: str, item: Item | None) -> str | None:
        """The id of the attempt that goes on, or of a new one; None when another process has just
        begun one."""
        if item is not None and self._is_young(item):
            return str(item["attemptId"])
        now = self._clock.now()
        attempt_id = self._ids.new(_ATTEMPT, now)
        written = self._written(store.customer_attempt_write(user_id, attempt_id, now, item))
        return attempt_id if written else None

    def _is_young(self, item: Item) -> bool:
        return self._clock.now() < from_iso(str(item["createdAt"])) + ATTEMPT_MILLISECONDS

    def _require_account(self, user_id: str) -> None:
        require_account(self._ledger.balance(user_id).wallet)

    def _made(self, user_id: str, attempt_id: str, email: str | None) -> str | None:
        """The customer's id, once it is stored; None when another process has stored it first. All
        parameters follow from the user's id: the same key with others would be refused."""
        params = {"metadata": {"userId": user_id}}
        customer = self._stripe.create_customer(params, f"customer-{attempt_id}")
        try:
            now = self._clock.now()
            self._table.transact(store.customer_writes(user_id, attempt_id, customer.id, now))
        except Cancelled:
            return None
        if email:
            self._add_email(customer.id, email, attempt_id)
        return customer.id

    def _add_email(self, customer_id: str, email: str, attempt_id: str) -> None:
        """Without it, the checkout requests an address from the buyer."""
        try:
            self._stripe.update_customer(customer_id, {"email": email}, f"email-{attempt_id}")
        except (StripeUnavailable, StripeRefused) as error:
            log.warning("customer_email_not_set", reason=error.code)

    def _written(self, write: Write) -> bool:
        try:
            self._table.write(write)
        except ConditionFailed:
            return False
        return True
