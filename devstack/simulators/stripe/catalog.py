"""Products and prices (https://docs.stripe.com/api/prices)."""

from decimal import Decimal

from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.errors import StripeError, invalid, missing_parameter
from devstack.simulators.stripe.wire import Wire


def seed(account: Account, params: Wire, price_id: str) -> None:
    """A product and its price, of that id, which were always there: without an event."""
    product = account.products.add(_product(account, params["id"], params))
    price = _price(account, params, product, Decimal(params["unit_amount"]))
    account.prices.add(price | {"id": price_id, "lookup_key": params["lookup_key"]})


def create_product(account: Account, params: Wire) -> Wire:
    """Emits `product.created`. Raises `StripeError` for an id that exists."""
    identifier = params.get("id") or account.ids.new("prod")
    if account.products.find(identifier) is not None:
        raise StripeError("Product already exists.", "resource_already_exists", "id")
    product = _product(account, identifier, params)
    changed_metadata(product, params)
    account.events.emit("product.created", account.products.add(product))
    return product


def _product(account: Account, identifier: str, params: Wire) -> Wire:
    return {
        "id": identifier,
        "object": "product",
        "active": params.get("active", True),
        "created": account.now(),
        "default_price": None,
        "description": params.get("description"),
        "images": params.get("images", []),
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": params["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "tax_code": params.get("tax_code"),
        "unit_label": params.get("unit_label"),
        "updated": account.now(),
        "url": params.get("url"),
    }


def create_price(account: Account, params: Wire, name: str = "") -> Wire:
    """A price with its product, an existing one or a new one of `product_data`. `name` is where in
    the request the price's parameters are. Emits `price.created`. Raises `StripeError`."""
    if ("product" in params) == ("product_data" in params):
        raise missing_parameter(f"{name}[product]" if name else "product")
    amount = _amount(params, name)
    if "product" in params:
        param = f"{name}[product]" if name else "product"
        product = account.products.get(params["product"], param)
    else:
        product = create_product(account, params["product_data"])
    key = _free_lookup_key(account, params)
    price = _price(account, params, product, amount)
    price["lookup_key"] = key
    changed_metadata(price, params)
    account.events.emit("price.created", account.prices.add(price))
    return price


def _amount(params: Wire, name: str) -> Decimal:
    decimal = params.get("unit_amount_decimal")
    if ("unit_amount" in params) == (decimal is not None):
        raise missing_parameter(f"{name}[unit_amount]" if name else "unit_amount")
    amount = Decimal(params["unit_amount"] if decimal is None else decimal)
    if amount != amount.to_integral_value():
        raise invalid("This simulator takes whole cents only.", "unit_amount_decimal")
    return amount


def _free_lookup_key(account: Account, params: Wire) -> str | None:
    """The price's lookup key, taken from another price where the request wants that."""
    key: str | None = params.get("lookup_key")
    if key is None:
        return None
    for other in account.prices:
        if other["lookup_key"] == key:
            if not params.get("transfer_lookup_key"):
                raise StripeError(
                    f"A price (`{other['id']}`) already uses that lookup key.",
                    "resource_already_exists",
                    "lookup_key",
                )
            other["lookup_key"] = None
    return key


def _price(account: Account, params: Wire, product: Wire, amount: Decimal) -> Wire:
    recurring = params.get("recurring")
    if recurring is not None:
        recurring = {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "usage_type": recurring.get("usage_type", "licensed"),
        }
    return {
        "id": account.ids.new("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": account.now(),
        "currency": params["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": params.get("nickname"),
        "product": product["id"],
        "recurring": recurring,
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": int(amount),
        "unit_amount_decimal": str(int(amount)),
    }
