"""Reads Stripe's JSON into our own objects. Pure.

In a file of its own so that the adapter holds nothing but requests. What is missing or of another
type than documented raises `UnexpectedObject`: no default takes the place of an amount, a status
or an id."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from service.billing.stripe_objects import (
    CheckoutSession,
    Customer,
    Dispute,
    DisputeMovement,
    FraudWarning,
    PaymentIntent,
    PortalSession,
    Refund,
    SessionName,
    StripeEvent,
    Subscription,
)

Raw = Mapping[str, Any]
Parsed = TypeVar("Parsed")


class UnexpectedObject(ValueError):
    """An object is not what Stripe's documentation promises. Names the field, never its value."""


def checkout_session(raw: Raw) -> CheckoutSession:
    of_kind(raw, "checkout.session")
    return CheckoutSession(
        id=text(raw, "id"),
        mode=text(raw, "mode"),
        status=text(raw, "status"),
        payment_status=text(raw, "payment_status"),
        amount_total_cents=number(raw, "amount_total"),
        amount_subtotal_cents=number(raw, "amount_subtotal"),
        currency=text(raw, "currency"),
        customer_id=id_of(raw, "customer"),
        client_reference_id=maybe_text(raw, "client_reference_id"),
        payment_intent_id=id_of(raw, "payment_intent"),
        subscription_id=id_of(raw, "subscription"),
        invoice_id=id_of(raw, "invoice"),
        metadata=metadata(raw),
        client_secret=maybe_text(raw, "client_secret"),
        url=maybe_text(raw, "url"),
        created_at=time(raw, "created"),
        expires_at=time(raw, "expires_at"),
        livemode=flag(raw, "livemode"),
    )


def session_name(raw: Raw) -> SessionName:
    of_kind(raw, "checkout.session")
    return SessionName(id=text(raw, "id"))


