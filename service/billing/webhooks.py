"""Webhooks of Stripe: verified, then put into the inbox.

In a file of its own because nothing of a body may be read before its signature holds."""

import hashlib
import json

import structlog

from service.billing.events import EventFacts, RefusalReason, WebhookRefused, facts_of
from service.billing.inbox import Inbox
from service.billing.signatures import signed_at, verify
from service.billing.stripe_client import Stripe
from service.billing.stripe_parsing import UnexpectedObject, event
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics

log = structlog.get_logger()

SIGNATURE_HEADER = "Stripe-Signature"


class Webhooks:
    """Receives what claims to come from Stripe."""

    def __init__(self, stripe: Stripe, inbox: Inbox, clock: Clock, metrics: Metrics) -> None:
        self._stripe = stripe
        self._inbox = inbox
        self._clock = clock
        self._metrics = metrics

    def check_header(self, header: str | None) -> None:
        """Whether a body with that signature header is worth reading. Raises
        `BillingNotConfigured` and `WebhookRefused`."""
        self._stripe.require_configured()
        try:
            signed_at(header, self._clock.now() / 1000)
        except WebhookRefused as refused:
            self._count(refused)
            raise

    def receive(self, header: str | None, raw: bytes) -> None:
        """Stores the event in that body, and deals with it if that is quick. Raises
        `WebhookRefused` (nothing was written), `WebhookNotStored` and `SecretUnavailable`."""
        try:
            facts = self._verified(header, raw)
        except WebhookRefused as refused:
            self._count(refused)
            raise
        structlog.contextvars.bind_contextvars(stripe_event_id=facts.event_id)
        self._inbox.receive(facts)

    def refuse_encoding(self) -> None:
        """Raises `WebhookRefused` for a body that is not sent as Stripe sends it."""
        refused = WebhookRefused(RefusalReason.ENCODING)
        self._count(refused)
        raise refused

    def _verified(self, header: str | None, raw: bytes) -> EventFacts:
        at, signatures = signed_at(header, self._clock.now() / 1000)
        try:
            verify(raw, at, signatures, self._stripe.webhook_secrets)
        except WebhookRefused:
            # The endpoint's secret may have been rotated since it was read.
            if not self._stripe.renew_secrets():
                raise
            verify(raw, at, signatures, self._stripe.webhook_secrets)
        facts = _facts_in(raw)
        if facts.livemode is not self._stripe.livemode:
            raise WebhookRefused(RefusalReason.LIVEMODE)
        return facts

    def _count(self, refused: WebhookRefused) -> None:
        self._metrics.count(Metric.STRIPE_WEBHOOKS_REFUSED, reason=refused.reason.value)
        log.warning("stripe_webhook_refused", reason=refused.reason.value)


def _facts_in(raw: bytes) -> EventFacts:
    """The event in a body that is verified. Raises `WebhookRefused` for a body that is none."""
    try:
        document = json.loads(raw)
        found = event(document if isinstance(document, dict) else {})
    except (UnexpectedObject, ValueError, RecursionError):
        raise WebhookRefused(RefusalReason.BODY) from None
    return facts_of(found, hashlib.sha256(raw).hexdigest())
