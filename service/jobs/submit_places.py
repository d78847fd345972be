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
    of them for each user. Two seconds are waited for one, by as many as there are places with one
    provider: what waits keeps a connection from everybody else."""

    def __init__(self, per_provider: int, per_user: int, clock: Clock) -> None:
        self._clock = clock
        self._per_provider = per_provider
        self._per_user = per_user
        self._of_provider: dict[str, Shares] = {}
        self._waiting = Shares(per_provider, per_user)

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
        refusal = self._refusal(shares, user_id)
        if refusal is None:
            return
        try:
            self._waiting.take(user_id)
        except (ShareUsedUp, NothingLeft):
            raise refusal from None
        try:
            self._wait(shares, user_id)
        finally:
            self._waiting.put_back(user_id)

    def _wait(self, shares: Shares, user_id: str) -> None:
        until = self._clock.monotonic() + WAIT_SECONDS
        while refusal := self._refusal(shares, user_id):
            if self._clock.monotonic() >= until:
                raise refusal
            self._clock.sleep(PAUSE_SECONDS)

    def _refusal(self, shares: Shares, user_id: str) -> FareboxError | None:
        """Takes a place. Returns why there is none for this user, None if it is taken."""
        try:
            shares.take(user_id)
        except ShareUsedUp:
            return TooManyJobs(details={"limit": self._per_user})
        except NothingLeft:
            return ProviderSaturated()
        return None
