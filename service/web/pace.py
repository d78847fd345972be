"""How slowly bytes may come or go before we give up."""

from service.core.clock import Clock

# 128 kbit/s: a weak mobile connection. The bound is on the rate, because a time alone would refuse
# every large image sent over a line that is merely slow.
MIN_BYTES_PER_SECOND = 16 * 1024


class Pace:
    """The time that is left for a transfer. It may lag at most `lag_seconds` behind the minimum
    rate, so nor may it pause for longer, and it takes at most `max_seconds` in all."""

    def __init__(self, clock: Clock, lag_seconds: float, max_seconds: float) -> None:
        self._clock = clock
        self._lag_seconds = lag_seconds
        self._end_at = clock.monotonic() + max_seconds
        self._until = min(clock.monotonic() + lag_seconds, self._end_at)

    def moved(self, count: int) -> None:
        """That many bytes have come or gone."""
        earned = self._until + count / MIN_BYTES_PER_SECOND
        # Not more than the lag: bytes that came fast must not pay for a long silence.
        self._until = min(earned, self._clock.monotonic() + self._lag_seconds, self._end_at)

    @property
    def left_seconds(self) -> float:
        return self._until - self._clock.monotonic()
