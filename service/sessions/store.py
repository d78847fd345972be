"""Sessions as items. Builds writes, sends none."""

from collections.abc import Iterator
from typing import Any

from service.core.clock import from_iso, iso
from service.sessions import keys
from service.sessions.entities import MAX_SESSIONS, Session, SessionEnd, kept_until_seconds
from service.storage.codec import Item
from service.storage.keys import Key, user_of, user_partition
from service.storage.table import Page, Table
from service.storage.writes import Put, Update, When

MAX_READ = 2 * MAX_SESSIONS
# Whoever opens more sessions in the week for which ended ones are kept is no user.
MAX_PAGES = 20
_OF_A_LIVE_SESSION = ("digest", "previousDigest", "rotatedAt", "email")


def read_newest(table: Table, user_id: str) -> Iterator[Item]:
    """The sessions of a user, newest first, ended ones included: a live one may stand behind many
    that have ended. Strongly consistent; one call for each 100, and at most 20 calls."""
    partition, after = user_partition(user_id), keys.SESSION_PREFIX + "~"
    for _ in range(MAX_PAGES):
        page = table.query(
            partition, keys.SESSION_PREFIX, limit=MAX_READ, after=after, ascending=False
        )
        yield from page.items
        if not page.more:
            return
        after = str(page.items[-1]["SK"])


def read_page(table: Table, user_id: str, after: str) -> Page:
    """Up to 100 sessions of a user, beyond that sort key, oldest first."""
    partition = user_partition(user_id)
    return table.query(partition, keys.SESSION_PREFIX, limit=MAX_READ, after=after)


def read_minted(table: Table, user_id: str, after: str) -> Page:
    """The ceilings of minted sessions, as `read_page`."""
    partition = user_partition(user_id)
    return table.query(partition, keys.MINTED_PREFIX, limit=MAX_READ, after=after)


def session_write(session: Session) -> Put:
    """A session that has just been opened."""
    item: Item = {
        "issuer": session.issuer,
        "device": session.device or None,
        "createdAt": iso(session.created_at),
        "lastUsedAt": iso(session.last_used_at),
        "endsAt": iso(session.ends_at),
        "digest": session.digest,
        "authenticatedAt": _iso(session.authenticated_at),
        "email": session.email,
        "emailVerified": session.email_verified or None,
        "scopes": session.scopes,
        "expiresAt": kept_until_seconds(session.ends_at),
    }
    return Put(keys.session(session.user_id, session.session_id), item)


def rotation_write(session: Session, digest: str, now: int) -> Update:
    """Replaces the refresh token that was read. Of all requests with it one succeeds, and none does
    once the session has ended."""
    key = keys.session(session.user_id, session.session_id)
    changed: Item = {
        "digest": digest,
        "previousDigest": session.digest,
        "rotatedAt": iso(now),
        "lastUsedAt": iso(now),
    }
    return Update(key, When(equals={"digest": session.digest, "endedAt": None}), set=changed)


def end_write(session: Session, end: SessionEnd, now: int) -> Update:
    """Ends a session, once, whatever its refresh token is by now."""
    key = keys.session(session.user_id, session.session_id)
    changed: Item = {"endedAt": iso(now), "end": end, "expiresAt": kept_until_seconds(now)}
    return Update(
        key, When(equals={"PK": key.pk, "endedAt": None}), set=changed, remove=_OF_A_LIVE_SESSION
    )


def erasure_write(item: Item, now: int) -> Update:
    """Ends a session unless it has ended, and takes out whatever it says of its user."""
    key = Key.of_item(item)
    changed: Item = {"expiresAt": now // 1000}
    if "endedAt" not in item:
        changed = {**changed, "endedAt": iso(now), "end": SessionEnd.ERASURE}
    guard = When(equals={"PK": key.pk, "endedAt": item.get("endedAt")})
    return Update(key, guard, set=changed, remove=(*_OF_A_LIVE_SESSION, "device"))


def email_place(user_id: str, session_id: str) -> tuple[Key, str]:
    """The item and the attribute for which an address is sealed."""
    return keys.session(user_id, session_id), "email"


def session_from(item: Item) -> Session:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    end = fields.get("end")
    return Session(
        user_id=user_of(fields["PK"]),
        session_id=keys.session_id_of(fields["SK"]),
        issuer=fields["issuer"],
        device=fields.get("device", ""),
        created_at=from_iso(fields["createdAt"]),
        last_used_at=from_iso(fields["lastUsedAt"]),
        ends_at=from_iso(fields["endsAt"]),
        digest=fields.get("digest"),
        previous=fields.get("previousDigest"),
        rotated_at=_time(fields.get("rotatedAt")),
        authenticated_at=_time(fields.get("authenticatedAt")),
        email=fields.get("email"),
        email_verified=fields.get("emailVerified", False),
        scopes=fields.get("scopes", frozenset()),
        ended_at=_time(fields.get("endedAt")),
        end=None if end is None else SessionEnd(end),
    )


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _time(text: str | None) -> int | None:
    return None if text is None else from_iso(text)
