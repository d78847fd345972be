"""The data file of packages, orders and customers as items. Builds writes, sends none."""

import json
from decimal import Decimal
from importlib import resources
from typing import Any

from service.billing import keys
from service.billing.order_entities import (
    Order,
    OrderKind,
    OrderStatus,
    OrderTerms,
    Package,
    UiMode,
    package_from,
    validated,
)
from service.core.amounts import amount_of, credits_of
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.keys import user_of, user_partition
from service.storage.table import Table
from service.storage.writes import ABSENT, REPLACE, Put, Update, When, Write

# DynamoDB deletes an item some time after this, in seconds.
EXPIRES_AT = "expiresAt"


def read_packages() -> tuple[Package, ...]:
    """Every package in the order of the file. Raises `ValueError` if the file is invalid."""
    text = resources.files("service.billing").joinpath("packages.json").read_text("utf-8")
    return packages_from(text)


def packages_from(text: str) -> tuple[Package, ...]:
    """Raises `ValueError` with a sentence that names the fault."""
    try:
        rows = json.loads(text, parse_float=Decimal)["packages"]
        return validated(tuple(map(package_from, rows)))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"packages.json: {error}") from error


def sealed_order(order: Order, mac_key: bytes) -> Order:
    """The order with the seal over its terms: what a payment brings is read from them."""
    return Order(**{**vars(order), "mac": seal(_sealed_facts(order), mac_key)})


def is_sealed(order: Order, mac_key: bytes) -> bool:
    """Whether this service wrote its terms so."""
    return holds(order.mac, _sealed_facts(order), mac_key)


def order_from(item: Item) -> Order:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    completed_at = fields.get("completedAt")
    return Order(
        user_id=user_of(fields["PK"]),
        order_id=fields["SK"].removeprefix(keys.ORDER_PREFIX),
        terms=_terms_from(fields),
        created_at=from_iso(fields["createdAt"]),
        expires_at=from_iso(fields["paidUntil"]),
        status=OrderStatus(fields["status"]),
        session_id=fields.get("sessionId", ""),
        payment_id=fields.get("paymentId", ""),
        completed_at=None if completed_at is None else from_iso(completed_at),
        version=whole_number(fields["version"]),
        mac=fields["mac"],
        is_kept=EXPIRES_AT not in fields,
    )


def new_order_writes(order: Order, open_ids: tuple[str, ...], version: int) -> list[Write]:
    """A new order and its place among the open ones, whose list had that version (0: none)."""
    guard = When(equals={"version": version}) if version else ABSENT
    listed: Item = {"version": version + 1, "orderIds": open_ids}
    return [
        order_put(order),
        Update(keys.open_orders(order.user_id), guard, set=listed),
    ]


