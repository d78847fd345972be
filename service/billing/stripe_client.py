"""What this service does at Stripe, verb by verb: the only way to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from service.billing import stripe_parsing as parsing
from service.billing.entities import StripeRefused
from service.billing.stripe_api import StripeApi
from service.billing.stripe_balance import balance_transaction
from service.billing.stripe_invoices import (
    credit_note,
    invoice,
    invoice_line,
    invoice_of_payment,
    invoice_payment,
    standing_payments,
)
from service.billing.stripe_lists import Listed, everything
from service.billing.stripe_objects import (
    BalanceTransaction,
    CheckoutSession,
    CreditNote,
    Customer,
    Dispute,
    FraudWarning,
    Invoice,
    PaymentIntent,
    PortalSession,
    Refund,
    SessionName,
    StripeEvent,
    Subscription,
)
from service.billing.stripe_parsing import Raw

Found = TypeVar("Found")

# Of one payment: one that has more is reported.
MAX_LISTED = 2_000


class Stripe:
    """Every verb raises what `StripeApi` does. Those that create take the idempotency key of their
    business attempt, and return the same object for the same key for at least 24 hours."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    @property
    def configured(self) -> bool:
        """Whether anything is sold here. If not, every verb raises `BillingNotConfigured`."""
        return self._api.configured

    @property
    def livemode(self) -> bool:
        return self._api.livemode

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        return self._api.keys.current().webhook_secrets

    def renew_secrets(self) -> bool:
        """Reads API key and webhook secrets again, unless they were read a moment ago. Returns
        whether they have changed. Raises `SecretUnavailable`."""
        return self._api.keys.renew()

    def require_configured(self) -> None:
        """Raises `BillingNotConfigured`."""
        _ = self._api.keys

    def create_customer(self, params: Mapping[str, Any], key: str) -> Customer:
        return self._api.post("/v1/customers", parsing.customer, params, key)

    def retrieve_customer(self, customer_id: str) -> Customer:
        return self._api.get(f"/v1/customers/{_segment(customer_id)}", parsing.customer)

    def update_customer(self, customer_id: str, params: Mapping[str, Any], key: str) -> Customer:
        path = f"/v1/customers/{_segment(customer_id)}"
        return self._api.post(path, parsing.customer, params, key)

    def delete_customer(self, customer_id: str) -> None:
        """Cancels the subscriptions of the customer at once. One that is gone already is no
        error."""
        try:
            self._api.delete(f"/v1/customers/{_segment(customer_id)}", parsing.customer)
        except StripeRefused as refusal:
            if not refusal.is_missing:
                raise

    def payment_method_of(self, customer_id: str) -> str:
        """The id of the method that a customer pays with when they are not there: the default, or
        the one that was saved last; empty where there is none."""
        customer = self.retrieve_customer(customer_id)
        if customer.deleted or customer.payment_method_id:
            return customer.payment_method_id
        path = f"/v1/customers/{_segment(customer_id)}/payment_methods"
        return self._first(path, lambda each: parsing.text(each, "id"), {}) or ""

    def create_checkout_session(self, params: Mapping[str, Any], key: str) -> CheckoutSession:
        return self._api.post("/v1/checkout/sessions", parsing.checkout_session, params, key)

    def retrieve_checkout_session(self, session_id: str) -> CheckoutSession:
        path = f"/v1/checkout/sessions/{_segment(session_id)}"
        return self._api.get(path, parsing.checkout_session)

    def open_sessions_of(self, customer_id: str) -> tuple[SessionName, ...]:
        """The checkout sessions of any mode that this customer could still complete. None for one
        who is deleted."""
        filters = {"customer": customer_id, "status": "open"}
        return self._of_customer("/v1/checkout/sessions", parsing.session_name, filters)

    def expire_checkout_session(self, session_id: str) -> SessionName:
        """It can no longer be completed afterwards. Refused for one that is not open."""
        path = f"/v1/checkout/sessions/{_segment(session_id)}/expire"
        return self._api.post(path, parsing.session_name, {}, f"expire-{session_id}")

    def session_of_payment(self, intent_id: str) -> CheckoutSession | None:
        """The checkout session in which a payment was made, if one was."""
        made = {"payment_intent": intent_id}
        return self._first("/v1/checkout/sessions", parsing.checkout_session, made)

    def create_portal_session(self, params: Mapping[str, Any], key: str) -> PortalSession:
        return self._api.post("/v1/billing_portal/sessions", parsing.portal_session, params, key)

    def create_payment_intent(self, params: Mapping[str, Any], key: str) -> PaymentIntent:
        return self._api.post("/v1/payment_intents", parsing.payment_intent, params, key)

    def retrieve_payment_intent(self, intent_id: str) -> PaymentIntent:
        return self._api.get(f"/v1/payment_intents/{_segment(intent_id)}", parsing.payment_intent)

    def update_payment_intent(
        self, intent_id: str, params: Mapping[str, Any], key: str
    ) -> PaymentIntent:
        path = f"/v1/payment_intents/{_segment(intent_id)}"
        return self._api.post(path, parsing.payment_intent, params, key)

    def cancel_payment_intent(self, intent_id: str, key: str) -> PaymentIntent:
        """It can no longer be paid afterwards. Refused for one that has succeeded."""
        path = f"/v1/payment_intents/{_segment(intent_id)}/cancel"
        return self._api.post(path, parsing.payment_intent, {}, key)

    def refunds_of(self, intent_id: str) -> tuple[Refund, ...]:
        return self._all("/v1/refunds", parsing.refund, intent_id)

    def disputes_of(self, intent_id: str) -> tuple[Dispute, ...]:
        return self._all("/v1/disputes", parsing.dispute, intent_id)

    def fraud_warnings_of(self, intent_id: str) -> tuple[FraudWarning, ...]:
        path = "/v1/radar/early_fraud_warnings"
        return self._all(path, parsing.fraud_warning, intent_id)

    def create_refund(self, params: Mapping[str, Any], key: str) -> Refund:
        return self._api.post("/v1/refunds", parsing.refund, params, key)

    def retrieve_invoice(self, invoice_id: str) -> Invoice:
        """With all its lines and payments."""
        path = f"/v1/invoices/{_segment(invoice_id)}"
        found = self._with_all_lines(self._api.get(path, invoice, {"expand": ["payments"]}))
        if found.all_payments:
            return found
        made = self._whole("/v1/invoice_payments", invoice_payment, {"invoice": invoice_id})
        return replace(found, payments=standing_payments(made), all_payments=True)

    def update_invoice(self, invoice_id: str, params: Mapping[str, Any], key: str) -> None:
        path = f"/v1/invoices/{_segment(invoice_id)}"
        self._api.post(path, lambda raw: parsing.text(raw, "id"), params, key)

    def invoices_since(self, first: Invoice) -> tuple[Invoice, ...]:
        """The invoices of the same customer that were made since, each with all its lines: the
        credit of a subscription that has ended comes with the next invoice of any other. Of a
        customer who is deleted, those of the same subscription. Their payments stay unknown."""
        return self._invoices_made(first, {"gte": first.created_at // 1000})

    def invoices_until(self, last: Invoice) -> tuple[Invoice, ...]:
        """Likewise those that were made until then, itself included."""
        return self._invoices_made(last, {"lte": last.created_at // 1000})

    def _invoices_made(self, of: Invoice, created: Mapping[str, int]) -> tuple[Invoice, ...]:
        made = {"created": created}
        try:
            found = self._whole("/v1/invoices", invoice, {"customer": of.customer_id, **made})
        except StripeRefused as refusal:
            if not refusal.is_missing:
                raise
            filters = {"subscription": of.subscription_id, **made}
            found = self._whole("/v1/invoices", invoice, filters)
        return tuple(map(self._with_all_lines, found))

    def credit_notes_of(self, invoice_id: str) -> tuple[CreditNote, ...]:
        return self._whole("/v1/credit_notes", credit_note, {"invoice": invoice_id})

    def invoices_credited(self, from_at: int, before_at: int, max_objects: int) -> frozenset[str]:
        """The ids of the invoices of which invoices or credit notes that were made then
        (milliseconds) credit a part. Raises `StripeUnavailable` where more than `max_objects` of
        either were made."""
        made = {"created": {"gte": from_at // 1000, "lt": before_at // 1000}}
        found = everything(self._api, "/v1/invoices", invoice, made, max_objects)
        notes = everything(self._api, "/v1/credit_notes", credit_note, made, max_objects)
        lines = (line for each in found for line in self._with_all_lines(each).lines)
        credited = {line.credited_invoice_id for line in lines if line.total_cents < 0}
        return frozenset(credited - {""}) | {note.invoice_id for note in notes}

    def _with_all_lines(self, found: Invoice) -> Invoice:
        """An invoice comes with its first ten lines."""
        if found.all_lines:
            return found
        path = f"/v1/invoices/{_segment(found.id)}/lines"
        lines = self._whole(path, invoice_line, {})
        return replace(found, lines=lines, all_lines=True)

    def retrieve_subscription(self, subscription_id: str) -> Subscription:
        path = f"/v1/subscriptions/{_segment(subscription_id)}"
        return self._api.get(path, parsing.subscription)

    def update_subscription(
        self, subscription_id: str, params: Mapping[str, Any], key: str
    ) -> Subscription:
        path = f"/v1/subscriptions/{_segment(subscription_id)}"
        return self._api.post(path, parsing.subscription, params, key)

    def cancel_subscription(self, subscription_id: str) -> None:
        """At once, and without a credit for unused time. One that has ended is no error."""
        path = f"/v1/subscriptions/{_segment(subscription_id)}"
        try:
            self._api.delete(path, parsing.subscription)
        except StripeRefused as refusal:
            if not refusal.is_missing:
                raise

    def subscriptions_of(self, customer_id: str) -> tuple[Subscription, ...]:
        """Those that have ended, too. None for a customer who is deleted."""
        filters = {"customer": customer_id, "status": "all"}
        return self._of_customer("/v1/subscriptions", parsing.subscription, filters)

    def invoice_of(self, intent_id: str) -> Invoice | None:
        """The invoice that a payment intent has paid; None for one without an invoice."""
        made = {"payment": {"type": "payment_intent", "payment_intent": intent_id}}
        found = self._first("/v1/invoice_payments", invoice_of_payment, made)
        return self.retrieve_invoice(found) if found else None

    def card_fingerprint(self, payment_method_id: str) -> str:
        """The same for one card number, whoever pays with it; empty for what is no card."""
        path = f"/v1/payment_methods/{_segment(payment_method_id)}"
        return self._api.get(path, parsing.card_fingerprint)

    def payment_of_charge(self, charge_id: str) -> str:
        """The payment intent of a charge; empty for one that was made without."""
        return self._api.get(f"/v1/charges/{_segment(charge_id)}", parsing.payment_of_charge)

    def events_page(
        self, created_after: int, starting_after: str = "", kinds: Sequence[str] = ()
    ) -> tuple[tuple[StripeEvent, ...], bool]:
        """A page of events, newest first, created at or after that time (milliseconds), and whether
        there is more: the next page starts after the last event's id."""
        params: dict[str, Any] = {"limit": 100, "created": {"gte": created_after // 1000}}
        if starting_after:
            params["starting_after"] = starting_after
        if kinds:
            params["types"] = list(kinds)

        def parse(raw: Raw) -> tuple[tuple[StripeEvent, ...], bool]:
            return parsing.listed(raw, parsing.event)

        return self._api.get("/v1/events", parse, params)

    def balance_transactions(
        self, from_at: int, before_at: int, max_objects: int
    ) -> tuple[BalanceTransaction, ...]:
        """Every movement of our balance that was made then (milliseconds), newest first. Raises
        `StripeUnavailable` where there are more than `max_objects`."""
        params = {
            "created": {"gte": from_at // 1000, "lt": before_at // 1000},
            "expand": ["data.source"],
        }
        path = "/v1/balance_transactions"
        return everything(self._api, path, balance_transaction, params, max_objects)

    def _first(
        self, path: str, parse: Callable[[Raw], Found], filters: Mapping[str, Any]
    ) -> Found | None:
        """The newest of a list; None where it is empty."""

        def first(raw: Raw) -> Found | None:
            return next(iter(parsing.listed(raw, parse)[0]), None)

        return self._api.get(path, first, {**filters, "limit": 1})

    def _of_customer(
        self, path: str, parse: Callable[[Raw], Listed], filters: Mapping[str, Any]
    ) -> tuple[Listed, ...]:
        try:
            return self._whole(path, parse, filters)
        except StripeRefused as refusal:
            if refusal.is_missing:
                return ()
            raise

    def _all(self, path: str, parse: Callable[[Raw], Listed], intent_id: str) -> tuple[Listed, ...]:
        """Everything of one payment."""
        return self._whole(path, parse, {"payment_intent": intent_id})

    def _whole(
        self, path: str, parse: Callable[[Raw], Listed], filters: Mapping[str, Any]
    ) -> tuple[Listed, ...]:
        return everything(self._api, path, parse, filters, MAX_LISTED)


def _segment(object_id: str) -> str:
    """An id as one segment of a path. Ids may come from a client."""
    return quote(object_id, safe="")
