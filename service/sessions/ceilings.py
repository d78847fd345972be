"""The ceiling of a minted session: how many credits its requests may cost together.

It is an item of its own, which a hold writes in its transaction, and a settlement that returns
credits as well. Both move the user's wallet, so no two of them ever count on the same amount. Rules
and writes are in one file, for the transactions of jobs; nothing is sent from here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from service.core.amounts import Amount, amount_of, credits_number, credits_of, credits_text
from service.core.clock import from_iso, iso
from service.core.errors import Forbidden, Unauthenticated
from service.core.principal import Principal
from service.core.seals import holds, seal
from service.sessions import keys
from service.sessions.entities import kept_until_seconds
from service.storage.codec import Item
from service.storage.keys import Key, user_of
from service.storage.writes import Put, Update, When

MINTED_ID_PREFIX = "mint"
SORT_KEY_PREFIX = keys.MINTED_PREFIX


class SessionCeilingReached(Forbidden):
    """Nothing was written, and an idempotency key stays free."""

    code = "SESSION_CEILING_REACHED"
    summary = "This would cost more credits than are left to this session. Nothing was charged."
    advice = "Get a new token from the app's back end, which decides how much it may cost."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 5, "left": 0.5, "required": 1}

    def __init__(self, limit: Amount, left: Amount, required: Amount) -> None:
        super().__init__(
            f"This costs {credits_text(required)}; {credits_text(left)} of the "
            f"{credits_text(limit)} credits of this session are left.",
            details={
                "limit": credits_number(limit),
                "left": credits_number(left),
                "required": credits_number(required),
            },
        )


class SessionEnded(Unauthenticated):
    code = "SESSION_ENDED"
    summary = "This session has ended. Get a new token."
    advice = "Get a new token from the app's back end."
    challenge = 'Bearer error="invalid_token"'


@dataclass(frozen=True)
class Ceiling:
    """`used` of the `limit` is held for open jobs of the session or was captured. Times are epoch
    milliseconds; `ended_at` is None unless it was ended before `ends_at`. `mac` is its seal, which
    does not cover `used`: that follows from the session's jobs."""

    user_id: str
    session_id: str
    key_id: str
    limit: Amount
    created_at: int
    ends_at: int
    used: Amount = 0
    ended_at: int | None = None
    mac: str = ""

    @property
    def left(self) -> Amount:
        return self.limit - self.used

    @property
    def key(self) -> Key:
        return keys.session(self.user_id, self.session_id)


def ceiling_key(principal: Principal) -> Key | None:
    """The item of the ceiling that binds the principal; None for all who have none."""
    bound, session_id = principal.minted, principal.session_id
    if bound is None or not bound.has_ceiling or session_id is None:
        return None
    return keys.session(principal.subject, session_id)


def key_of_session(user_id: str, session_id: str) -> Key:
    """The item of that session's ceiling."""
    return keys.session(user_id, session_id)


def sealed(ceiling: Ceiling, mac_key: bytes) -> Ceiling:
    return replace(ceiling, mac=seal(_facts(ceiling), mac_key))


def is_sealed(ceiling: Ceiling, mac_key: bytes) -> bool:
    """Whether the ceiling is as this service wrote it."""
    return holds(ceiling.mac, _facts(ceiling), mac_key)


def bound_by(item: Item | None, mac_key: bytes) -> Ceiling:
    """The ceiling in the item that was read. Raises `SessionEnded` where there is none (any more),
    where it was ended, and where it is not as this service wrote it."""
    found = _readable(item)
    if found is None or found.ended_at is not None or not is_sealed(found, mac_key):
        raise SessionEnded
    return found


def with_held(ceiling: Ceiling, amount: Amount) -> Ceiling:
    """After a hold of that amount. Raises `SessionCeilingReached`."""
    if amount > ceiling.left:
        raise SessionCeilingReached(ceiling.limit, ceiling.left, amount)
    return replace(ceiling, used=ceiling.used + amount)


def new_write(ceiling: Ceiling) -> Put:
    item: Item = {
        "keyId": ceiling.key_id,
        "limit": credits_of(ceiling.limit),
        "used": credits_of(ceiling.used),
        "createdAt": iso(ceiling.created_at),
        "endsAt": iso(ceiling.ends_at),
        "mac": ceiling.mac,
        "expiresAt": kept_until_seconds(ceiling.ends_at),
    }
    return Put(ceiling.key, item)


def used_write(before: Ceiling, after: Ceiling) -> Update:
    """Only over what was read, and never where the item has disappeared."""
    guard = When(equals={"used": credits_of(before.used), "endedAt": _iso(before.ended_at)})
    return Update(before.key, guard, set={"used": credits_of(after.used)})


def returned_write(item: Item | None, amount: Amount) -> Update | None:
    """After that much of a hold came back. None where there is nothing to count: a settlement never
    fails on a ceiling."""
    found = _readable(item)
    if found is None or not amount:
        return None
    return used_write(found, replace(found, used=max(0, found.used - amount)))


def end_write(item: Item, now: int) -> Update:
    """Ends a session whose user is erased: its item disappears soon."""
    ended_at = item.get("endedAt")
    guard = When(equals={"PK": item["PK"], "endedAt": ended_at})
    changed: Item = {"endedAt": ended_at or iso(now), "expiresAt": now // 1000}
    return Update(Key.of_item(item), guard, set=changed)


def ceiling_from(item: Item) -> Ceiling:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    return Ceiling(
        user_id=user_of(fields["PK"]),
        session_id=keys.session_id_of(fields["SK"]),
        key_id=fields["keyId"],
        limit=amount_of(fields["limit"]),
        used=amount_of(fields["used"]),
        created_at=from_iso(fields["createdAt"]),
        ends_at=from_iso(fields["endsAt"]),
        ended_at=from_iso(fields["endedAt"]) if "endedAt" in fields else None,
        mac=fields["mac"],
    )


def _readable(item: Item | None) -> Ceiling | None:
    try:
        return None if item is None else ceiling_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _facts(ceiling: Ceiling) -> list[object]:
    return [
        "ceiling",
        str(ceiling.key),
        ceiling.key_id,
        ceiling.limit,
        iso(ceiling.created_at),
        iso(ceiling.ends_at),
    ]


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
