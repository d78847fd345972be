"""The HTTP half of live sessions: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.jobs.paid_routes import QUOTE_ERRORS
from service.live.entities import STREAM_PROTOCOL, NewSession
from service.live.operations import Live
from service.live.schemas import LiveRequestSchema, LiveTicketSchema, quote_body, ticket_body
from service.live.work import LIVE_FORM
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.request_log import current_request_id
from service.web.responses import success

POST_STREAM = Endpoint(
    access=Access.USER,
    summary="Get a ticket for a live transcription",
    operation_id="createTranscriptionTicket",
    scope=SessionScope.CREATE_JOBS,
    description="Returns the address of the WebSocket and a ticket, which begins one session "
    "within a minute: `new WebSocket(url, [protocol, 'ticket.' + ticket])`. Nothing is held "
    "before. The session holds credits slice by slice, relays binary audio, and sends what is "
    "said as JSON; whole seconds relayed are charged when it ends.",
    body=LiveRequestSchema,
    response=LiveTicketSchema,
    checks_account=True,
    errors=(*LIVE_FORM.errors, *QUOTE_ERRORS),
    example=LIVE_FORM.example,
    max_body_bytes=LIVE_FORM.max_body_bytes,
)


def live_blueprint(live: Live, url: str) -> Blueprint:
    """`url` is the address of the relay."""
    blueprint = Blueprint("live", __name__)
    schema = LiveRequestSchema()

    @blueprint.post("/transcriptions/stream")
    @endpoint(POST_STREAM)
    def post_stream(principal: Principal) -> Response:
        given = read_body(schema)
        body = LIVE_FORM.read(principal, given)
        new = NewSession(principal, given["fingerprint"] or "", body, current_request_id())
        issued = live.issue(new)
        quote = quote_body(
            issued.quote.operation,
            issued.quote.estimate.amount,
            issued.quote.available,
            issued.slice_seconds,
            issued.affordable_seconds,
        )
        return success(ticket_body(url, STREAM_PROTOCOL, issued.ticket, issued.expires_at, quote))

    return blueprint
