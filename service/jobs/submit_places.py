"""How many jobs one process submits at once. A vendor that responds slowly, or one user with many
connections, must leave connections, memory and greenlets for everybody else.

In a file of its own because it is not about any one job. It limits a process only; what a user may
spend in all is another matter."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.jobs.entities import ProviderSaturated, TooManyJobs

# A place is soon free where the provider responds as usual. And a client that repeats its request
# the moment it is refused costs more than one that waits.
WAIT_SECONDS = 2.0
PAUSE_SECONDS = 0.1


class SubmitPlaces:
    """Places for jobs that are being submitted: with each provider `per_provider`, and `per_user`
    of them for each user. Waits two seconds for one."""

    def __init__(self, per_provider: int, per_user: int, clock: Clock) -> None:
        self._clock = clock
        self._per_provider = per_provider
        self._per_user = per_user
        self._of_provider: dict[str, Shares] = {}

    @contextmanager
    def place(self, user_id: str, provider: str) -> Iterator[None]:
        """Holds a place while a job is submitted. Raises `TooManyJobs` or `ProviderSaturated`."""
        shares = self._of_provider.setdefault(provider, Shares(self._per_provider, self._per_user))
        self._take(shares, user_id)
        try:
            yield
        finally:
            shares.put_back(user_id)

    def _take(self, shares: Shares, user_id: str) -> None:
        until = self._clock.monotonic() + WAIT_SECONDS
        while True:
            try:
                return shares.take(user_id)
            except ShareUsedUp:
                refusal: FareboxError = TooManyJobs(details={"limit": self._per_user})
            except NothingLeft:
                refusal = ProviderSaturated()
            if self._clock.monotonic() >= until:
                raise refusal
            self._clock.sleep(PAUSE_SECONDS)
