"""Beginning a purchase: the order is stored first, then Stripe makes the checkout session under the
order's id.

In a file of its own because nothing else in billing begins anything."""

from dataclasses import dataclass

import structlog

from service.billing import keys, store
from service.billing.accounts import require_buyer
from service.billing.checkout_params import CheckoutRules, session_params
from service.billing.customers import Customers
from service.billing.entities import StripeRefused, StripeUnavailable
from service.billing.order_entities import (
    MIN_SESSION_MILLISECONDS,
    ORDER_PREFIX,
    SESSION_MILLISECONDS,
    Order,
    OrderEnded,
    OrderKeyReused,
    OrderKind,
    OrderNotFound,
    OrderStatus,
    OrderTerms,
    TooManyOpenOrders,
)
from service.billing.order_records import OrderRecords
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import CheckoutSession
from service.billing.subscribers import Subscribers
from service.core.clock import Clock
from service.core.ids import Ids
from service.core.principal import Principal
from service.ledger.operations import Ledger, Snapshot
from service.storage.table import Cancelled, StorageUnavailable, Table

log = structlog.get_logger()

MAX_TRIES = 4
PAUSE_SECONDS = 0.05
_OTHER_PARAMETERS = "idempotency_error"


@dataclass(frozen=True)
class NewOrder:
    """What a client wants to buy. With an `idempotency_key`, the same request again goes on with
    the same order; `body_hash` says whether it is the same."""

    terms: OrderTerms
    idempotency_key: str | None = None
    body_hash: str = ""


@dataclass(frozen=True)
class Checkout:
    """An order and the session in which it is paid. `replayed`: an earlier request made it."""

    order: Order
    session: CheckoutSession
    replayed: bool = False


