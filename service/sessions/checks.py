"""What the audit proves of sessions: each can be read, has a refresh token exactly while it has not
been ended, and disappears in time."""

from collections.abc import Iterator

from service.sessions.entities import Session, kept_until_seconds
from service.sessions.keys import SESSION
from service.sessions.store import session_from
from service.storage.checks import ItemCheck
from service.storage.codec import Item, whole_number
from service.storage.sealed import key_version


def session_check() -> ItemCheck:
    return ItemCheck(SESSION, _faults)


def _faults(item: Item) -> Iterator[str]:
    session = session_from(item)
    if session.email is not None:
        key_version(session.email)
    yield from _token_faults(session)
    if not session.created_at <= session.last_used_at < session.ends_at:
        yield "its times are out of order"
    end = session.ends_at if session.ended_at is None else session.ended_at
    if whole_number(item["expiresAt"]) > kept_until_seconds(end):
        yield "its expiresAt is more than seven days after its end"


def _token_faults(session: Session) -> Iterator[str]:
    if (session.ended_at is None) != (session.digest is not None):
        yield "has a refresh token after its end, or none before it"
    if (session.ended_at is None) != (session.end is None):
        yield "was ended without a reason, or has a reason without an end"
    if (session.previous is None) != (session.rotated_at is None):
        yield "its rotation is incomplete"
