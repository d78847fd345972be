"""How long ago a caller may have signed in to do what must not be done with a stolen token."""

from service.core.clock import Clock
from service.identity.entities import SignInTooOld


class FreshSignIns:
    """Accepts sign-ins of the last `max_age_seconds`."""

    def __init__(self, clock: Clock, max_age_seconds: int) -> None:
        self._clock = clock
        self._max_age = max_age_seconds * 1000

    def check(self, signed_in_at: int | None) -> None:
        """`signed_in_at` is in epoch milliseconds; None: nothing proves a sign-in. Raises
        `SignInTooOld`."""
        if signed_in_at is None or self._clock.now() - signed_in_at > self._max_age:
            raise SignInTooOld
