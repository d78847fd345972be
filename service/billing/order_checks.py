"""What the audit proves of orders and customers.

In a file of its own because purchases have checks of their own."""

from collections.abc import Iterator

from service.billing import keys, store
from service.billing.order_entities import Order, OrderKind, OrderStatus
from service.core.clock import from_iso
from service.storage.checks import ItemCheck, PartitionReader, PrefixCheck, Violation
from service.storage.codec import Item

UNSEALED = "is not as this service wrote it (its MAC does not hold)"


def order_checks(mac_key: bytes) -> tuple[ItemCheck | PrefixCheck, ...]:
    def order_faults(item: Item) -> Iterator[str]:
        order = store.order_from(item)
        if not store.is_sealed(order, mac_key):
            yield UNSEALED
        yield from _state_faults(order)
        if order.status is OrderStatus.PAID and store.EXPIRES_AT in item:
            yield "is paid, and would be deleted"

    return (
        ItemCheck(keys.ORDER, order_faults),
        ItemCheck(keys.ORDER_KEY, _order_key_faults),
        ItemCheck(keys.OPEN_ORDERS, _open_orders_faults),
        ItemCheck(keys.USERS_CUSTOMER, _users_customer_faults),
        ItemCheck(keys.CUSTOMER, _customer_faults),
        PrefixCheck(keys.CUSTOMER_PREFIX, keys.customer_in, _customer_link_faults),
    )


def _state_faults(order: Order) -> Iterator[str]:
    is_paid = order.status is OrderStatus.PAID
    if is_paid and not (order.payment_id and order.completed_at):
        yield "is paid, by no payment or at no time"
    if order.payment_id and not is_paid:
        yield "has a payment and is not paid"
    if order.status is OrderStatus.CREATED and order.session_id:
        yield "has a session that no one may know of"
    if order.terms.kind is OrderKind.PACKAGE and order.terms.total <= 0:
        yield "brings no credits"
    if order.version < 1:
        yield "its version is not one of ours"


def _order_key_faults(item: Item) -> Iterator[str]:
    if not item["orderId"] or not item["bodyHash"]:
        yield "does not say what it stands for"


def _open_orders_faults(item: Item) -> Iterator[str]:
    ids, version = store.open_orders_from(item)
    if version < 1 or len(set(ids)) < len(ids):
        yield "is no list of ours"


def _users_customer_faults(item: Item) -> Iterator[str]:
    from_iso(str(item["createdAt"]))
    if not item["attemptId"]:
        yield "no attempt has made it"


def _customer_faults(item: Item) -> Iterator[str]:
    from_iso(str(item["createdAt"]))
    if not item["userId"]:
        yield "does not say whose it is"


def _customer_link_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """A customer's user has, or has had, that customer, unless it has only just been made."""
    head = keys.customer_in(pk)
    item = reader.one(head)
    if item is None:
        return
    users = reader.one(keys.users_customer(str(item["userId"])))
    known = store.customer_ids(users)
    is_being_made = users is not None and "customerId" not in users
    if keys.customer_id_of(head) not in known and not is_being_made:
        yield Violation(str(head), "is not the customer of its user")
