"""AssemblyAI's own records of live sessions: what each was sent, and what it would bill."""

import threading
import uuid
from dataclasses import dataclass, replace

from devstack.simulators.assemblyai.tokens import SessionTokens
from service.core.clock import Clock

MAX_SESSIONS = 10_000


@dataclass(frozen=True)
class LiveSession:
    """One session. Billed is how long it was open, idle or not; times are monotonic seconds. One
    that a token opened ends after `max_seconds`."""

    session_id: str
    sample_rate: int
    encoding: str
    began: float
    max_seconds: int | None = None
    audio_bytes: int = 0
    ended: float | None = None
    how: str = ""

    @property
    def audio_seconds(self) -> int:
        width = 1 if self.encoding == "pcm_mulaw" else 2
        return self.audio_bytes // (self.sample_rate * width)

    def seconds(self, now: float) -> int:
        """Audio that is sent faster than it is spoken takes its time all the same."""
        until = now if self.ended is None else self.ended
        return max(int(until - self.began), self.audio_seconds)


class LiveSessions:
    """All sessions of the account. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._all: dict[str, LiveSession] = {}
        self.tokens = SessionTokens(clock)

    def begin(self, sample_rate: int, encoding: str, max_seconds: int | None = None) -> str:
        began = self._clock.monotonic()
        session = LiveSession(str(uuid.uuid4()), sample_rate, encoding, began, max_seconds)
        with self._guard:
            if len(self._all) >= MAX_SESSIONS:
                self._all.pop(next(iter(self._all)))
            self._all[session.session_id] = session
        return session.session_id

    def add_audio(self, session_id: str, size: int) -> LiveSession:
        """After so many bytes of audio more."""
        with self._guard:
            found = self._all[session_id]
            grown = replace(found, audio_bytes=found.audio_bytes + size)
            self._all[session_id] = grown
            return grown

    def ahead(self, session_id: str) -> float:
        """By how many seconds its audio is ahead of the time in which it is spoken."""
        now = self._clock.monotonic()
        with self._guard:
            found = self._all[session_id]
        return found.audio_seconds - (now - found.began)

    def is_too_long(self, session_id: str) -> bool:
        """Whether its token allows no more of it."""
        now = self._clock.monotonic()
        with self._guard:
            found = self._all[session_id]
        return found.max_seconds is not None and now - found.began >= found.max_seconds

    def end(self, session_id: str, how: str) -> tuple[int, int]:
        """Seconds of audio, and of the session. Only the first end counts."""
        now = self._clock.monotonic()
        with self._guard:
            found = self._all[session_id]
            if found.ended is None:
                found = replace(found, ended=now, how=how)
                self._all[session_id] = found
            return found.audio_seconds, found.seconds(now)

    def books(self) -> list[dict[str, object]]:
        now = self._clock.monotonic()
        with self._guard:
            return [
                {
                    "id": each.session_id,
                    "audio_seconds": each.audio_seconds,
                    "billed_seconds": each.seconds(now),
                    "is_open": each.ended is None,
                    "how": each.how,
                }
                for each in self._all.values()
            ]

    def follow(self, clock: Clock) -> None:
        """Begins anew, by another clock."""
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        with self._guard:
            self._all.clear()
            self.tokens = SessionTokens(self._clock)
