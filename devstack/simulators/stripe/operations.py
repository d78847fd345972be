"""Every operation of the API: its name (for faults and the journal), route, parameters and
effect."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from devstack.simulators.stripe import (
    catalog,
    credit_notes,
    customers,
    disputes,
    intents,
    invoice_changes,
    invoices,
    listings,
    partial_payments,
    payment_methods,
    portal,
    refunds,
    renewals,
    sessions,
    subscriptions,
)
from devstack.simulators.stripe import checkout_parameters as checkout_tables
from devstack.simulators.stripe import parameter_tables as tables
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.collection import Collection
from devstack.simulators.stripe.errors import StripeError, missing_parameter
from devstack.simulators.stripe.parameters import Fields
from devstack.simulators.stripe.shapes import RETRIEVE
from devstack.simulators.stripe.wire import Wire

# With the account, the parameters and the ids of the path.
Act = Callable[..., Wire]
# With the account, the object of the path and the parameters.
Change = Callable[[Account, Wire, Wire], Wire]
Of = Callable[[Account], Collection]


@dataclass(frozen=True)
class Operation:
    """One route of the API."""

    name: str
    method: str
    path: re.Pattern[str]
    parameters: Fields
    act: Act


@dataclass(frozen=True)
class Resource:
    """The routes of one kind of object. `changes` are POSTs to an object: by an empty name to the
    object itself, by another to that path below it."""

    name: str
    path: str
    of: Of
    listed: Fields | None = None
    page: Act | None = None
    plural: str = ""
    create: tuple[Fields, Act] | None = None
    changes: Mapping[str, tuple[Fields, Change]] = field(default_factory=dict)
    delete: tuple[Fields, Change] | None = None
    delete_verb: str = "delete"

    def operations(self) -> Iterator[Operation]:
        """All of them; every object can be retrieved."""
        one = f"{self.path}/([^/]+)"
        yield _operation(f"retrieve_{self.name}", "GET", one, RETRIEVE, self._retrieve)
        if self.listed is not None:
            name = f"list_{self.plural or self.name + 's'}"
            yield _operation(name, "GET", self.path, self.listed, self.page or self._page)
        if self.create is not None:
            yield _operation(f"create_{self.name}", "POST", self.path, *self.create)
        for verb, (parameters, change) in self.changes.items():
            path = f"{one}/{verb}" if verb else one
            act = self._changing(change)
            yield _operation(f"{verb or 'update'}_{self.name}", "POST", path, parameters, act)
        if self.delete is not None:
            act = self._changing(self.delete[1])
            yield _operation(f"{self.delete_verb}_{self.name}", "DELETE", one, self.delete[0], act)

    def _retrieve(self, account: Account, _params: Wire, identifier: str) -> Wire:
        return self.of(account).get(identifier)

    def _page(self, account: Account, params: Wire) -> Wire:
        return self.of(account).page(params, self.path)

    def _changing(self, change: Change) -> Act:
        def act(account: Account, params: Wire, identifier: str) -> Wire:
            return change(account, self.of(account).get(identifier), params)

        return act


def _operation(name: str, method: str, path: str, parameters: Fields, act: Act) -> Operation:
    return Operation(name, method, re.compile(path), parameters, act)


def _of_live_customer(change: Change) -> Change:
    """A customer who was deleted cannot be changed."""

    def act(account: Account, customer: Wire, params: Wire) -> Wire:
        return change(account, intents.live_customer(account, customer["id"]), params)

    return act


def _delete_customer(account: Account, customer: Wire, _params: Wire) -> Wire:
    return customers.delete(account, customer, subscriptions.cancel)


def _pay_invoice(account: Account, invoice: Wire, params: Wire) -> Wire:
    subscription = invoices.subscription_of(account, invoice)
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError("Invoice is not open and cannot be paid.", "invoice_not_editable")
    named = params.get("payment_method") or (subscription or {}).get("default_payment_method")
    method = payment_methods.method_of(account, named, "payment_method") if named else None
    off_session = params.get("off_session", True)
    invoices.collect(
        account,
        invoice,
        method,
        lambda _: renewals.after_attempt(account, invoice),
        off_session=off_session,
    )
    intent = invoices.intent_of(account, invoice)
    if intent is not None and intent["last_payment_error"] is not None:
        raise intents.declined(intent)
    return invoice


def _attach(account: Account, params: Wire, identifier: str) -> Wire:
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = intents.live_customer(account, params["customer"], "customer")
    method = payment_methods.method_of(account, identifier, "payment_method")
    return payment_methods.attach(account, method, customer)


_RESOURCES = (
    Resource(
        "customer",
        "/v1/customers",
        lambda account: account.customers,
        tables.CUSTOMER_LIST,
        create=(tables.CUSTOMER_CREATE, customers.create),
        changes={"": (tables.CUSTOMER_UPDATE, _of_live_customer(customers.update))},
        delete=(Fields({}), _of_live_customer(_delete_customer)),
    ),
    Resource(
        "product",
        "/v1/products",
        lambda account: account.products,
        tables.PRODUCT_LIST,
        create=(tables.PRODUCT_CREATE, catalog.create_product),
    ),
    Resource(
        "price",
        "/v1/prices",
        lambda account: account.prices,
        tables.PRICE_LIST,
        listings.prices,
        create=(tables.PRICE_CREATE, catalog.create_price),
    ),
    Resource(
        "session",
        "/v1/checkout/sessions",
        lambda account: account.sessions,
        checkout_tables.SESSION_LIST,
        listings.sessions,
        create=(checkout_tables.SESSION_CREATE, sessions.create),
        changes={
            "expire": (RETRIEVE, lambda account, session, _: sessions.expire(account, session))
        },
    ),
    Resource(
        "payment_intent",
        "/v1/payment_intents",
        lambda account: account.intents,
        tables.INTENT_LIST,
        create=(tables.INTENT_CREATE, intents.create),
        changes={
            "": (tables.INTENT_UPDATE, intents.update),
            "confirm": (tables.INTENT_CONFIRM, intents.confirm),
            "cancel": (tables.INTENT_CANCEL, intents.cancel),
        },
    ),
    Resource(
        "setup_intent",
        "/v1/setup_intents",
        lambda account: account.setups,
        tables.SETUP_LIST,
    ),
    Resource("charge", "/v1/charges", lambda account: account.charges, tables.CHARGE_LIST),
    Resource(
        "refund",
        "/v1/refunds",
        lambda account: account.refunds,
        tables.REFUND_LIST,
        create=(tables.REFUND_CREATE, refunds.create),
        changes={
            "": (tables.REFUND_UPDATE, refunds.update),
            "cancel": (RETRIEVE, lambda account, refund, _: refunds.cancel(account, refund)),
        },
    ),
    Resource(
        "dispute",
        "/v1/disputes",
        lambda account: account.disputes,
        tables.DISPUTE_LIST,
        changes={
            "": (tables.DISPUTE_UPDATE, disputes.update),
            "close": (RETRIEVE, lambda account, found, _: disputes.close(account, found, "lost")),
        },
    ),
    Resource(
        "early_fraud_warning",
        "/v1/radar/early_fraud_warnings",
        lambda account: account.warnings,
        tables.WARNING_LIST,
        listings.warnings,
    ),
    Resource(
        "balance_transaction",
        "/v1/balance_transactions",
        lambda account: account.balance,
        tables.BALANCE_LIST,
    ),
    Resource(
        "payment_method",
        "/v1/payment_methods",
        lambda account: account.methods,
        tables.METHOD_LIST,
        changes={
            "detach": (
                RETRIEVE,
                lambda account, method, _: payment_methods.detach(account, method),
            ),
        },
    ),
    Resource(
        "subscription",
        "/v1/subscriptions",
        lambda account: account.subscriptions,
        tables.SUBSCRIPTION_LIST,
        listings.subscriptions,
        changes={"": (tables.SUBSCRIPTION_UPDATE, subscriptions.update)},
        delete=(tables.SUBSCRIPTION_CANCEL, subscriptions.cancel),
        delete_verb="cancel",
    ),
    Resource(
        "invoice",
        "/v1/invoices",
        lambda account: account.invoices,
        tables.INVOICE_LIST,
        listings.invoices,
        changes={
            "": (tables.INVOICE_UPDATE, invoice_changes.update),
            "pay": (tables.INVOICE_PAY, _pay_invoice),
            "attach_payment": (tables.INVOICE_ATTACH, partial_payments.attach),
            "void": (RETRIEVE, lambda account, invoice, _: invoices.void(account, invoice)),
            "mark_uncollectible": (
                RETRIEVE,
                lambda account, invoice, _: invoice_changes.write_off(account, invoice),
            ),
        },
    ),
    Resource(
        "credit_note",
        "/v1/credit_notes",
        lambda account: account.credit_notes,
        tables.CREDIT_NOTE_LIST,
        create=(tables.CREDIT_NOTE_CREATE, credit_notes.create),
        changes={
            "": (tables.CREDIT_NOTE_UPDATE, credit_notes.update),
            "void": (RETRIEVE, lambda account, note, _: credit_notes.void(account, note)),
        },
    ),
    Resource(
        "invoice_payment",
        "/v1/invoice_payments",
        lambda account: account.invoice_payments,
        tables.INVOICE_PAYMENT_LIST,
        listings.invoice_payments,
    ),
)
_SINGLE = (
    _operation(
        "create_portal_session",
        "POST",
        "/v1/billing_portal/sessions",
        checkout_tables.PORTAL_CREATE,
        portal.create,
    ),
    _operation(
        "list_events",
        "GET",
        "/v1/events",
        tables.EVENT_LIST,
        lambda account, params: account.events.page(params),
    ),
    _operation(
        "retrieve_event",
        "GET",
        "/v1/events/([^/]+)",
        RETRIEVE,
        lambda account, _, identifier: account.events.get(identifier),
    ),
    _operation(
        "list_line_items",
        "GET",
        "/v1/checkout/sessions/([^/]+)/line_items",
        checkout_tables.LINE_ITEMS,
        listings.line_items,
    ),
    _operation(
        "list_invoice_lines",
        "GET",
        "/v1/invoices/([^/]+)/lines",
        tables.INVOICE_LINES,
        listings.invoice_lines,
    ),
    _operation(
        "list_credit_note_lines",
        "GET",
        "/v1/credit_notes/([^/]+)/lines",
        tables.INVOICE_LINES,
        listings.credit_note_lines,
    ),
    _operation(
        "list_customer_balance_transactions",
        "GET",
        "/v1/customers/([^/]+)/balance_transactions",
        tables.CUSTOMER_BALANCE_LIST,
        listings.customer_balances,
    ),
    _operation(
        "list_customer_payment_methods",
        "GET",
        "/v1/customers/([^/]+)/payment_methods",
        tables.METHOD_OF_CUSTOMER_LIST,
        listings.methods_of,
    ),
    _operation(
        "attach_payment_method",
        "POST",
        "/v1/payment_methods/([^/]+)/attach",
        tables.METHOD_ATTACH,
        _attach,
    ),
)
OPERATIONS = (*(each for one in _RESOURCES for each in one.operations()), *_SINGLE)


def operation_of(method: str, path: str) -> tuple[Operation, tuple[str, ...]] | None:
    """The operation of that route with the ids of its path, or None."""
    for operation in OPERATIONS:
        if operation.method == method and (matched := operation.path.fullmatch(path)):
            return operation, matched.groups()
    return None
