"""AssemblyAI's temporary tokens: each opens one session, within its time, without the key."""

import threading
import uuid
from dataclasses import dataclass

from service.core.clock import Clock

MAX_REDEEM_SECONDS = 600
MIN_SESSION_SECONDS, MAX_SESSION_SECONDS = 60, 10_800
MAX_TOKENS = 10_000


@dataclass(frozen=True)
class SessionToken:
    """Opens one session of at most `max_seconds`, until `expires` (monotonic seconds)."""

    text: str
    expires: float
    max_seconds: int


class SessionTokens:
    """Those that have been issued and not redeemed. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._all: dict[str, SessionToken] = {}
        self.issued = 0

    def issue(self, redeem_seconds: int, max_seconds: int) -> SessionToken:
        token = SessionToken(
            f"tok-{uuid.uuid4().hex}", self._clock.monotonic() + redeem_seconds, max_seconds
        )
        with self._guard:
            if len(self._all) >= MAX_TOKENS:
                self._all.pop(next(iter(self._all)))
            self._all[token.text] = token
            self.issued += 1
        return token

    def redeem(self, text: str) -> SessionToken | None:
        """The token, once and in time."""
        with self._guard:
            token = self._all.pop(text, None)
        if token is None or self._clock.monotonic() >= token.expires:
            return None
        return token


def numbers_of(query: dict[str, list[str]]) -> tuple[int, int] | None:
    """For how long a token is to be redeemable, and how long its session may be; None for what
    AssemblyAI refuses."""
    redeem = _number(query, "expires_in_seconds", 1, MAX_REDEEM_SECONDS, "")
    default = str(MAX_SESSION_SECONDS)
    name = "max_session_duration_seconds"
    session = _number(query, name, MIN_SESSION_SECONDS, MAX_SESSION_SECONDS, default)
    return None if redeem is None or session is None else (redeem, session)


def _number(
    query: dict[str, list[str]], name: str, low: int, high: int, default: str
) -> int | None:
    text = query.get(name, [default])[0]
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        return None
    return int(text) if low <= int(text) <= high else None
