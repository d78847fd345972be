"""What goes in and out of the operators' routes about webhooks."""

from typing import Any

from marshmallow import fields, validate

from service.admin.schemas import ActionSchema, PerformedSchema
from service.core.clock import iso
from service.notifications.dead_letters import DeadLetter
from service.notifications.entities import (
    MAX_ENDPOINTS,
    MAX_URL,
    Attempt,
    Delivery,
    Endpoint,
    EndpointEdit,
    EndpointState,
    EventType,
    State,
)
from service.web.schemas import Flag, StrictSchema, Text, WholeNumber

DELIVERIES_A_PAGE = 20
MAX_DELIVERIES_A_PAGE = 100
MAX_DESCRIPTION = 200
_URL: dict[str, Any] = {
    "description": "Where to send events: https, port 443, a public host.",
    "example": "https://hooks.example.com/farebox",
}
_EVENTS = {"description": "The types to receive; none: all.", "example": ["credits.low"]}


def _event_types(**options: Any) -> fields.Field[Any]:
    return fields.List(
        fields.Enum(EventType, by_value=True),
        validate=validate.Length(0, len(EventType)),
        metadata=_EVENTS,
        **options,
    )


class WebhookRequestSchema(ActionSchema):
    url = Text(required=True, max_length=MAX_URL, metadata=_URL)
    events = _event_types(load_default=list)
    description = Text(
        load_default="",
        min_length=0,
        max_length=MAX_DESCRIPTION,
        metadata={"description": "Whose it is.", "example": "Bookkeeping"},
    )


class WebhookEditRequestSchema(ActionSchema):
    """What is left out stays as it is."""

    url = Text(load_default=None, max_length=MAX_URL, metadata=_URL)
    events = _event_types(load_default=None)
    description = Text(
        load_default=None,
        min_length=0,
        max_length=MAX_DESCRIPTION,
        metadata={"description": "Whose it is."},
    )
    enabled = Flag(
        load_default=None,
        metadata={"description": "False: nothing is sent to it."},
    )


class WebhookSchema(StrictSchema):
    """An endpoint that receives webhooks."""

    webhook_id = fields.String(
        required=True,
        data_key="webhookId",
        metadata={"description": "Names it.", "example": "whk_01kb7r3v6q8f2x0m4n5p6q7r8s"},
    )
    url = fields.String(required=True, metadata=_URL)
    events = _event_types(required=True)
    description = fields.String(required=True, metadata={"description": "Whose it is."})
    state = fields.Enum(
        EndpointState,
        by_value=True,
        required=True,
        metadata={"description": "Only enabled ones receive events.", "example": "enabled"},
    )
    disabled_reason = fields.String(
        required=True,
        allow_none=True,
        data_key="disabledReason",
        metadata={"description": "Why it is disabled, if it is."},
    )
    failing_since = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="failingSince",
        metadata={"description": "First failure after the last success (UTC); null: none."},
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "When it was made (UTC)."}
    )
    updated_at = fields.DateTime(
        required=True, data_key="updatedAt", metadata={"description": "Its last change (UTC)."}
    )


class WebhookListSchema(StrictSchema):
    webhooks = fields.List(
        fields.Nested(WebhookSchema),
        required=True,
        validate=validate.Length(0, MAX_ENDPOINTS),
        metadata={"description": "Oldest first."},
    )


class WebhookPerformedSchema(PerformedSchema):
    webhook = fields.Nested(WebhookSchema, required=True, metadata={"description": "As it is now."})


class WebhookSecretSchema(WebhookPerformedSchema):
    secret = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Verifies its webhooks. Shown this once: null when repeated.",
            "example": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        },
    )


class DeliveryPageRequestSchema(StrictSchema):
    limit = WholeNumber(
        load_default=DELIVERIES_A_PAGE,
        validate=validate.Range(1, MAX_DELIVERIES_A_PAGE),
        metadata={"description": "Deliveries on one page.", "example": DELIVERIES_A_PAGE},
    )
    next_token = Text(
        data_key="nextToken",
        load_default=None,
        max_length=200,
        metadata={"description": "The `nextToken` of the page before."},
    )


class AttemptSchema(StrictSchema):
    """One request to an endpoint."""

    at = fields.DateTime(required=True, metadata={"description": "When it began (UTC)."})
    milliseconds = fields.Integer(required=True, metadata={"description": "How long it took."})
    status = fields.Integer(
        required=True, allow_none=True, metadata={"description": "HTTP status; null: no response."}
    )
    error = fields.String(required=True, metadata={"description": "Why there was no response."})
    response = fields.String(
        required=True, metadata={"description": "The first 2 KB of the response."}
    )


