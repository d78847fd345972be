"""Lists with filters of their own: what a plain comparison of fields cannot select."""

from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.collection import check_cursors, list_of
from devstack.simulators.stripe.errors import missing_object
from devstack.simulators.stripe.intents import live_customer
from devstack.simulators.stripe.renewals import ENDED
from devstack.simulators.stripe.wire import Wire


def _chosen(params: Wire, *names: str) -> Wire:
    return {name: params[name] for name in names if name in params}


def _agrees(item: Wire, filters: Wire) -> bool:
    return all(item[name] == value for name, value in filters.items())


def prices(account: Account, params: Wire) -> Wire:
    """By `lookup_keys` besides the price's own fields."""
    keys = params.get("lookup_keys")
    filters = _chosen(params, "active", "currency", "product", "type")

    def accepted(price: Wire) -> bool:
        return (keys is None or price["lookup_key"] in keys) and _agrees(price, filters)

    return account.prices.page(params, "/v1/prices", accepted)


def sessions(account: Account, params: Wire) -> Wire:
    """By the e-mail address that the payer entered besides the session's own fields."""
    email = params.get("customer_details", {}).get("email")
    filters = _chosen(params, "customer", "payment_intent", "status", "subscription")

    def accepted(session: Wire) -> bool:
        found = (session["customer_details"] or {}).get("email")
        return (email is None or found == email) and _agrees(session, filters)

    return account.sessions.page(params, "/v1/checkout/sessions", accepted)


def line_items(account: Account, params: Wire, identifier: str) -> Wire:
    """The lines of a checkout session."""
    account.sessions.get(identifier)
    url = f"/v1/checkout/sessions/{identifier}/line_items"
    return list_of(account.line_items[identifier], url, params)


def methods_of(account: Account, params: Wire, identifier: str) -> Wire:
    """The saved payment methods of a customer."""
    live_customer(account, identifier)
    query = {**params, "customer": identifier}
    return account.methods.page(query, f"/v1/customers/{identifier}/payment_methods")


def subscriptions(account: Account, params: Wire) -> Wire:
    """Without `status`, all but those that have ended."""
    status = params.get("status")
    filters = _chosen(params, "customer", "collection_method")

    def accepted(subscription: Wire) -> bool:
        items = subscription["items"]["data"]
        priced = "price" not in params or any(
            each["price"]["id"] == params["price"] for each in items
        )
        return priced and _agrees(subscription, filters) and _has_status(subscription, status)

    return account.subscriptions.page(params, "/v1/subscriptions", accepted)


def _has_status(subscription: Wire, wanted: str | None) -> bool:
    ended = subscription["status"] in ENDED
    match wanted:
        case None:
            return not ended
        case "all":
            return True
        case "ended":
            return ended
        case _:
            return bool(subscription["status"] == wanted)


def invoices(account: Account, params: Wire) -> Wire:
    """By `subscription` besides the invoice's own fields."""
    wanted = params.get("subscription")
    filters = _chosen(params, "customer", "status", "collection_method")

    def accepted(invoice: Wire) -> bool:
        details = (invoice["parent"] or {}).get("subscription_details", {})
        of_it = wanted is None or details.get("subscription") == wanted
        return of_it and _agrees(invoice, filters)

    return account.invoices.page(params, "/v1/invoices", accepted)


def invoice_payments(account: Account, params: Wire) -> Wire:
    """By the payment intent besides the invoice."""
    query = {name: value for name, value in params.items() if name != "payment"}
    if (wanted := params.get("payment", {}).get("payment_intent")) is not None:
        query["payment.payment_intent"] = wanted
    return account.invoice_payments.page(query, "/v1/invoice_payments")


def invoice_lines(account: Account, params: Wire, identifier: str) -> Wire:
    """The lines of an invoice, those that it comes with and the rest."""
    account.invoices.get(identifier)
    return lines_page(account.lines[identifier], f"/v1/invoices/{identifier}/lines", params)


def credit_note_lines(account: Account, params: Wire, identifier: str) -> Wire:
    """The lines of a credit note."""
    found = account.credit_notes.get(identifier)["lines"]
    return lines_page(found["data"], found["url"], params)


def lines_page(lines: list[Wire], url: str, params: Wire) -> Wire:
    """A page of lines, which are listed in their own sequence."""
    check_cursors(params)
    after = params.get("starting_after")
    ids = [line["id"] for line in lines]
    if after is not None and after not in ids:
        raise missing_object("line item", after, "starting_after")
    left = lines if after is None else lines[ids.index(after) + 1 :]
    return list_of(left, url, params)


def customer_balances(account: Account, params: Wire, identifier: str) -> Wire:
    """What has changed a customer's balance."""
    account.customers.get(identifier)
    url = f"/v1/customers/{identifier}/balance_transactions"
    filters = _chosen(params, "invoice") | {"customer": identifier}
    query = {name: value for name, value in params.items() if name != "invoice"}
    return account.customer_balances.page(query | filters, url)


def warnings(account: Account, params: Wire) -> Wire:
    """By charge or payment intent."""
    filters = _chosen(params, "charge", "payment_intent")
    url = "/v1/radar/early_fraud_warnings"
    return account.warnings.page(params, url, lambda warning: _agrees(warning, filters))
