"""What the audit proves of sessions: each can be read, has a refresh token exactly while it has not
been ended, and disappears in time. Of ceilings: none is exceeded, and each is as this service wrote
it; whether what counts against it is right, the jobs know."""

from collections.abc import Iterator

from service.sessions.ceilings import ceiling_from, is_sealed
from service.sessions.entities import Session, kept_until_seconds
from service.sessions.keys import MINTED, SESSION
from service.sessions.store import session_from
from service.storage.checks import ItemCheck
from service.storage.codec import Item, whole_number
from service.storage.sealed import key_version


def session_check() -> ItemCheck:
    return ItemCheck(SESSION, _faults)


def ceiling_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        ceiling = ceiling_from(item)
        if not is_sealed(ceiling, mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"
        if not 0 <= ceiling.used <= ceiling.limit:
            yield "more counts against it than its limit, or less than nothing"
        end = ceiling.ends_at if ceiling.ended_at is None else ceiling.ended_at
        if whole_number(item["expiresAt"]) > kept_until_seconds(end):
            yield "its expiresAt is more than seven days after its end"

    return ItemCheck(MINTED, faults)


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
