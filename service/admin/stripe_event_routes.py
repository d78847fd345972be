"""Operators' routes about Stripe's events that could not be dealt with."""

from flask import Blueprint, Response

from service.admin.routes import ACTION_ERRORS, ACTION_HEADERS, action_of, performed_response
from service.admin.schemas import ActionSchema, PerformedSchema
from service.admin.stripe_event_schemas import DeadStripeEventsSchema, stripe_event_body
from service.admin.stripe_events import StripeEventActions
from service.billing.events import StripeEventNotDead, StripeEventNotFound
from service.billing.inbox import Inbox
from service.core.principal import Operator
from service.storage.table import StorageUnavailable
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success

_REDRIVE = (
    "For an event that was tried twenty times. The worker tries it twenty times more: what it "
    "leads to is read at Stripe again, so nothing is granted or taken twice."
)


def stripe_events_blueprint(actions: StripeEventActions, inbox: Inbox) -> Blueprint:
    blueprint = Blueprint("stripe_events", __name__)
    schema = ActionSchema()

    @blueprint.get("/admin/stripe-events/dead")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            summary="List Stripe's events that could not be dealt with",
            operation_id="listDeadStripeEvents",
            description="What was given up after twenty attempts, oldest first.",
            response=DeadStripeEventsSchema,
            errors=(StorageUnavailable,),
        )
    )
    def get_dead(operator: Operator) -> Response:
        del operator
        return success({"events": [stripe_event_body(each) for each in inbox.dead()]})

    @blueprint.post("/admin/stripe-events/<stripe_event_id>/redrive")
    @endpoint(
        Endpoint(
            access=Access.OPERATOR,
            fresh=True,
            second_factor=True,
            summary="Try an event of Stripe's anew",
            operation_id="redriveStripeEvent",
            description=_REDRIVE,
            body=ActionSchema,
            response=PerformedSchema,
            errors=(StripeEventNotFound, StripeEventNotDead, *ACTION_ERRORS),
            headers=ACTION_HEADERS,
        )
    )
    def post_redrive(operator: Operator, stripe_event_id: str) -> Response:
        facts = {"stripeEventId": stripe_event_id}
        action = action_of(operator, "redriveStripeEvent", None, read_body(schema), facts=facts)
        return performed_response(actions.redrive(action, stripe_event_id))

    return blueprint
