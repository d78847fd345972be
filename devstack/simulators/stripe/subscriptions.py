"""Subscriptions: how they begin, change and end (https://docs.stripe.com/billing/subscriptions/
overview). How they renew: `renewals.py`."""

from devstack.simulators.stripe import invoices, renewals
from devstack.simulators.stripe.account import Account, changed_metadata
from devstack.simulators.stripe.errors import StripeError, invalid
from devstack.simulators.stripe.invoice_lines import Billed, new_line
from devstack.simulators.stripe.invoices import Draft
from devstack.simulators.stripe.payment_methods import method_of
from devstack.simulators.stripe.periods import period_end, share
from devstack.simulators.stripe.wire import Wire

_DAY = 86_400


def begin(account: Account, session: Wire, method: Wire, intent: Wire | None) -> Wire:
    """The subscription of a checkout, active or on trial, with its first invoice; `intent` is the
    payment that has succeeded or is under way. Emits `customer.subscription.created` and what the
    invoice emits."""
    data = account.requests[session["id"]].get("subscription_data", {})
    lines = account.line_items[session["id"]]
    subscription = _subscription(account, session, method, data)
    changed_metadata(subscription, data)
    subscription["items"]["data"] = [
        _item(account, subscription, line) for line in lines if line["price"]["recurring"]
    ]
    account.events.emit("customer.subscription.created", account.subscriptions.add(subscription))
    _first_invoice(account, subscription, lines, intent)
    renewals.schedule(account, subscription)
    return subscription


def _subscription(account: Account, session: Wire, method: Wire, data: Wire) -> Wire:
    now, identifier = account.now(), account.ids.new("sub")
    trial_end = data.get("trial_end")
    if "trial_period_days" in data:
        trial_end = now + data["trial_period_days"] * _DAY
    missing = data.get("trial_settings") or {
        "end_behavior": {"missing_payment_method": "create_invoice"}
    }
    return {
        "id": identifier,
        "object": "subscription",
        **dict.fromkeys(_NULL),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": trial_end or now,
        "billing_mode": {"flexible": None, "type": "flexible"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": session["currency"],
        "customer": session["customer"],
        "default_payment_method": method["id"],
        "default_tax_rates": [],
        "description": data.get("description"),
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={identifier}",
        },
        "livemode": False,
        "metadata": {},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": now,
        "status": "active" if trial_end is None else "trialing",
        "trial_end": trial_end,
        "trial_settings": missing,
        "trial_start": None if trial_end is None else now,
    }


_NULL = (
    "application",
    "application_fee_percent",
    "billing_cycle_anchor_config",
    "billing_thresholds",
    "cancel_at",
    "canceled_at",
    "days_until_due",
    "default_source",
    "ended_at",
    "latest_invoice",
    "next_pending_invoice_item_invoice",
    "on_behalf_of",
    "pause_collection",
    "pending_invoice_item_interval",
    "pending_setup_intent",
    "pending_update",
    "schedule",
    "test_clock",
    "transfer_data",
)


