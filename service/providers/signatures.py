"""Standard Webhooks signatures (https://www.standardwebhooks.com), as Kling signs its callbacks
when a secret is set.

The reference library brings an HTTP client and a date library along for these few lines, so they
stand here."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 10


def signature_holds(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether one of the `v1` signatures over `{id}.{timestamp}.{body}` is right and the timestamp
    is within five minutes of `now` (epoch milliseconds) either way. `secret` is base64, with or
    without `whsec_`."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(now // 1000 - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").encode().split()[:MAX_SIGNATURES]
    return any(hmac.compare_digest(expected, signature) for signature in given)
