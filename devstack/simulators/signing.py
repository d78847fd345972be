"""Standard Webhooks signatures (https://www.standardwebhooks.com), as Kling signs its callbacks."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def signature(key: bytes, message_id: str, at_seconds: int, body: bytes) -> str:
    """`v1,<base64>`: HMAC-SHA256 of `<id>.<unix seconds>.<raw body>`."""
    signed = f"{message_id}.{at_seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def signature_headers(
    keys: Iterable[bytes], message_id: str, at_seconds: int, body: bytes
) -> dict[str, str]:
    """The three headers, with one signature for each key, separated by spaces. Without keys: no
    headers."""
    signatures = [signature(key, message_id, at_seconds, body) for key in keys]
    if not signatures:
        return {}
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": " ".join(signatures),
    }
