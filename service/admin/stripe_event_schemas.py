"""What operators see of Stripe's events."""

from marshmallow import fields

from service.billing.events import InboxEvent
from service.core.clock import iso
from service.web.schemas import StrictSchema


class StripeEventSchema(StrictSchema):
    """An event of Stripe's that could not be dealt with."""

    event_id = fields.String(
        required=True,
        data_key="eventId",
        metadata={"description": "Its id at Stripe.", "example": "evt_1Nf3aB"},
    )
    type = fields.String(
        required=True,
        metadata={"description": "What has happened there.", "example": "invoice.paid"},
    )
    object_id = fields.String(
        required=True,
        data_key="objectId",
        metadata={"description": "The object that it leads to.", "example": "in_1Nf3aB"},
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "When it happened (UTC)."}
    )
    received_at = fields.DateTime(
        required=True, data_key="receivedAt", metadata={"description": "When it came here (UTC)."}
    )
    attempts = fields.Integer(required=True, metadata={"description": "How many were made."})
    error = fields.String(required=True, metadata={"description": "What the last one met."})


class DeadStripeEventsSchema(StrictSchema):
    events = fields.List(
        fields.Nested(StripeEventSchema),
        required=True,
        metadata={"description": "At most 100, those that failed first at the beginning."},
    )


def stripe_event_body(stored: InboxEvent) -> dict[str, object]:
    """An event as the schema describes it."""
    event = stored.event
    return {
        "eventId": event.event_id,
        "type": event.type,
        "objectId": event.ref.object_id if event.ref else "",
        "createdAt": iso(event.created_at),
        "receivedAt": iso(stored.received_at),
        "attempts": stored.handling.attempts,
        "error": stored.handling.error,
    }
