"""The keys of billing: purchases, orders and the names that lead to them, customers at Stripe,
Stripe's events."""

import hashlib

from service.storage.keys import DUE_TIME_END, DueKind, ItemKind, Key, due_time, user_partition

PURCHASE_PREFIX = "PURCHASE#"
PURCHASES_PREFIX = "PURCHASES#"
ORDER_PREFIX = "ORDER#"
ORDER_KEY_PREFIX = "ORDER_KEY#"
CUSTOMER_PREFIX = "STRIPE_CUSTOMER#"
EVENT_PREFIX = "STRIPE_EVENT#"
_OWNER = "billing"

PURCHASE = ItemKind(
    "purchase",
    _OWNER,
    "PURCHASE#<payment id>",
    "PURCHASE",
    "what a payment has brought to a user, and what was taken back of it",
    "GSI1 `PURCHASES#<user id>` / `<newest first>#<payment id>`; GSI2 "
    "`DUE#PURCHASE#<shard>` / `<due, 13 digits of ms>` while a fraud warning stands",
)
ORDER = ItemKind(
    "order",
    _OWNER,
    "USER#<user id>",
    "ORDER#<order id>",
    "what a user wanted to buy: its terms, sealed, and what became of it; TTL 30 days after its "
    "checkout unless it is paid",
)
ORDER_KEY = ItemKind(
    "order key",
    _OWNER,
    "USER#<user id>",
    "ORDER_KEY#<sha256>",
    "the order that a client's idempotency key led to; TTL 30 days after its checkout",
)
OPEN_ORDERS = ItemKind(
    "open orders",
    _OWNER,
    "USER#<user id>",
    "OPEN_ORDERS",
    "which orders of a user may still wait for a payment",
)
USERS_CUSTOMER = ItemKind(
    "user's Stripe customer",
    _OWNER,
    "USER#<user id>",
    "STRIPE_CUSTOMER",
    "the customer at Stripe, or the attempt to make one",
)
CUSTOMER = ItemKind(
    "Stripe customer",
    _OWNER,
    "STRIPE_CUSTOMER#<customer id>",
    "CUSTOMER",
    "whose customer at Stripe it is",
)
TOP_UP = ItemKind(
    "top-up",
    _OWNER,
    "USER#<user id>",
    "TOP_UP",
    "what a user has chosen of automatic top-up, and the purchase under way",
    "GSI2 `DUE#TOP_UP#<shard>` / `<due, 13 digits of ms>`",
)
DUE_TOP_UPS = DueKind("TOP_UP", _OWNER, shards=1)
DUE_PURCHASES = DueKind("PURCHASE", _OWNER, shards=1)
DUE_EVENTS = DueKind("STRIPE_EVENT", _OWNER, shards=4)
# Due for an operator: no sweep takes these up.
DEAD_EVENTS = DueKind("STRIPE_DEAD", _OWNER, shards=1)

EVENT_ITEM = ItemKind(
    "Stripe event",
    _OWNER,
    "STRIPE_EVENT#<event id>",
    "EVENT",
    "an event of Stripe's: its type, the object it names, how far it has been dealt with",
    "GSI2 `DUE#STRIPE_EVENT#<shard>` / `<due, 13 digits of ms>`; dead: `DUE#STRIPE_DEAD#0`",
)
SWEEP_ITEM = ItemKind(
    "Stripe event sweep",
    _OWNER,
    "SYSTEM",
    "STRIPE_EVENT_SWEEP",
    "how far the walk over Stripe's own list of events has come",
)
ITEMS = (
    *(PURCHASE, ORDER, ORDER_KEY, OPEN_ORDERS, USERS_CUSTOMER, CUSTOMER),
    *(EVENT_ITEM, SWEEP_ITEM, TOP_UP),
)
DUE = (DUE_PURCHASES, DUE_EVENTS, DEAD_EVENTS, DUE_TOP_UPS)

SWEEP = Key("SYSTEM", "STRIPE_EVENT_SWEEP")


def purchase(payment_id: str) -> Key:
    return Key(f"{PURCHASE_PREFIX}{payment_id}", PURCHASE.sk)


def purchase_in(pk: str) -> Key:
    """The purchase whose partition it is."""
    return Key(pk, PURCHASE.sk)


def payment_of(key: Key) -> str:
    return key.pk.removeprefix(PURCHASE_PREFIX)


def purchases_of(user_id: str) -> str:
    """The partition of GSI1 that lists a user's purchases."""
    return f"{PURCHASES_PREFIX}{user_id}"


def listing(user_id: str, at: int, payment_id: str) -> dict[str, str]:
    """The attributes that list a purchase among its user's, the newest first."""
    return {
        "GSI1PK": purchases_of(user_id),
        "GSI1SK": f"{due_time(DUE_TIME_END - 1 - at)}#{payment_id}",
    }


def order(user_id: str, order_id: str) -> Key:
    return Key(user_partition(user_id), f"{ORDER_PREFIX}{order_id}")


def order_key(user_id: str, idempotency_key: str) -> Key:
    """The client's key is hashed, so that it can hold anything."""
    digest = hashlib.sha256(idempotency_key.encode()).hexdigest()
    return Key(user_partition(user_id), f"{ORDER_KEY_PREFIX}{digest}")


def open_orders(user_id: str) -> Key:
    return Key(user_partition(user_id), OPEN_ORDERS.sk)


def users_customer(user_id: str) -> Key:
    return Key(user_partition(user_id), USERS_CUSTOMER.sk)


def customer(customer_id: str) -> Key:
    return Key(f"{CUSTOMER_PREFIX}{customer_id}", CUSTOMER.sk)


def customer_in(pk: str) -> Key:
    """The customer whose partition it is."""
    return Key(pk, CUSTOMER.sk)


def customer_id_of(key: Key) -> str:
    return key.pk.removeprefix(CUSTOMER_PREFIX)


def event(event_id: str) -> Key:
    return Key(f"{EVENT_PREFIX}{event_id}", "EVENT")


def event_id_of(key: Key) -> str:
    """The inverse of `event`."""
    return key.pk.removeprefix(EVENT_PREFIX)


def top_up(user_id: str) -> Key:
    return Key(user_partition(user_id), TOP_UP.sk)