class DeliverySchema(StrictSchema):
    """An event on its way to one endpoint."""

    event_id = fields.String(
        required=True,
        data_key="eventId",
        metadata={"description": "The header `webhook-id` of its requests."},
    )
    type = fields.Enum(
        EventType, by_value=True, required=True, metadata={"description": "What has happened."}
    )
    user_id = fields.String(
        required=True, data_key="userId", metadata={"description": "To whom it has happened."}
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "When it happened (UTC)."}
    )
    state = fields.String(
        required=True,
        validate=validate.OneOf([State.PENDING, State.DELIVERED, State.DEAD]),
        metadata={"description": "dead: given up after three days."},
    )
    attempts = fields.Integer(required=True, metadata={"description": "How many were made."})
    due_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="dueAt",
        metadata={"description": "Its next attempt (UTC); null: none."},
    )
    last_attempt = fields.Nested(
        AttemptSchema,
        required=True,
        allow_none=True,
        data_key="lastAttempt",
        metadata={"description": "The last attempt; null: none yet."},
    )
    body = fields.String(required=True, metadata={"description": "What is sent, byte for byte."})


class DeliveryPageSchema(StrictSchema):
    deliveries = fields.List(
        fields.Nested(DeliverySchema),
        required=True,
        metadata={"description": "Newest events first."},
    )
    next_token = fields.String(
        required=True,
        data_key="nextToken",
        allow_none=True,
        metadata={"description": "Pass it as `nextToken` for the next page; null: no more."},
    )


class DeadLetterSchema(StrictSchema):
    """An event that could not be delivered, or a mail that could not be sent, for three days."""

    event_id = fields.String(
        required=True, data_key="eventId", metadata={"description": "Names the event or the mail."}
    )
    type = fields.String(
        required=True,
        metadata={
            "description": "What has happened; of a mail: `mail.` and its template.",
            "example": "mail.verify_email",
        },
    )
    user_id = fields.String(required=True, data_key="userId", metadata={"description": "To whom."})
    webhook_id = fields.String(
        required=True,
        allow_none=True,
        data_key="webhookId",
        metadata={"description": "The endpoint; null: it was not even handed on to the endpoints."},
    )
    created_at = fields.DateTime(
        required=True, data_key="createdAt", metadata={"description": "When it happened (UTC)."}
    )
    attempts = fields.Integer(required=True, metadata={"description": "How many were made."})
    error = fields.String(required=True, metadata={"description": "What the last one met."})


class DeadLetterListSchema(StrictSchema):
    dead_letters = fields.List(
        fields.Nested(DeadLetterSchema),
        required=True,
        data_key="deadLetters",
        metadata={"description": "At most 100, those that were given up first at the beginning."},
    )


def edit_of(body: dict[str, Any]) -> EndpointEdit:
    events = None if body["events"] is None else frozenset(body["events"])
    return EndpointEdit(body["url"], events, body["description"], body["enabled"])


def facts_of(body: dict[str, Any]) -> dict[str, str]:
    """The request as the log has it."""
    events = body["events"]
    return {
        name: text
        for name, text in {
            "url": body["url"],
            "events": None if events is None else " ".join(sorted(events)),
            "description": body["description"],
            "enabled": None if body.get("enabled") is None else str(body["enabled"]).lower(),
        }.items()
        if text
    }


def webhook_body(endpoint: Endpoint) -> dict[str, object]:
    since = endpoint.failing_since
    return {
        "webhookId": endpoint.endpoint_id,
        "url": endpoint.url,
        "events": sorted(endpoint.events),
        "description": endpoint.description,
        "state": endpoint.state,
        "disabledReason": endpoint.disabled_reason or None,
        "failingSince": None if since is None else iso(since),
        "createdAt": iso(endpoint.created_at),
        "updatedAt": iso(endpoint.updated_at),
    }


def delivery_body(delivery: Delivery) -> dict[str, object]:
    progress, happened = delivery.progress, delivery.event
    return {
        "eventId": happened.event_id,
        "type": happened.type,
        "userId": happened.user_id,
        "createdAt": iso(happened.created_at),
        "state": progress.state,
        "attempts": progress.attempts,
        "dueAt": None if progress.due_at is None else iso(progress.due_at),
        "lastAttempt": _attempt_body(delivery.last) if delivery.last else None,
        "body": happened.body,
    }


def _attempt_body(attempt: Attempt) -> dict[str, object]:
    return {
        "at": iso(attempt.at),
        "milliseconds": attempt.milliseconds,
        "status": attempt.status,
        "error": attempt.error,
        "response": attempt.response,
    }


def dead_letter_body(letter: DeadLetter) -> dict[str, object]:
    return {
        "eventId": letter.event_id,
        "type": letter.type,
        "userId": letter.user_id,
        "webhookId": letter.endpoint_id,
        "createdAt": iso(letter.created_at),
        "attempts": letter.attempts,
        "error": letter.error,
    }
