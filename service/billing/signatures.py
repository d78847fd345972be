"""Signatures of Stripe's webhooks (https://docs.stripe.com/webhooks, "Verify webhook signatures
manually"): `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`, HMAC-SHA-256 over `<t>.<body>`
with the whole `whsec_…` text as the key.

In a file of its own, and without Stripe's library, because that one accepts every time in the
future and reads the system's clock."""

import hmac
import re
from collections.abc import Sequence

from service.billing.events import RefusalReason, WebhookRefused

TOLERANCE_SECONDS = 300
MAX_HEADER = 2048
MAX_SIGNATURES = 10

_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


def signed_at(header: str | None, now_seconds: float) -> tuple[int, tuple[str, ...]]:
    """The time and the signatures in that header. Raises `WebhookRefused`: malformed, or signed
    more than 300 seconds from now, before or after."""
    if not header or len(header) > MAX_HEADER:
        raise WebhookRefused(RefusalReason.HEADER)
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [text for name, _, text in pairs if name == "t"]
    signatures = tuple(text for name, _, text in pairs if name == "v1")
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise WebhookRefused(RefusalReason.HEADER)
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise WebhookRefused(RefusalReason.HEADER)
    if not all(map(_SIGNATURE.fullmatch, signatures)):
        raise WebhookRefused(RefusalReason.HEADER)
    at = int(times[0])
    if abs(now_seconds - at) > TOLERANCE_SECONDS:
        raise WebhookRefused(RefusalReason.TIME)
    return at, signatures


def verify(raw: bytes, at: int, signatures: Sequence[str], secrets: Sequence[str]) -> None:
    """Checks that one of the signatures was made with one of the secrets, in a time that does not
    depend on which. Raises `WebhookRefused`, and `ValueError` without a secret: nothing may ever be
    signed with an empty key."""
    if not secrets or not all(secrets):
        raise ValueError("webhooks cannot be verified without a secret")
    signed = str(at).encode() + b"." + raw
    matches = [
        hmac.compare_digest(hmac.digest(secret.encode(), signed, "sha256").hex(), signature)
        for secret in secrets
        for signature in signatures
    ]
    if not any(matches):
        raise WebhookRefused(RefusalReason.SIGNATURE)
