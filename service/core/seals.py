"""MACs over what the table stores: whoever can edit the table but does not hold the key can neither
make one nor change what it covers."""

import base64
import hmac
import json
from collections.abc import Sequence

_BYTES = 16


def seal(facts: Sequence[object], key: bytes) -> str:
    """HMAC-SHA-256 over the facts as JSON, cut to 128 bits (22 characters). Facts of different
    kinds must differ in their form, so that the seal of one can never stand for another's."""
    text = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
    digest = hmac.digest(key, text, "sha256")[:_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def holds(mac: str, facts: Sequence[object], key: bytes) -> bool:
    """Whether that is the seal of these facts."""
    return hmac.compare_digest(mac.encode(), seal(facts, key).encode())
