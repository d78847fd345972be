"""The HTTP half of live sessions: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.jobs.entities import ProviderSaturated, TooManyJobs
from service.jobs.paid_routes import PAID_ERRORS, PAID_HEADERS, QUOTE_ERRORS, paid_headers
from service.ledger.limits import AlreadyLive
from service.live.block_sales import BlockSales, Sold
from service.live.entities import STREAM_PROTOCOL, BlockEnded, NewSession, VendorTokensOff, Via
from service.live.operations import Issued, Live
from service.live.schemas import LiveStreamRequestSchema, LiveTicketSchema, quote_body, ticket_body
from service.live.work import LIVE_FORM
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import read_idempotency_key
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
    "said as JSON; whole seconds relayed are charged when it ends.\n\n"
    "With `via: vendor`, where the operator allows it: a token of the vendor's for a block of "
    "fixed length, charged whole in the transaction that stores it, and a job. A repeated "
    "`Idempotency-Key` returns the same token as long as it opens a session. Whoever has a block "
    "has nothing else live until it is over.",
    body=LiveStreamRequestSchema,
    response=LiveTicketSchema,
    checks_account=True,
    errors=tuple(
        dict.fromkeys(
            (
                *LIVE_FORM.errors,
                *QUOTE_ERRORS,
                *PAID_ERRORS,
                *(VendorTokensOff, AlreadyLive, BlockEnded, TooManyJobs, ProviderSaturated),
            )
        )
    ),
    example=LIVE_FORM.example,
    headers=PAID_HEADERS,
    max_body_bytes=LIVE_FORM.max_body_bytes,
)


def live_blueprint(live: Live, sales: BlockSales, url: str) -> Blueprint:
    """`url` is the address of the relay."""
    blueprint = Blueprint("live", __name__)
    schema = LiveStreamRequestSchema()

    @blueprint.post("/transcriptions/stream")
    @endpoint(POST_STREAM)
    def post_stream(principal: Principal) -> Response:
        given = read_body(schema)
        key = read_idempotency_key()
        body = LIVE_FORM.read(principal, given)
        new = NewSession(principal, given["fingerprint"] or "", body, current_request_id())
        if given["via"] == Via.VENDOR:
            return _block(sales.buy(new, key))
        return _ticket(live.issue(new), url)

    return blueprint


def _ticket(issued: Issued, url: str) -> Response:
    quote = quote_body(
        issued.quote.operation,
        issued.quote.estimate.amount,
        issued.quote.available,
        issued.slice_seconds,
        issued.affordable_seconds,
    )
    return success(ticket_body(url, STREAM_PROTOCOL, issued.ticket, issued.expires_at, quote))


def _block(sold: Sold) -> Response:
    job = sold.job
    quote = quote_body(job.operation, job.captured, sold.remaining, sold.seconds, sold.seconds)
    body = ticket_body(sold.address, "", sold.token, sold.expires_at, quote, Via.VENDOR, job.job_id)
    return success(body, headers=paid_headers(job, replayed=sold.replayed))
