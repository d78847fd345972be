"""How long requests take that must not show by it who has an account.

In a file of its own because registration, sign-in and reset share it."""

from service.core.clock import Clock


class Pace:
    """Holds responses back until so long after their request. The work is the same for known and
    unknown addresses already; this hides what is left of a difference, and the hashes of an earlier
    system, which cost more than ours."""

    def __init__(self, clock: Clock, min_seconds: float) -> None:
        self._clock = clock
        self._min_seconds = min_seconds

    def begin(self) -> float:
        """The moment that `hold` counts from."""
        return self._clock.monotonic()

    def hold(self, began_at: float) -> None:
        """Waits until `min_seconds` after that moment."""
        passed = self._clock.monotonic() - began_at
        self._clock.sleep(max(0.0, self._min_seconds - passed))
