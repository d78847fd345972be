"""Operators' routes about webhook endpoints, deliveries and dead letters."""

from flask import Blueprint, Response
from marshmallow import Schema

from service.admin.routes import action_of, change, performed_response
from service.admin.schemas import ActionSchema
from service.admin.webhook_schemas import (
    DeadLetterListSchema,
    DeliveryPageRequestSchema,
    DeliveryPageSchema,
    DeliverySchema,
    WebhookEditRequestSchema,
    WebhookListSchema,
    WebhookPerformedSchema,
    WebhookRequestSchema,
    WebhookSchema,
    WebhookSecretSchema,
    dead_letter_body,
    delivery_body,
    edit_of,
    facts_of,
    webhook_body,
)
from service.admin.webhooks import EndpointPerformed, WebhookActions
from service.core.errors import FareboxError
from service.core.principal import Operator
from service.notifications.dead_letters import DeadLetters
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints
from service.notifications.entities import (
    DeliveryNotFound,
    EndpointDisabled,
    EndpointInvalid,
    EndpointLimitReached,
    EndpointNotFound,
)
from service.storage.cursor import PageTokenInvalid
from service.storage.data_keys import DataErased, DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_SEALING = (DataErased, DataKeyUnavailable, DataUnreadable)
_PATH = "/admin/webhooks/<webhook_id>"


def webhooks_blueprint(
    actions: WebhookActions, endpoints: Endpoints, deliveries: Deliveries, dead_letters: DeadLetters
) -> Blueprint:
    blueprint = Blueprint("webhooks", __name__)
    _add_reads(blueprint, endpoints)
    _add_endpoint_changes(blueprint, actions)
    _add_other_changes(blueprint, actions)
    _add_deliveries(blueprint, deliveries)
    _add_resends(blueprint, actions)
    _add_dead_letters(blueprint, actions, dead_letters)
    return blueprint


def _read(
    summary: str,
    operation_id: str,
    description: str,
    response: type[Schema],
    *errors: type[FareboxError],
    query: type[Schema] | None = None,
) -> Endpoint:
    return Endpoint(
        access=Access.OPERATOR,
        summary=summary,
        operation_id=operation_id,
        description=description,
        response=response,
        query=query,
        errors=(*errors, StorageUnavailable),
    )


def _response(changed: EndpointPerformed, **more: object) -> Response:
    return performed_response(changed.performed, webhook=webhook_body(changed.endpoint), **more)


def _add_reads(blueprint: Blueprint, endpoints: Endpoints) -> None:
    @blueprint.get("/admin/webhooks")
    @endpoint(
        _read(
            "List the webhook endpoints",
            "listWebhooks",
            "Without their secrets, which are shown only when they are made.",
            WebhookListSchema,
        )
    )
    def get_webhooks(operator: Operator) -> Response:
        del operator
        return success({"webhooks": [webhook_body(each) for each in endpoints.all()]})

    @blueprint.get(_PATH)
    @endpoint(
        _read(
            "Get a webhook endpoint",
            "getWebhook",
            "Without its secrets, which are shown only when they are made.",
            WebhookSchema,
            EndpointNotFound,
        )
    )
    def get_webhook(operator: Operator, webhook_id: str) -> Response:
        del operator
        return success(webhook_body(endpoints.get(webhook_id)))


def _add_endpoint_changes(blueprint: Blueprint, actions: WebhookActions) -> None:
    new_schema, edit_schema = WebhookRequestSchema(), WebhookEditRequestSchema()

    @blueprint.post("/admin/webhooks")
    @endpoint(
        change(
            "Add a webhook endpoint",
            "addWebhook",
            "Events that happen from now on are sent to it.",
            EndpointInvalid,
            EndpointLimitReached,
            *_SEALING,
            body=WebhookRequestSchema,
            response=WebhookSecretSchema,
            example={"url": "https://hooks.example.com/farebox", "reason": "Bookkeeping wants it."},
        )
    )
    def post_webhook(operator: Operator) -> Response:
        body = read_body(new_schema)
        action = action_of(operator, "addWebhook", None, body, facts=facts_of(body))
        added = actions.add(action, body["url"], frozenset(body["events"]), body["description"])
        return _response(added, secret=added.secret)

    @blueprint.post(f"{_PATH}/edit")
    @endpoint(
        change(
            "Change a webhook endpoint",
            "editWebhook",
            "Changes what is given. Enabling forgets earlier failures.",
            EndpointNotFound,
            EndpointInvalid,
            body=WebhookEditRequestSchema,
            response=WebhookPerformedSchema,
            example={"enabled": True, "reason": "The receiver works again."},
        )
    )
    def post_edit(operator: Operator, webhook_id: str) -> Response:
        body = read_body(edit_schema)
        facts = {"endpointId": webhook_id, **facts_of(body)}
        action = action_of(operator, "editWebhook", None, body, facts=facts)
        return _response(actions.edit(action, webhook_id, edit_of(body)))


