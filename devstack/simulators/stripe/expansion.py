"""`expand[]`: objects in place of their ids, up to four levels deep
(https://docs.stripe.com/api/expanding_objects)."""

from collections.abc import Callable, Mapping
from typing import Any

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.collection import Collection, list_of
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.wire import Wire

MAX_DEPTH = 4

Included = Callable[[Account, Wire], list[Wire]]


def _line_items(account: Account, session: Wire) -> list[Wire]:
    return account.line_items.get(session["id"], [])


def _refunds(account: Account, charge: Wire) -> list[Wire]:
    return account.refunds.where(charge=charge["id"])[::-1]


def _payments(account: Account, invoice: Wire) -> list[Wire]:
    return account.invoice_payments.where(invoice=invoice["id"])[::-1]


def _subscriptions(account: Account, customer: Wire) -> list[Wire]:
    found = account.subscriptions.where(customer=customer["id"])
    return [each for each in reversed(found) if each["status"] != "canceled"]


# Lists that an object only has when they are expanded.
_INCLUDABLE: Mapping[tuple[str, str], Included] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
    ("invoice", "payments"): _payments,
    ("customer", "subscriptions"): _subscriptions,
}


class Expander:
    """Expands copies: what is stored never changes."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._fields: dict[str, tuple[Collection, ...]] = {
            "customer": (account.customers,),
            "payment_intent": (account.intents,),
            "payment_method": (account.methods,),
            "default_payment_method": (account.methods,),
            "latest_charge": (account.charges,),
            "charge": (account.charges,),
            "balance_transaction": (account.balance,),
            "failure_balance_transaction": (account.balance,),
            "invoice": (account.invoices,),
            "latest_invoice": (account.invoices,),
            "subscription": (account.subscriptions,),
            "customer_balance_transaction": (account.customer_balances,),
            "refund": (account.refunds,),
            "product": (account.products,),
            "source": (account.charges, account.refunds, account.disputes),
            "setup_intent": (account.setups,),
            "pending_setup_intent": (),
            "review": (),
            "default_price": (account.prices,),
        }

    def expand(self, item: Wire, paths: list[str]) -> Wire:
        """Raises `StripeError` for a path that is too deep or leads to nothing expandable."""
        for path in paths:
            parts = path.split(".")
            if len([part for part in parts if part != "data"]) > MAX_DEPTH:
                message = f"You cannot expand more than 4 levels of a property. Property: {path}"
                raise StripeError(message, param="expand")
            item = self._follow(item, parts, path)
        return item

    def _follow(self, item: Any, parts: list[str], path: str) -> Any:
        """A copy of the item, expanded along these parts of the path."""
        if isinstance(item, list):
            return [self._follow(each, parts, path) for each in item]
        if not isinstance(item, dict) or not parts:
            return item
        name, rest = parts[0], parts[1:]
        value = self._value(item, name, path)
        return {**item, name: self._follow(value, rest, path)}

    def _value(self, item: Wire, name: str, path: str) -> Any:
        included = _INCLUDABLE.get((item.get("object", ""), name))
        if included is not None:
            if isinstance(item.get(name), dict):
                return item[name]
            url = f"/v1/{_plural(item['object'])}/{item['id']}/{name}"
            return list_of(included(self._account, item), url, {})
        if name not in item or (
            not isinstance(item[name], dict | list) and name not in self._fields
        ):
            message = f"This property cannot be expanded ({path})."
            raise StripeError(message, param="expand")
        value = item[name]
        return self._object(name, value) if isinstance(value, str) else value

    def _object(self, name: str, identifier: str) -> Wire | str:
        for collection in self._fields[name]:
            found = collection.find(identifier)
            if found is not None:
                return found
        return identifier


def _plural(kind: str) -> str:
    return {"checkout.session": "checkout/sessions"}.get(kind, f"{kind}s")