def order_put(order: Order) -> Put:
    """A new order."""
    key = keys.order(order.user_id, order.order_id)
    return Put(key, {**_terms_item(order), **_state(order), EXPIRES_AT: order.kept_until // 1000})


def order_key_write(
    order: Order, idempotency_key: str, body_hash: str, before: Item | None = None
) -> Put:
    """In the place of `before`, whose order is gone."""
    named: Item = {
        "orderId": order.order_id,
        "bodyHash": body_hash,
        EXPIRES_AT: order.kept_until // 1000,
    }
    guard = When(equals={"orderId": before["orderId"]}) if before else ABSENT
    return Put(keys.order_key(order.user_id, idempotency_key), named, guard)


def order_change(before: Order, after: Order) -> Update:
    """The next state of an order, behind exactly the version that was read. One that is paid, or
    was and has failed all the same, is an accounting record, and stays."""
    guard = When(equals={"version": before.version})
    state = {name: value for name, value in _state(after).items() if value is not None}
    stays = (EXPIRES_AT,) if after.status is OrderStatus.PAID or after.is_kept else ()
    return Update(keys.order(before.user_id, before.order_id), guard, set=state, remove=stays)


def open_orders_from(item: Item | None) -> tuple[tuple[str, ...], int]:
    """The ids of orders that were open when the list was written, and its version."""
    if item is None:
        return (), 0
    ids: Any = item["orderIds"]
    return tuple(ids), whole_number(item["version"])


def read_order(table: Table, user_id: str, order_id: str) -> Order | None:
    item = table.get(keys.order(user_id, order_id))
    return order_from(item) if item else None


def read_orders_page(
    table: Table, user_id: str, limit: int, after: str
) -> tuple[tuple[Order, ...], str | None]:
    """The user's orders, newest first, and the sort key behind which there are more."""
    partition = user_partition(user_id)
    page = table.query(partition, keys.ORDER_PREFIX, limit=limit, after=after, ascending=False)
    last = str(page.items[-1]["SK"]) if page.more and page.items else None
    return tuple(map(order_from, page.items)), last


def customer_attempt_write(user_id: str, attempt_id: str, now: int, before: Item | None) -> Write:
    """The attempt to make a customer, in the place of exactly what was read there."""
    key, item = keys.users_customer(user_id), {"attemptId": attempt_id, "createdAt": iso(now)}
    if before is None:
        return Put(key, item)
    return Update(
        key, When(equals={"attemptId": before["attemptId"], "customerId": None}), set=item
    )


def customer_writes(
    user_id: str, attempt_id: str, customer_id: str, now: int
) -> tuple[Put, Update]:
    """The customer that came of an attempt, by its own id and by the user's."""
    guard = When(equals={"attemptId": attempt_id, "customerId": None})
    found: Item = {"customerId": customer_id}
    by_user = Update(keys.users_customer(user_id), guard, set=found)
    return customer_claim_write(user_id, customer_id, now), by_user


def customer_claim_write(user_id: str, customer_id: str, now: int) -> Put:
    """Whose customer that is. Written again it says the same."""
    named: Item = {"userId": user_id, "createdAt": iso(now)}
    return Put(keys.customer(customer_id), named, REPLACE)


def customer_restored_write(user_id: str, attempt_id: str, customer_id: str, now: int) -> Put:
    """The customer of a user whose own item is lost."""
    found: Item = {"attemptId": attempt_id, "createdAt": iso(now), "customerId": customer_id}
    return Put(keys.users_customer(user_id), found)


def customer_replaced_write(user_id: str, item: Item, attempt_id: str, now: int) -> Update:
    """A new attempt in the place of a customer that Stripe has no more, and its id, which still
    leads to the user."""
    guard = When(equals={"customerId": item["customerId"]})
    begun: Item = {
        "attemptId": attempt_id,
        "createdAt": iso(now),
        "formerIds": customer_ids(item),
    }
    return Update(keys.users_customer(user_id), guard, set=begun, remove=("customerId",))


def customer_ids(item: Item | None) -> tuple[str, ...]:
    """Every customer that a user has been; the present one last."""
    fields: Any = item or {}
    present = fields.get("customerId")
    return (*fields.get("formerIds", ()), *((present,) if present else ()))


def _terms_item(order: Order) -> dict[str, Value]:
    terms = order.terms
    return {
        "kind": terms.kind,
        "productId": terms.product_id,
        "name": terms.name,
        "credits": credits_of(terms.credits),
        "bonusCredits": credits_of(terms.bonus),
        "amountCents": terms.amount_cents,
        "currency": terms.currency,
        "lifeDays": terms.life_days,
        "uiMode": terms.ui_mode,
        "savesMethod": terms.saves_method,
        "trialDays": terms.trial_days or None,
        "createdAt": iso(order.created_at),
        # TTL would read `expiresAt`.
        "paidUntil": iso(order.expires_at),
    }


def _terms_from(fields: Any) -> OrderTerms:
    life = fields.get("lifeDays")
    return OrderTerms(
        kind=OrderKind(fields["kind"]),
        product_id=fields["productId"],
        name=fields["name"],
        credits=amount_of(fields["credits"]),
        bonus=amount_of(fields["bonusCredits"]),
        amount_cents=whole_number(fields["amountCents"]),
        currency=fields["currency"],
        life_days=None if life is None else whole_number(life),
        ui_mode=UiMode(fields["uiMode"]),
        saves_method=bool(fields["savesMethod"]),
        trial_days=whole_number(fields.get("trialDays", 0)),
    )


def _state(order: Order) -> dict[str, Value]:
    return {
        "status": order.status,
        "sessionId": order.session_id or None,
        "paymentId": order.payment_id or None,
        "completedAt": None if order.completed_at is None else iso(order.completed_at),
        "version": order.version,
        "mac": order.mac,
    }


def _sealed_facts(order: Order) -> list[object]:
    place = str(keys.order(order.user_id, order.order_id))
    return ["order", place, encode_item(_terms_item(order))]