class Checkouts:
    """Makes orders and their checkout sessions."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        stripe: Stripe,
        customers: Customers,
        records: OrderRecords,
        subscribers: Subscribers,
        rules: CheckoutRules,
        clock: Clock,
        ids: Ids,
        mac_key: bytes,
        max_open: int,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._stripe = stripe
        self._customers = customers
        self._records = records
        self._subscribers = subscribers
        self._rules = rules
        self._clock = clock
        self._ids = ids
        self._mac_key = mac_key
        self._max_open = max_open

    def begin(self, principal: Principal, wanted: NewOrder) -> Checkout:
        """Stores the order, then has Stripe make its session. A lost response of Stripe's is
        resolved by the same key, now or by the client's next request: there is never a second
        session.

        Before anything of this request is written, raises `BillingNotConfigured`, `OrderKeyReused`,
        `AccountRequired`, `AccountClosing`, `WalletFrozen`, `AlreadySubscribed` or
        `TooManyOpenOrders`, and for a subscription what `Stripe` raises. Afterwards
        `OrderEnded`, `StripeUnavailable` and `StripeRefused` name the order. Raises
        `StorageUnavailable` at any point."""
        self._stripe.require_configured()
        order, replayed = self._placed(principal.subject, wanted)
        structlog.contextvars.bind_contextvars(order_id=order.order_id)
        try:
            return self._opened(order, principal, replayed=replayed)
        except (StripeUnavailable, StripeRefused) as error:
            error.details["orderId"] = order.order_id
            error.location = f"/stripe/orders/{order.order_id}"
            raise

    def _placed(self, user_id: str, wanted: NewOrder) -> tuple[Order, bool]:
        """The order as it is stored now, and whether an earlier request made it."""
        now = self._clock.now()
        new = Order(
            user_id=user_id,
            order_id=self._ids.new(ORDER_PREFIX, now),
            terms=wanted.terms,
            created_at=now,
            expires_at=now + SESSION_MILLISECONDS,
        )
        new = store.sealed_order(new, self._mac_key)
        failure = StorageUnavailable()
        for _ in range(MAX_TRIES):
            snapshot = self._snapshot(new, wanted)
            if (found := self._stored(new, wanted, snapshot)) is not None:
                return found
            try:
                self._write(new, wanted, snapshot)
            except Cancelled:
                # Another order of the user's has just been made.
                self._clock.sleep(PAUSE_SECONDS)
            except StorageUnavailable as error:
                # Whether it was written shows in the next snapshot.
                failure = error
                self._clock.sleep(PAUSE_SECONDS)
            else:
                return new, False
        raise failure

    def _snapshot(self, new: Order, wanted: NewOrder) -> Snapshot:
        related = [keys.open_orders(new.user_id), keys.order(new.user_id, new.order_id)]
        if wanted.idempotency_key is not None:
            related.append(keys.order_key(new.user_id, wanted.idempotency_key))
        return self._ledger.read_snapshot(new.user_id, related)

    def _stored(
        self, new: Order, wanted: NewOrder, snapshot: Snapshot
    ) -> tuple[Order, bool] | None:
        """What the key stands for already, or this request has written. Raises `OrderKeyReused`,
        and what `_require_may_buy` raises where it has no session yet."""
        if wanted.idempotency_key is not None:
            named = snapshot.item(keys.order_key(new.user_id, wanted.idempotency_key))
            if named is not None:
                order_id = str(named["orderId"])
                if named["bodyHash"] != wanted.body_hash:
                    raise OrderKeyReused(
                        details={"orderId": order_id}, location=f"/stripe/orders/{order_id}"
                    )
                try:
                    order = self._records.read(new.user_id, order_id)
                except OrderNotFound:
                    # Never paid, and deleted since. The key is free.
                    return None
                if order.status.is_open and not order.session_id:
                    # It will begin a payment, which may make a customer of an erased user.
                    self._require_may_buy(order, snapshot)
                return order, order_id != new.order_id
        if snapshot.item(keys.order(new.user_id, new.order_id)) is not None:
            return new, False
        return None

    def _write(self, new: Order, wanted: NewOrder, snapshot: Snapshot) -> None:
        self._require_may_buy(new, snapshot)
        listed, version = store.open_orders_from(snapshot.item(keys.open_orders(new.user_id)))
        still_open = self._records.still_open(new.user_id, listed)
        if len(still_open) >= self._max_open:
            raise TooManyOpenOrders(
                details={"limit": self._max_open, "orderIds": still_open},
                retry_after_seconds=SESSION_MILLISECONDS // 1000,
            )
        writes = store.new_order_writes(new, (*still_open, new.order_id), version)
        if wanted.idempotency_key is not None:
            named = snapshot.item(keys.order_key(new.user_id, wanted.idempotency_key))
            key, body_hash = wanted.idempotency_key, wanted.body_hash
            writes.append(store.order_key_write(new, key, body_hash, named))
        self._table.transact(writes)

    def _require_may_buy(self, order: Order, snapshot: Snapshot) -> None:
        """Raises what `require_buyer` and `Subscribers.require_none` raise."""
        require_buyer(snapshot.wallet)
        if order.terms.kind is OrderKind.SUBSCRIPTION:
            self._subscribers.require_none(order.user_id)

    def _opened(self, order: Order, principal: Principal, *, replayed: bool) -> Checkout:
        if order.status in (OrderStatus.EXPIRED, OrderStatus.FAILED):
            raise _ended(order)
        if order.session_id:
            session = self._stripe.retrieve_checkout_session(order.session_id)
            if session.status == "expired":
                raise _ended(order)
            return Checkout(order, session, replayed)
        if self._clock.now() > order.expires_at - MIN_SESSION_MILLISECONDS:
            # Stripe would refuse so short a session.
            raise _ended(order)
        return Checkout(*self._session(order, principal), replayed)

    def _session(self, order: Order, principal: Principal) -> tuple[Order, CheckoutSession]:
        email = principal.email if principal.email_verified else None
        customer_id = self._customers.ensure(order.user_id, email)
        try:
            session = self._created(order, customer_id)
        except StripeRefused as refusal:
            if refusal.is_missing and refusal.param == "customer":
                # Deleted at Stripe by hand. The next request makes another.
                self._customers.replace(order.user_id, customer_id)
                raise StripeUnavailable from refusal
            if refusal.kind != _OTHER_PARAMETERS:
                self._records.end(order, OrderStatus.FAILED)
            raise
        return self._records.bind(order, session), session

    def _created(self, order: Order, customer_id: str) -> CheckoutSession:
        params = session_params(order, customer_id, self._rules)
        return self._stripe.create_checkout_session(params, order.order_id)


def _ended(order: Order) -> OrderEnded:
    return OrderEnded(
        details={"orderId": order.order_id}, location=f"/stripe/orders/{order.order_id}"
    )
