"""Reads our own keys (docs/settings.md#secrets) and prints them after one step of a rotation.

Usage: rotated.py STEP < keys > keys

Ends with an error, printing nothing, for a step that does not fit what is there.
"""

import copy
import json
import secrets
import sys
from collections.abc import Callable
from typing import Any

Keys = dict[str, Any]
_BYTES = 48


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


STEPS: dict[str, Callable[[Keys], None]] = {
    "add-token-key": add_token_key,
    "use-token-key": use_token_key,
    "drop-token-key": drop_token_key,
    "add-pepper": add_pepper,
}


def rotated(keys: Keys, step: str) -> Keys:
    """The keys after the step; `keys` is not changed."""
    after = copy.deepcopy(keys)
    STEPS[step](after)
    return after


if __name__ == "__main__":
    sys.stdout.write(json.dumps(rotated(json.load(sys.stdin), sys.argv[1])))
