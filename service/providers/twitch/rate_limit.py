"""What Twitch says of how many more calls it takes: `Ratelimit-Remaining`, and `Ratelimit-Reset`
(epoch seconds) for when it takes the full number again
(https://dev.twitch.tv/docs/api/guide/#twitch-rate-limits)."""

import threading
from collections.abc import Mapping

from service.core.clock import Clock

# The bucket is full again within a minute; what says later is not believed.
MAX_WAIT_SECONDS = 60.0
# After a 429 that does not say when.
USUAL_WAIT_SECONDS = 1.0
_MAX_DIGITS = 12


class RateLimit:
    """Of one application in this process. Its times are monotonic: a pause ends even if the
    system's clock is set back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._open_at = 0.0

    def seconds(self) -> float:
        """How long to wait before the next call."""
        with self._guard:
            return max(self._open_at - self._clock.monotonic(), 0.0)

    def note(self, status: int, headers: Mapping[str, str]) -> None:
        """Learns from a response. Header names are in lower case."""
        remaining = _number(headers.get("ratelimit-remaining", ""))
        if status != 429 and remaining != 0:
            return
        reset = _number(headers.get("ratelimit-reset", ""))
        wait = USUAL_WAIT_SECONDS if status == 429 else 0.0
        if reset is not None:
            wait = max(reset - self._clock.now() / 1000, wait)
        with self._guard:
            self._open_at = self._clock.monotonic() + min(wait, MAX_WAIT_SECONDS)


def _number(text: str) -> int | None:
    text = text.strip()
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else None