def _item(account: Account, subscription: Wire, line: Wire) -> Wire:
    now = account.now()
    anchor = subscription["billing_cycle_anchor"]
    end = subscription["trial_end"] or period_end(anchor, now, line["price"]["recurring"])
    return {
        "id": account.ids.new("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": end,
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "price": line["price"],
        "quantity": line["quantity"],
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _first_invoice(
    account: Account, subscription: Wire, lines: list[Wire], intent: Wire | None
) -> None:
    now = account.now()
    free = subscription["status"] == "trialing"
    made = renewals.period_lines(account, subscription, free=free)
    made += [
        new_line(account, Billed(each["price"], each["quantity"], each["amount_total"], now, now))
        for each in lines
        if not each["price"]["recurring"]
    ]
    wanted = Draft(
        subscription["customer"], "subscription_create", made, now, now, subscription=subscription
    )
    invoice = invoices.draft(account, wanted)
    subscription["latest_invoice"] = invoice["id"]
    invoices.finalize(account, invoice)
    if intent is None:
        return
    invoices.link(account, invoice, intent)
    if intent["status"] != "succeeded":
        account.watch(
            intent,
            lambda last: invoices.end_attempt(
                account, invoice, last, lambda _: renewals.after_attempt(account, invoice)
            ),
        )


def update(account: Account, subscription: Wire, params: Wire) -> Wire:
    """Emits `customer.subscription.updated` and what the changes of items emit. Raises
    `StripeError` for one that has ended."""
    if subscription["status"] in renewals.ENDED:
        raise StripeError("A canceled subscription can only update its metadata.", param="id")
    previous = _changed(account, subscription, params)
    changed_metadata(subscription, params)
    if "items" in params:
        _change_items(account, subscription, params)
    account.events.emit("customer.subscription.updated", subscription, previous)
    return subscription


def _changed(account: Account, subscription: Wire, params: Wire) -> Wire:
    """Applies the plain parameters. Returns the former values of what they change."""
    names = (*params.keys(), "cancel_at", "canceled_at", "cancellation_details", "status")
    before = {name: subscription[name] for name in names if name in subscription}
    if "default_payment_method" in params:
        method = method_of(account, params["default_payment_method"], "default_payment_method")
        if method["customer"] != subscription["customer"]:
            raise invalid(
                "The payment method must be attached to the customer.", "default_payment_method"
            )
        subscription["default_payment_method"] = method["id"]
    if "description" in params:
        subscription["description"] = params["description"]
    if "trial_end" in params:
        _end_trial(account, subscription, params["trial_end"])
    if "cancel_at_period_end" in params or "cancel_at" in params:
        _plan_end(account, subscription, params)
    return {name: value for name, value in before.items() if subscription[name] != value}


def _end_trial(account: Account, subscription: Wire, wanted: object) -> None:
    """Moves the trial's end; `now` ends it."""
    end = account.now() if wanted == "now" else wanted
    subscription |= {"trial_end": end, "billing_cycle_anchor": end}
    for item in subscription["items"]["data"]:
        item["current_period_end"] = end
    if wanted != "now":
        subscription["status"] = "trialing"
    renewals.schedule(account, subscription)


def _plan_end(account: Account, subscription: Wire, params: Wire) -> None:
    at_end = params.get("cancel_at_period_end", False)
    at = renewals.current_end(subscription) if at_end else params.get("cancel_at")
    subscription |= {
        "cancel_at_period_end": at_end,
        "cancel_at": at,
        "canceled_at": None if at is None else account.now(),
        "cancellation_details": {
            **subscription["cancellation_details"],
            **params.get("cancellation_details", {}),
            "reason": None if at is None else "cancellation_requested",
        },
    }
    if at is not None:
        account.clock.schedule(at, lambda: renewals.end_if_planned(account, subscription))


def _change_items(account: Account, subscription: Wire, params: Wire) -> None:
    """Changes prices and quantities. What remains of the period is credited and billed anew: with
    the next invoice, or at once with `always_invoice` and where the interval changes."""
    behavior = params.get("proration_behavior", "create_prorations")
    restarts = False
    for index, wanted in enumerate(params["items"]):
        item = _item_of(subscription, wanted, f"items[{index}][id]")
        price = item["price"]
        if "price" in wanted:
            price = account.prices.get(wanted["price"], f"items[{index}][price]")
            if price["recurring"] is None:
                raise invalid("The price must be recurring.", f"items[{index}][price]")
        restarts = _change_item(account, subscription, item, (price, wanted), behavior) or restarts
    if subscription["status"] != "trialing" and (behavior == "always_invoice" or restarts):
        renewals.bill_update(account, subscription, whole_period=restarts)


def _item_of(subscription: Wire, wanted: Wire, param: str) -> Wire:
    for item in subscription["items"]["data"]:
        found: Wire = item
        if found["id"] == wanted.get("id"):
            return found
    raise invalid("This simulator changes existing items only; pass their id.", param)


def _change_item(
    account: Account, subscription: Wire, item: Wire, change: tuple[Wire, Wire], behavior: str
) -> bool:
    """Returns whether the period starts anew, because the interval is another."""
    price, wanted = change
    old, former = item["price"], int(item["quantity"])
    interval = ("interval", "interval_count")
    restarts = any(old["recurring"][name] != price["recurring"][name] for name in interval)
    quantity = int(wanted.get("quantity", former))
    if behavior != "none" and subscription["status"] != "trialing":
        _prorate(account, subscription, item, (old, former), sign=-1)
        if not restarts:
            _prorate(account, subscription, item, (price, quantity), sign=1)
    item |= {"price": price, "quantity": quantity}
    if restarts:
        now = account.now()
        subscription["billing_cycle_anchor"] = now
        item |= {
            "current_period_start": now,
            "current_period_end": period_end(now, now, price["recurring"]),
        }
        renewals.schedule(account, subscription)
    return restarts


def _prorate(
    account: Account, subscription: Wire, item: Wire, priced: tuple[Wire, int], *, sign: int
) -> None:
    price, quantity = priced
    now, end = account.now(), item["current_period_end"]
    amount = share(price["unit_amount"] * quantity, item["current_period_start"], end, now)
    name = account.products.get(price["product"])["name"]
    word = "Unused" if sign < 0 else "Remaining"
    line = new_line(
        account,
        Billed(
            price,
            quantity,
            sign * amount,
            now,
            end,
            subscription=subscription,
            item_id=item["id"],
            proration=True,
            description=f"{word} time on {name}",
        ),
    )
    if sign < 0:
        account.credited[line["id"]] = account.billed[item["id"]]
    else:
        account.billed[item["id"]] = line["id"]
    account.pending_lines.setdefault(subscription["id"], []).append(line)


def cancel(account: Account, subscription: Wire, params: Wire | None = None) -> Wire:
    """Ends the subscription at once. Emits `customer.subscription.deleted`. Raises `StripeError`
    for one that has ended."""
    if subscription["status"] in renewals.ENDED:
        raise StripeError(
            f"No such subscription: '{subscription['id']}'", "resource_missing", status=404
        )
    params = params or {}
    details = params.get("cancellation_details", {})
    if params.get("prorate"):
        for item in subscription["items"]["data"]:
            _prorate(account, subscription, item, (item["price"], item["quantity"]), sign=-1)
    renewals.end(account, subscription, "cancellation_requested", details)
    if params.get("invoice_now") and account.pending_lines.get(subscription["id"]):
        renewals.bill_update(account, subscription, whole_period=False)
    return subscription
