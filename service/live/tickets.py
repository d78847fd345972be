"""Tickets: what a browser shows to the relay instead of a token. Each is good for one session.

In a file of its own because their form is shared by the web process and the relay."""

from collections.abc import Sequence

from service.core.clock import Clock
from service.core.ids import Ids
from service.core.principal import Principal, SignInMethod
from service.core.scopes import Minted
from service.core.token_cipher import TokenCipher
from service.live.entities import LiveBody, NewSession, TicketInvalid
from service.providers.speech import Encoding

_PURPOSE = "live"
_WORDS = 16
# Names of a user, a device and a page may be long.
MAX_TICKET = 4096


class Tickets:
    """Seals tickets, and opens them. That one is used once only, the hold of its session sees to:
    the ticket's id is the idempotency key of the session's job."""

    def __init__(self, cipher: TokenCipher, clock: Clock, ids: Ids, seconds: float) -> None:
        self._cipher = cipher
        self._clock = clock
        self._ids = ids
        self._milliseconds = round(seconds * 1000)

    def issue(self, new: NewSession) -> tuple[str, int]:
        """The ticket, and until when (epoch milliseconds) a session can be begun with it."""
        now = self._clock.now()
        expires_at = now + self._milliseconds
        ticket_id = self._ids.new("tkt", now)
        return self._cipher.seal(_words(new, ticket_id, expires_at)), expires_at

    def open(self, text: str, origin: str | None = None) -> tuple[str, NewSession]:
        """The ticket's id, and what it was issued for. A minted session's is for pages of its own
        origins. Raises `TicketInvalid`."""
        words = self._cipher.open(text, MAX_TICKET)
        if words is None or len(words) != _WORDS or words[0] != _PURPOSE:
            raise TicketInvalid
        if self._clock.now() >= int(words[2]):
            raise TicketInvalid
        new = _session(words)
        minted = new.principal.minted
        if minted is not None and origin is not None and origin not in minted.origins:
            raise TicketInvalid
        return words[1], new


def _words(new: NewSession, ticket_id: str, expires_at: int) -> list[str]:
    who, body = new.principal, new.body
    minted = who.minted
    return [
        *(_PURPOSE, ticket_id, str(expires_at)),
        *(who.issuer, who.subject, who.email or "", str(int(who.email_verified))),
        *(who.method.value, who.session_id or ""),
        "" if who.issued_at is None else str(who.issued_at),
        _bound(minted) if minted else "",
        *(new.fingerprint, new.request_id),
        *(str(body.sample_rate), body.encoding.value, body.language),
    ]


def _bound(minted: Minted) -> str:
    return " ".join((minted.key_id, str(int(minted.has_ceiling)), *sorted(minted.origins)))


def _session(words: Sequence[str]) -> NewSession:
    issuer, subject, email, verified, method, session_id, issued_at, bound = words[3:11]
    key_id, has_ceiling, *origins = bound.split(" ") if bound else ("", "")
    who = Principal(
        issuer,
        subject,
        email or None,
        verified == "1",
        SignInMethod(method),
        session_id or None,
        minted=Minted(key_id, frozenset(origins), has_ceiling == "1") if bound else None,
        issued_at=int(issued_at) if issued_at else None,
    )
    fingerprint, request_id, rate, encoding, language = words[11:16]
    body = LiveBody(int(rate), Encoding(encoding), language)
    return NewSession(who, fingerprint, body, request_id)