def payment_intent(raw: Raw) -> PaymentIntent:
    of_kind(raw, "payment_intent")
    return PaymentIntent(
        id=text(raw, "id"),
        status=text(raw, "status"),
        amount_cents=number(raw, "amount"),
        received_cents=number(raw, "amount_received"),
        currency=text(raw, "currency"),
        customer_id=id_of(raw, "customer"),
        payment_method_id=id_of(raw, "payment_method"),
        latest_charge_id=id_of(raw, "latest_charge"),
        metadata=metadata(raw),
        error_code=maybe_text(part(raw, "last_payment_error"), "code"),
        action_url=maybe_text(part(part(raw, "next_action"), "redirect_to_url"), "url"),
        client_secret=maybe_text(raw, "client_secret"),
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def payment_of_charge(raw: Raw) -> str:
    """Empty for a charge without a payment intent."""
    of_kind(raw, "charge")
    return id_of(raw, "payment_intent")


def refund(raw: Raw) -> Refund:
    of_kind(raw, "refund")
    return Refund(
        id=text(raw, "id"),
        status=text(raw, "status"),
        amount_cents=number(raw, "amount"),
        currency=text(raw, "currency"),
        charge_id=id_of(raw, "charge"),
        payment_intent_id=id_of(raw, "payment_intent"),
        metadata=metadata(raw),
        created_at=time(raw, "created"),
    )


def dispute(raw: Raw) -> Dispute:
    of_kind(raw, "dispute")
    return Dispute(
        id=text(raw, "id"),
        status=text(raw, "status"),
        reason=text(raw, "reason"),
        amount_cents=number(raw, "amount"),
        currency=text(raw, "currency"),
        charge_id=id_of(raw, "charge"),
        payment_intent_id=id_of(raw, "payment_intent"),
        movements=tuple(map(_movement, rows(raw.get("balance_transactions")))),
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def _movement(raw: Raw) -> DisputeMovement:
    return DisputeMovement(
        id=text(raw, "id"),
        amount_cents=number(raw, "amount"),
        currency=text(raw, "currency"),
        kind=text(raw, "type"),
    )


def fraud_warning(raw: Raw) -> FraudWarning:
    of_kind(raw, "radar.early_fraud_warning")
    return FraudWarning(
        id=text(raw, "id"),
        kind=text(raw, "fraud_type"),
        actionable=flag(raw, "actionable"),
        charge_id=id_of(raw, "charge"),
        payment_intent_id=id_of(raw, "payment_intent"),
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def subscription(raw: Raw) -> Subscription:
    """The period is that of the items, whose ends may differ: the last one counts."""
    of_kind(raw, "subscription")
    items = rows(part(raw, "items").get("data"))
    return Subscription(
        id=text(raw, "id"),
        status=text(raw, "status"),
        customer_id=id_of(raw, "customer"),
        price_ids=tuple(id_of(item, "price") for item in items),
        period_start_at=max((time(item, "current_period_start") for item in items), default=0),
        period_end_at=max((time(item, "current_period_end") for item in items), default=0),
        trial_ends_at=maybe_time(raw, "trial_end"),
        cancels_at=maybe_time(raw, "cancel_at"),
        ended_at=maybe_time(raw, "ended_at"),
        cancels_at_period_end=flag(raw, "cancel_at_period_end"),
        latest_invoice_id=id_of(raw, "latest_invoice"),
        payment_method_id=id_of(raw, "default_payment_method"),
        metadata=metadata(raw),
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def customer(raw: Raw) -> Customer:
    """A deleted customer has nothing but its id."""
    of_kind(raw, "customer")
    deleted = bool(raw.get("deleted"))
    return Customer(
        id=text(raw, "id"),
        deleted=deleted,
        email=maybe_text(raw, "email"),
        payment_method_id=id_of(part(raw, "invoice_settings"), "default_payment_method"),
        metadata=metadata(raw),
        livemode=False if deleted else flag(raw, "livemode"),
    )


def event(raw: Raw) -> StripeEvent:
    of_kind(raw, "event")
    subject = part(part(raw, "data"), "object")
    return StripeEvent(
        id=text(raw, "id"),
        kind=text(raw, "type"),
        object_kind=text(subject, "object"),
        object_id=maybe_text(subject, "id"),
        object=subject,
        api_version=maybe_text(raw, "api_version"),
        created_at=time(raw, "created"),
        livemode=flag(raw, "livemode"),
    )


def card_fingerprint(raw: Raw) -> str:
    """Empty for a payment method that is no card."""
    of_kind(raw, "payment_method")
    return maybe_text(part(raw, "card"), "fingerprint")


def portal_session(raw: Raw) -> PortalSession:
    of_kind(raw, "billing_portal.session")
    return PortalSession(id=text(raw, "id"), url=text(raw, "url"))


def listed(raw: Raw, parse: Callable[[Raw], Parsed]) -> tuple[tuple[Parsed, ...], bool]:
    """One page of a list, and whether there is more."""
    of_kind(raw, "list")
    return tuple(map(parse, rows(raw.get("data")))), flag(raw, "has_more")


def of_kind(raw: Raw, kind: str) -> None:
    if raw.get("object") != kind:
        raise UnexpectedObject(f"an object is no {kind}")


def text(raw: Raw, name: str) -> str:
    found = raw.get(name)
    if not isinstance(found, str) or not found:
        raise UnexpectedObject(f"{name} is no text")
    return found


def maybe_text(raw: Raw, name: str) -> str:
    return "" if raw.get(name) in (None, "") else text(raw, name)


def number(raw: Raw, name: str) -> int:
    found = raw.get(name)
    if isinstance(found, bool) or not isinstance(found, int):
        raise UnexpectedObject(f"{name} is no whole number")
    return found


def flag(raw: Raw, name: str) -> bool:
    found = raw.get(name)
    if not isinstance(found, bool):
        raise UnexpectedObject(f"{name} is neither true nor false")
    return found


def time(raw: Raw, name: str) -> int:
    """Stripe counts seconds, we milliseconds."""
    return number(raw, name) * 1000


def maybe_time(raw: Raw, name: str) -> int:
    return 0 if raw.get(name) is None else time(raw, name)


def id_of(raw: Raw, name: str) -> str:
    """The id of a related object, expanded or not; empty where there is none."""
    found = raw.get(name)
    return text(found, "id") if isinstance(found, Mapping) else maybe_text(raw, name)


def part(raw: Raw, name: str) -> Raw:
    """An object inside; empty where there is none."""
    found = raw.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise UnexpectedObject(f"{name} is no object")
    return found


def rows(found: object) -> list[Raw]:
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise UnexpectedObject("a list holds something other than objects")
    return found


def metadata(raw: Raw) -> Mapping[str, str]:
    found: Iterable[tuple[object, object]] = part(raw, "metadata").items()
    return {str(name): value for name, value in found if isinstance(value, str)}
