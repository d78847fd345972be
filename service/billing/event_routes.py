"""The route that Stripe's webhooks are sent to, under two addresses."""

from flask import Blueprint, Response, request

from service.billing.entities import BillingNotConfigured
from service.billing.events import WebhookNotStored, WebhookRefused
from service.billing.webhooks import SIGNATURE_HEADER, Webhooks
from service.storage.secrets import SecretUnavailable
from service.web.body import read_raw
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.request_errors import PayloadTooLarge, UploadsBusy
from service.web.responses import success

MAX_EVENT_BYTES = 256 * 1024
# As (rule, name): both are in use at Stripe.
ADDRESSES = (("/stripe/webhook", "Stripe"), ("/webhooks/stripe", "StripeAlias"))
_DESCRIPTION = (
    "Stripe sends its events here. The signature is checked over the raw body before anything of "
    "it is read, against one secret or, during a rotation, two; its time must be within 300 "
    "seconds. "
    "The event is stored before a 2xx, and only says which object to read at Stripe. A 5xx has "
    "Stripe deliver it again."
)


def webhook_blueprint(webhooks: Webhooks) -> Blueprint:
    blueprint = Blueprint("stripe_webhook", __name__)
    for rule, name in ADDRESSES:
        _add(blueprint, rule, name, webhooks)
    return blueprint


def _add(blueprint: Blueprint, rule: str, name: str, webhooks: Webhooks) -> None:
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            internal=True,
            summary="Take an event of Stripe's",
            operation_id=f"handle{name}Webhook",
            description=_DESCRIPTION,
            errors=(
                *(BillingNotConfigured, WebhookRefused, WebhookNotStored, PayloadTooLarge),
                *(UploadsBusy, SecretUnavailable),
            ),
            headers={SIGNATURE_HEADER: "`t=<epoch seconds>,v1=<HMAC-SHA-256, in hex>`"},
            max_body_bytes=MAX_EVENT_BYTES,
        )
    )
    def post_event() -> Response:
        header = request.headers.get(SIGNATURE_HEADER)
        webhooks.check_header(header)
        if not _is_plain_json():
            webhooks.refuse_encoding()
        webhooks.receive(header, read_raw())
        return success(None)

    blueprint.add_url_rule(rule, f"post_event_{name}", post_event, methods=["POST"])


def _is_plain_json() -> bool:
    """Whether the body is said to be what Stripe sends: JSON in UTF-8, not compressed. What is
    signed must be what is read."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    charset = request.mimetype_params.get("charset", "utf-8").strip().lower()
    is_json = request.mimetype == "application/json"
    return is_json and encoding in ("", "identity") and charset in ("utf-8", "utf8")