def _add_other_changes(blueprint: Blueprint, actions: WebhookActions) -> None:
    schema = ActionSchema()

    @blueprint.post(f"{_PATH}/rotate")
    @endpoint(
        change(
            "Give a webhook endpoint another secret",
            "rotateWebhookSecret",
            "For a day the previous one signs as well.",
            EndpointNotFound,
            *_SEALING,
            response=WebhookSecretSchema,
        )
    )
    def post_rotate(operator: Operator, webhook_id: str) -> Response:
        facts = {"endpointId": webhook_id}
        action = action_of(operator, "rotateWebhook", None, read_body(schema), facts=facts)
        rotated = actions.rotate(action, webhook_id)
        return _response(rotated, secret=rotated.secret)

    @blueprint.post(f"{_PATH}/remove")
    @endpoint(
        change(
            "Remove a webhook endpoint",
            "removeWebhook",
            "What is on its way to it becomes a dead letter.",
            EndpointNotFound,
        )
    )
    def post_remove(operator: Operator, webhook_id: str) -> Response:
        facts = {"endpointId": webhook_id}
        action = action_of(operator, "removeWebhook", None, read_body(schema), facts=facts)
        return performed_response(actions.remove(action, webhook_id))

    @blueprint.post(f"{_PATH}/test")
    @endpoint(
        change(
            "Send a test event to a webhook endpoint",
            "testWebhook",
            "The event has the type `webhook.test`.",
            EndpointNotFound,
            EndpointDisabled,
        )
    )
    def post_test(operator: Operator, webhook_id: str) -> Response:
        facts = {"endpointId": webhook_id}
        action = action_of(operator, "testWebhook", None, read_body(schema), facts=facts)
        return performed_response(actions.send_trial(action, webhook_id))


def _add_deliveries(blueprint: Blueprint, deliveries: Deliveries) -> None:
    page_schema = DeliveryPageRequestSchema()

    @blueprint.get(f"{_PATH}/deliveries")
    @endpoint(
        _read(
            "List what was sent to a webhook endpoint",
            "listDeliveries",
            "Newest first.",
            DeliveryPageSchema,
            EndpointNotFound,
            PageTokenInvalid,
            query=DeliveryPageRequestSchema,
        )
    )
    def get_deliveries(operator: Operator, webhook_id: str) -> Response:
        del operator
        query = read_query(page_schema)
        page = deliveries.page(webhook_id, query["limit"], query["next_token"])
        found = [delivery_body(each) for each in page.deliveries]
        return success({"deliveries": found, "nextToken": page.next_token})

    @blueprint.get(f"{_PATH}/deliveries/<event_id>")
    @endpoint(
        _read(
            "Get a delivery",
            "getDelivery",
            "With the start of the last response, as the receiver sent it.",
            DeliverySchema,
            DeliveryNotFound,
        )
    )
    def get_delivery(operator: Operator, webhook_id: str, event_id: str) -> Response:
        del operator
        return success(delivery_body(deliveries.get(webhook_id, event_id)))


def _add_resends(blueprint: Blueprint, actions: WebhookActions) -> None:
    schema = ActionSchema()

    @blueprint.post(f"{_PATH}/deliveries/<event_id>/resend")
    @endpoint(
        change(
            "Send an event to a webhook endpoint again",
            "resendDelivery",
            "Whatever became of it, dead letters included. It is tried for three days.",
            EndpointNotFound,
            EndpointDisabled,
            DeliveryNotFound,
        )
    )
    def post_resend(operator: Operator, webhook_id: str, event_id: str) -> Response:
        facts = {"endpointId": webhook_id, "eventId": event_id}
        action = action_of(operator, "resendDelivery", None, read_body(schema), facts=facts)
        return performed_response(actions.resend(action, webhook_id, event_id))


def _add_dead_letters(
    blueprint: Blueprint, actions: WebhookActions, dead_letters: DeadLetters
) -> None:
    schema = ActionSchema()

    @blueprint.get("/admin/dead-letters")
    @endpoint(
        _read(
            "List the dead letters",
            "listDeadLetters",
            "What was given up after its last try, oldest first.",
            DeadLetterListSchema,
        )
    )
    def get_dead_letters(operator: Operator) -> Response:
        del operator
        return success({"deadLetters": [dead_letter_body(each) for each in dead_letters.all()]})

    @blueprint.post("/admin/users/<user_id>/events/<event_id>/redrive")
    @endpoint(
        change(
            "Hand on an event that is a dead letter, or send such a mail",
            "redriveEvent",
            "For a mail, and for an event that was not even handed on to the endpoints; resend a "
            "delivery otherwise.",
            DeliveryNotFound,
        )
    )
    def post_redrive(operator: Operator, user_id: str, event_id: str) -> Response:
        facts = {"eventId": event_id}
        action = action_of(operator, "redriveEvent", user_id, read_body(schema), facts=facts)
        return performed_response(actions.redrive(action, event_id))
