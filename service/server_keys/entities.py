"""A server key as it is stored, and what may be refused about keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from service.core.errors import Conflict, NotFound
from service.core.scopes import KeyScope

KEY_ID_PREFIX = "key"
MAX_KEYS = 50
MAX_NAME = 100
KEPT_DAYS = 90
USE_NOTED_MILLISECONDS = 60_000
DAY_MILLISECONDS = 24 * 3600 * 1000


class ServerKeyNotFound(NotFound):
    code = "SERVER_KEY_NOT_FOUND"
    summary = "There is no such server key, or it was revoked."


class ServerKeyLimitReached(Conflict):
    code = "SERVER_KEY_LIMIT_REACHED"
    summary = "There are as many server keys as there may be. Revoke one first."
    details_example: ClassVar[Mapping[str, object]] = {"max": MAX_KEYS}


@dataclass(frozen=True)
class ServerKey:
    """A key without its secret. `digest` is all that is stored of that; `name` says whose key it
    is. `last_used_at` lags by up to a minute (None: not used yet), `revoked_at` is None while the
    key is good. Times are epoch milliseconds. `mac` is its seal."""

    key_id: str
    name: str
    scopes: frozenset[KeyScope]
    created_at: int
    digest: str = field(repr=False)
    last_used_at: int | None = None
    revoked_at: int | None = None
    mac: str = ""


def kept_until_seconds(revoked_at: int) -> int:
    """When the item of a key that was revoked then may disappear, in epoch seconds."""
    return (revoked_at + KEPT_DAYS * DAY_MILLISECONDS) // 1000


def is_use_due(key: ServerKey, now: int) -> bool:
    """Whether a use at that time is to be noted: the last one noted is a minute old."""
    return key.last_used_at is None or now - key.last_used_at >= USE_NOTED_MILLISECONDS
