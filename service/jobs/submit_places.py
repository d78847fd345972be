"""How many jobs one process submits at once. A vendor that responds slowly, or one user with many
connections, must leave connections, memory and greenlets for everybody else.

In a file of its own because it is not about any one job. It limits a process only; what a user may
spend in all is another matter."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.jobs.entities import ProviderSaturated, TooManyJobs


class SubmitPlaces:
    """Places for jobs that are being submitted: with each provider `per_provider`, and `per_user`
    of them for each user. Nobody waits for a place."""

    def __init__(self, per_provider: int, per_user: int) -> None:
        self._per_provider = per_provider
        self._per_user = per_user
        self._of_provider: dict[str, Shares] = {}

    @contextmanager
    def place(self, user_id: str, provider: str) -> Iterator[None]:
        """Holds a place while a job is submitted. Raises `TooManyJobs` or `ProviderSaturated`."""
        shares = self._of_provider.setdefault(provider, Shares(self._per_provider, self._per_user))
        try:
            shares.take(user_id)
        except ShareUsedUp:
            raise TooManyJobs(details={"limit": self._per_user}) from None
        except NothingLeft:
            raise ProviderSaturated from None
        try:
            yield
        finally:
            shares.put_back(user_id)
