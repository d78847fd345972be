"""The signature of the Cognito hook: HMAC-SHA-256 over the time and the body, in the header
`Farebox-Signature: t=<epoch seconds>,v1=<hex>`. Pure.

In a file of its own because the forwarding Lambda makes the same signature
(cloudformation/identity.yaml), and a test holds one against the other."""

import hashlib
import hmac
import re

HEADER = "Farebox-Signature"
TOLERANCE_SECONDS = 300

_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of the header."""
    signed = f"{seconds}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def signed_seconds(header: str, body: bytes, secret: str, now_seconds: float) -> int | None:
    """When whoever knows the secret signed this body, in epoch seconds; None: no one did, or not
    within `TOLERANCE_SECONDS` from now. The comparison takes the same time wherever they differ.
    No one has signed with an empty secret."""
    match = _HEADER.fullmatch(header)
    if match is None or not secret:
        return None
    seconds = int(match[1])
    is_equal = hmac.compare_digest(signature(secret, seconds, body), header)
    return seconds if is_equal and abs(now_seconds - seconds) <= TOLERANCE_SECONDS else None
