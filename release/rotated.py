"""Reads our own keys (docs/settings.md#secrets) and prints them after one step of a rotation.

Usage: rotated.py STEP < keys > keys
       rotated.py first-access-token-key > keys

Ends with an error, printing nothing, for a step that does not fit what is there.
"""

import base64
import copy
import json
import secrets
import sys
from collections.abc import Callable
from typing import Any

Keys = dict[str, Any]
_BYTES = 48
# The order of the group of P-256 (SEC 2, 2.4.2): a private key is a number from 1 to below it.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIRST_ACCESS_TOKEN_KEY = "first-access-token-key"


def add_token_key(keys: Keys) -> None:
    """Adds a key at the end: every process can decrypt with it before any encrypts with it."""
    if len(keys["callbackTokenKeys"]) > 1:
        raise SystemExit("A rotation has begun already: use-token-key, then drop-token-key.")
    keys["callbackTokenKeys"].append(secrets.token_urlsafe(_BYTES))


def use_token_key(keys: Keys) -> None:
    """Moves the newest key to the front: it encrypts, the others still decrypt."""
    if len(keys["callbackTokenKeys"]) < 2:
        raise SystemExit("There is no new key: add-token-key first.")
    keys["callbackTokenKeys"].insert(0, keys["callbackTokenKeys"].pop())


def drop_token_key(keys: Keys) -> None:
    """Keeps the first key only. Callbacks with tokens of the others are refused, and the worker
    polls those jobs."""
    del keys["callbackTokenKeys"][1:]


def add_pepper(keys: Keys) -> None:
    """Adds a version. The old ones stay: they recognise users who signed up under them."""
    versions = [int(version) for version in keys["fingerprintPeppers"]]
    keys["fingerprintPeppers"][str(max(versions) + 1)] = secrets.token_urlsafe(_BYTES)


def new_access_token_key() -> dict[str, str]:
    """A key that signs access tokens (ES256), under a `kid` of its own."""
    number = secrets.randbelow(_ORDER - 1) + 1
    scalar = base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
    return {"kid": secrets.token_hex(8), "d": scalar}


def add_access_token_key(keys: Keys) -> None:
    """Adds a key at the end: every process publishes and verifies it before any signs with it."""
    if len(keys["keys"]) > 1:
        raise SystemExit(
            "A rotation has begun already: use-access-token-key, then drop-access-token-key."
        )
    keys["keys"].append(new_access_token_key())


def use_access_token_key(keys: Keys) -> None:
    """Moves the newest key to the front: it signs, the other still verifies."""
    if len(keys["keys"]) < 2:
        raise SystemExit("There is no new key: add-access-token-key first.")
    keys["keys"].insert(0, keys["keys"].pop())


def drop_access_token_key(keys: Keys) -> None:
    """Keeps the first key only. Access tokens of the other are refused; their sessions go on."""
    del keys["keys"][1:]


STEPS: dict[str, Callable[[Keys], None]] = {
    "add-token-key": add_token_key,
    "use-token-key": use_token_key,
    "drop-token-key": drop_token_key,
    "add-pepper": add_pepper,
    "add-access-token-key": add_access_token_key,
    "use-access-token-key": use_access_token_key,
    "drop-access-token-key": drop_access_token_key,
}


def rotated(keys: Keys, step: str) -> Keys:
    """The keys after the step; `keys` is not changed."""
    after = copy.deepcopy(keys)
    STEPS[step](after)
    return after


if __name__ == "__main__":
    step = sys.argv[1]
    if step == FIRST_ACCESS_TOKEN_KEY:
        changed: Keys = {"keys": [new_access_token_key()]}
    else:
        changed = rotated(json.load(sys.stdin), step)
    sys.stdout.write(json.dumps(changed))
