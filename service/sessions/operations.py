"""Opening, refreshing, listing and ending sessions."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import structlog

from service.core.clock import Clock
from service.core.ids import Ids, is_id
from service.core.metrics import Metric, Metrics
from service.core.principal import Principal
from service.identity.access_tokens import (
    LIFE_SECONDS,
    TOKEN_ID_PREFIX,
    AccessClaims,
    AccessTokens,
)
from service.ledger.entities import AccountClosing, AccountDisabled
from service.ledger.session_floor import SessionFloor
from service.sessions import keys, store
from service.sessions.ceilings import Ceiling, ceiling_from, end_write
from service.sessions.entities import (
    DAY_MILLISECONDS,
    MAX_DEVICE,
    MAX_SESSIONS,
    SECOND_MILLISECONDS,
    NewSession,
    Presented,
    RefreshFault,
    RefreshTokenRejected,
    Session,
    SessionEnd,
    SessionNotFound,
    presented,
)
from service.sessions.refresh_tokens import (
    SECRET_BYTES,
    SESSION_ID_PREFIX,
    RefreshToken,
    digest,
    made,
    parsed,
    successor,
)
from service.storage.codec import Item
from service.storage.data_keys import DataErased, DataKeys
from service.storage.keys import Key
from service.storage.table import ConditionFailed, MaybeApplied, Page, StorageUnavailable, Table
from service.storage.writes import Update

# Each further try has lost against another request with the same session, or lost a response.
MAX_TRIES = 4
MAX_ERASED_PAGES = 20

_ReadPage = Callable[[Table, str, str], Page]

log = structlog.get_logger()


class Sessions:
    """The sessions of users. `key` is secret: refresh tokens are made and recognised with it.

    Every method raises `StorageUnavailable`."""

    def __init__(
        self,
        table: Table,
        data_keys: DataKeys,
        access_tokens: AccessTokens,
        floor: SessionFloor,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        random_bytes: Callable[[int], bytes],
        key: bytes,
        session_days: int,
    ) -> None:
        self._table = table
        self._data_keys = data_keys
        self._access_tokens = access_tokens
        self._floor = floor
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._random_bytes = random_bytes
        self._key = key
        self._life = session_days * DAY_MILLISECONDS

    def open(self, user_id: str, principal: Principal, device: str, now: int) -> NewSession:
        """A new session of the user, who has just signed in as that principal: `principal.issuer`
        vouches for the user id. `device` is what the user will recognise it by. Of more than 50
        live sessions the least recently used are ended.

        Raises `AccountDisabled` and `AccountClosing` for a user whose sessions were all ended
        meanwhile, of which nothing is left then; `DataKeyUnavailable` and `DataUnreadable`."""
        session_id = self._ids.new(SESSION_ID_PREFIX, now)
        token = made(user_id, session_id, self._random_bytes(SECRET_BYTES), self._key)
        session = Session(
            user_id=user_id,
            session_id=session_id,
            issuer=principal.issuer,
            device=device[:MAX_DEVICE],
            created_at=now,
            last_used_at=now,
            ends_at=now + self._life,
            digest=digest(token, self._key),
            authenticated_at=principal.authenticated_at,
            email=self._sealed(user_id, session_id, principal.email),
            email_verified=principal.email_verified,
            scopes=principal.scopes,
        )
        self._make_room(user_id, now)
        self._table.write(store.session_write(session))
        self._require_standing(session)
        return self._issued(session, principal.email, token, now)

    def _require_standing(self, session: Session) -> None:
        """Those who end all sessions of a user do not find one that is stored a moment later."""
        try:
            self._floor.check_opened(session.user_id, session.created_at)
        except AccountDisabled:
            self._ended(session, SessionEnd.DISABLED, self._clock.now())
            raise
        except AccountClosing:
            key = keys.session(session.user_id, session.session_id)
            self._erased(store.erasure_write({"PK": key.pk, "SK": key.sk}, self._clock.now()))
            raise

    def user_of(self, text: str) -> str:
        """Whose session a refresh token is of; nothing is read. Raises `RefreshTokenRejected` for
        what this service never made."""
        return self._genuine(text).user_id

    def refresh(self, text: str) -> tuple[NewSession, Session, str | None]:
        """Exchanges a refresh token for its successor and a new access token. Returns them, the
        session, and the e-mail address of its user.

        One of all requests with a token replaces it. For ten seconds the others receive the same
        successor; after that the token counts as stolen, and its session is ended (RFC 9700,
        4.14.2). Raises `RefreshTokenRejected`, `DataKeyUnavailable`, `DataUnreadable`."""
        token = self._genuine(text)
        session, email, read_at = self._exchanged(token)
        following = successor(token, self._key)
        # The access token is as old as the reading: if the session ends meanwhile, so does it.
        return self._issued(session, email, following, read_at), session, email

    def live(self, user_id: str) -> list[Session]:
        """The user's live sessions, newest first."""
        return self._live(user_id, self._clock.now())

    def is_live(self, user_id: str, session_id: str) -> bool:
        """Whether that is a session of the user which has not ended."""
        session = self._read(user_id, session_id)
        return session is not None and session.is_live(self._clock.now())

    def end(self, user_id: str, session_id: str, end: SessionEnd) -> bool:
        """Ends a session of the user: its tokens are refused from now on. The user's other sessions
        have to refresh their access tokens. False if it had ended before. Raises
        `SessionNotFound`."""
        is_one = is_id(SESSION_ID_PREFIX, session_id)
        session = self._read(user_id, session_id) if is_one else None
        if session is None:
            raise SessionNotFound
        ended = session.ended_at is None and self._ended(session, end, self._clock.now())
        # Later than the end, or a refresh in between has the younger token. Repeated for a session
        # that had ended: whoever ended it may not have come this far.
        self._floor.raise_to(user_id, session.ended_at or self._clock.now())
        return ended

    def end_all(self, user_id: str, end: SessionEnd, keep: str | None = None) -> int:
        """Ends every live session of the user, but for the one with the id `keep`, which has to
        refresh its access token. Returns how many those were. Can be repeated."""
        now = self._clock.now()
        live = filter(None, map(_readable, self._items(user_id)))
        others = [each for each in live if each.is_live(now) and each.session_id != keep]
        ended = sum([self._ended(each, end, now) for each in others])
        self._floor.raise_to(user_id, self._clock.now())
        return ended

    def erase(self, user_id: str) -> bool:
        """Ends every session of the user, minted ones too, and takes out what they say of the user.
        Returns whether that was all of them; if not, it is to be called again."""
        now = self._clock.now()
        signed_in, minted = partial(store.erasure_write, now=now), partial(end_write, now=now)
        return self._erase_all(user_id, store.read_page, signed_in) and self._erase_all(
            user_id, store.read_minted, minted
        )

    def ceilings(self, user_id: str) -> Iterator[Ceiling]:
        """What minted sessions of the user with a ceiling are stored, oldest first."""
        for item in self._items(user_id, store.read_minted):
            yield ceiling_from(item)

    def _erase_all(self, user_id: str, read: _ReadPage, ending: Callable[[Item], Update]) -> bool:
        after, done = "", True
        for _ in range(MAX_ERASED_PAGES):
            page = read(self._table, user_id, after)
            for item in page.items:
                done &= self._erased(ending(item))
                after = str(item["SK"])
            if not page.more:
                return done
        return False

    def _erased(self, ending: Update) -> bool:
        """False for one that has ended, or disappeared, since it was read."""
        try:
            self._table.write(ending)
        except ConditionFailed:
            return False
        return True

    def _live(self, user_id: str, now: int) -> list[Session]:
        found = map(_readable, store.read_newest(self._table, user_id))
        return [session for session in found if session is not None and session.is_live(now)]

    def _read(self, user_id: str, session_id: str) -> Session | None:
        item = self._table.get(keys.session(user_id, session_id))
        return _readable(item) if item else None

    def _genuine(self, text: str) -> RefreshToken:
        token = parsed(text, self._key)
        if token is None:
            raise RefreshTokenRejected(RefreshFault.MALFORMED)
        return token

    def _items(self, user_id: str, read: _ReadPage = store.read_page) -> Iterator[Item]:
        """All sessions of the user, oldest first, page by page: a live one may stand behind any
        number of ended ones."""
        after, more = "", True
        while more:
            page = read(self._table, user_id, after)
            yield from page.items
            after, more = str(page.items[-1]["SK"]) if page.items else "", page.more

    def _exchanged(self, token: RefreshToken) -> tuple[Session, str | None, int]:
        """The session once the token is replaced, by this request or by one just before it; the
        address in it, and when it was read. Whatever can fail comes before the replacement: no one
        is to lose a session by an outage."""
        given = digest(token, self._key)
        for _ in range(MAX_TRIES):
            now = self._clock.now()
            session = self._read(token.user_id, token.session_id)
            match Presented.ENDED if session is None else presented(session, given, now):
                case Presented.CURRENT if session is not None:
                    email = self._opened(session)
                    if self._rotated(session, token, now):
                        return replace(session, last_used_at=now), email, now
                case Presented.REPEATED if session is not None:
                    return session, self._opened(session), now
                case Presented.REUSED if session is not None:
                    self._end_reused(session, now)
                    raise RefreshTokenRejected(RefreshFault.REUSED)
                case _:
                    raise RefreshTokenRejected(RefreshFault.ENDED)
        raise StorageUnavailable

    def _rotated(self, session: Session, token: RefreshToken, now: int) -> bool:
        """False where the session has to be read again: another request was faster, or the response
        was lost. If the write was applied after all, the token is the one before the current."""
        following = digest(successor(token, self._key), self._key)
        try:
            self._table.write(store.rotation_write(session, following, now))
        except (ConditionFailed, MaybeApplied):
            return False
        return True

    def _end_reused(self, session: Session, now: int) -> None:
        if self._ended(session, SessionEnd.REUSE, now):
            self._floor.raise_to(session.user_id, self._clock.now())
            log.warning("refresh_token_reused", session_id=session.session_id)
            self._metrics.count(Metric.REFRESH_TOKENS_REUSED)

    def _ended(self, session: Session, end: SessionEnd, now: int) -> bool:
        """Whether this call has ended it."""
        try:
            self._table.write(store.end_write(session, end, now))
        except ConditionFailed:
            return False
        return True

    def _make_room(self, user_id: str, now: int) -> None:
        by_use = sorted(self._live(user_id, now), key=lambda each: each.last_used_at, reverse=True)
        for session in by_use[MAX_SESSIONS - 1 :]:
            self._ended(session, SessionEnd.LIMIT, now)

    def _issued(
        self, session: Session, email: str | None, token: RefreshToken, now: int
    ) -> NewSession:
        claims = AccessClaims(
            user_id=session.user_id,
            session_id=session.session_id,
            identity_issuer=session.issuer,
            authenticated_at=session.authenticated_at,
            email=email,
            email_verified=session.email_verified,
            scopes=session.scopes,
        )
        access_token = self._access_tokens.issue(claims, self._ids.new(TOKEN_ID_PREFIX, now), now)
        left_seconds = (session.ends_at - now) // SECOND_MILLISECONDS
        return NewSession(access_token, token.text, session.session_id, LIFE_SECONDS, left_seconds)

    def _sealed(self, user_id: str, session_id: str, email: str | None) -> bytes | None:
        """None also for a user whose data has been erased, and who is not back yet."""
        if email is None:
            return None
        try:
            return self._data_keys.seal(user_id, *store.email_place(user_id, session_id), email)
        except DataErased:
            return None

    def _opened(self, session: Session) -> str | None:
        if session.email is None:
            return None
        place = store.email_place(session.user_id, session.session_id)
        return self._data_keys.open(session.user_id, *place, session.email)


def _readable(item: Item) -> Session | None:
    """None for an item that no version of this code wrote: it must keep no one from signing in."""
    try:
        return store.session_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.exception("session_unreadable", item=str(Key.of_item(item)))
        return None
