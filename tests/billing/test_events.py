"""What an event is about, and when it is tried again."""

from dataclasses import replace
from typing import Any

import pytest

from service.billing.events import (
    FIRST_PAUSE_MILLISECONDS,
    LEASE_MILLISECONDS,
    MAX_ATTEMPTS,
    MAX_PAUSE_MILLISECONDS,
    EventState,
    Handling,
    ObjectKind,
    ObjectRef,
    WebhookRefused,
    facts_of,
    object_of,
)
from service.billing.stripe_parsing import event

INVOICE = ObjectRef(ObjectKind.INVOICE, "in_1")
PAYMENT = ObjectRef(ObjectKind.PAYMENT, "pi_1")
CHARGE = ObjectRef(ObjectKind.CHARGE, "ch_1")


def document(kind: str = "invoice.paid", **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "data": {"object": {"id": "in_1", "object": "invoice"}},
        "livemode": False,
        "type": kind,
    }
    return usual | changes


@pytest.mark.parametrize(
    ("kind", "content", "ref"),
    [
        (
            "checkout.session.completed",
            {"id": "cs_test_1"},
            ObjectRef(ObjectKind.CHECKOUT_SESSION, "cs_test_1"),
        ),
        (
            "checkout.session.async_payment_failed",
            {"id": "cs_1"},
            ObjectRef(ObjectKind.CHECKOUT_SESSION, "cs_1"),
        ),
        (
            "customer.subscription.deleted",
            {"id": "sub_1"},
            ObjectRef(ObjectKind.SUBSCRIPTION, "sub_1"),
        ),
        ("invoice.payment_failed", {"id": "in_1"}, ObjectRef(ObjectKind.INVOICE, "in_1")),
        ("payment_intent.succeeded", {"id": "pi_1"}, PAYMENT),
        ("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}, PAYMENT),
        ("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": None}, CHARGE),
        ("charge.dispute.created", {"id": "du_1", "payment_intent": "pi_1"}, PAYMENT),
        ("charge.dispute.closed", {"id": "du_1", "charge": {"id": "ch_1"}}, CHARGE),
        *(
            (f"credit_note.{what}", {"id": "cn_1", "invoice": "in_1"}, INVOICE)
            for what in ("created", "updated", "voided")
        ),
        ("credit_note.created", {"id": "cn_1", "invoice": {"id": "in_1"}}, INVOICE),
        ("refund.failed", {"id": "re_1", "payment_intent": {"id": "pi_1"}}, PAYMENT),
        ("radar.early_fraud_warning.created", {"id": "issfr_1", "charge": "ch_1"}, CHARGE),
        (
            "payment_method.attached",
            {"id": "pm_1", "customer": "cus_1"},
            ObjectRef(ObjectKind.CUSTOMER, "cus_1"),
        ),
        ("payment_method.attached", {"id": "pm_1", "customer": None}, None),
        ("invoice.upcoming", {"object": "invoice"}, None),
        ("invoice.deleted", {"object": "invoice", "id": "in_1"}, None),
        ("customer.created", {"id": "cus_1"}, None),
        ("balance.available", {"object": "balance"}, None),
        ("checkout.session.completed", {"id": 7}, None),
        ("checkout.session.completed", {"id": "cs_1/../cus_2"}, None),
        ("a.type.of.the.future", {"id": "x_1"}, None),
    ],
)
def test_an_event_names_the_object_to_read(
    kind: str, content: dict[str, Any], ref: ObjectRef | None
) -> None:
    assert object_of(kind, content) == ref


def test_what_is_kept_of_an_event_is_no_personal_data() -> None:
    content = {"id": "in_1", "object": "invoice", "customer_email": "louisa@example.com"}
    facts = facts_of(event(document(data={"object": content})), "00")
    assert facts.ref == ObjectRef(ObjectKind.INVOICE, "in_1")
    assert (facts.event_id, facts.type, facts.created_at) == (
        *("evt_1", "invoice.paid"),
        1_790_000_000_000,
    )
    assert "louisa" not in repr(facts)


@pytest.mark.parametrize("changes", [{"id": "evt_1#2"}, {"id": "ev_1"}, {"type": "invoice paid"}])
def test_an_event_whose_name_could_be_no_key_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(WebhookRefused):
        facts_of(event(document(**changes)))


def test_pauses_grow_from_seconds_to_an_hour() -> None:
    handling, now = Handling(due_at=0), 0
    pauses = []
    for _ in range(MAX_ATTEMPTS):
        handling = handling.claimed(now)
        assert handling.due_at == now + LEASE_MILLISECONDS
        handling = handling.failed(now, 0.5, "X", passes=True)
        assert handling.due_at is not None
        pauses.append(handling.due_at - now)
        now = handling.due_at
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE_MILLISECONDS, MAX_PAUSE_MILLISECONDS)


def test_an_event_dies_after_twenty_attempts_but_not_of_what_passes() -> None:
    handling = Handling(due_at=0)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert handling.state is EventState.PENDING
        failed = handling.claimed(0).failed(0, 0.0, "MISTAKE", passes=False)
        passing = handling.claimed(0).failed(0, 0.0, "OUTAGE", passes=True)
        assert passing.state is EventState.PENDING
        handling = failed
        assert handling.attempts == attempt
    assert (handling.state, handling.error, handling.due_at) == (EventState.DEAD, "MISTAKE", None)
    redriven = handling.redriven(7)
    assert redriven == replace(handling, state=EventState.PENDING, attempts=0, due_at=7)
