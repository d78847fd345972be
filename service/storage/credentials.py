"""The credentials of requests to DynamoDB, from botocore's chain, refreshed in the background.

botocore itself refreshes in the call that happens to need them. Where the endpoint of a task's role
does not respond, that takes 9 s, one call after the other; and in the last 10 minutes of their life
it fails although the credentials are still good. Here a call waits only if it has no good ones."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from service.core.clock import Clock
from service.core.threads import in_thread

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

log = structlog.get_logger()

# How long a call waits for credentials when it has none that are good.
WAIT_SECONDS = 2.0
# Until the next refresh begins, whether the one before worked or not.
REFRESH_PAUSE_SECONDS = 1.0


class NoCredentials(Exception):
    """There are no credentials that are good now."""


class _Refresh:
    """One refresh, run by one thread and waited for by many."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.ended_at = 0.0
        self.failure: Exception | None = None


class TaskCredentials:
    """The credentials of the task role, or whatever else botocore's chain finds. It is searched at
    first use. Safe from any thread."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        start: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self._session = session
        self._clock = clock
        self._start = start
        self._guard = threading.Lock()
        self._source: Credentials | None = None
        self._current: ReadOnlyCredentials | None = None
        self._refresh: _Refresh | None = None

    def __call__(self) -> "ReadOnlyCredentials":
        """Credentials that are good now. Waits at most `WAIT_SECONDS`, and only if there are none.

        Raises `NoCredentials`, which names what botocore raised in the latest refresh."""
        current = self._current
        if current is None or self._ends_within(None):
            refresh = self._refreshing()
            if current is None or self._ends_within(0):
                return self._result(refresh)
        return current

    def _ends_within(self, seconds: int | None) -> bool:
        """None: soon enough that botocore wants others. Those without an end never do."""
        source = self._source
        return isinstance(source, RefreshableCredentials) and source.refresh_needed(seconds)

    def _refreshing(self) -> _Refresh:
        """The refresh that is under way or was just over, or else a new one."""
        with self._guard:
            latest = self._refresh
            if latest and not (latest.ended.is_set() and self._is_past(latest)):
                return latest
            self._refresh = refresh = _Refresh()
        try:
            self._start(lambda: self._run(refresh))
        except RuntimeError as error:
            self._end(refresh, error)
        return refresh

    def _is_past(self, refresh: _Refresh) -> bool:
        return self._clock.monotonic() - refresh.ended_at >= REFRESH_PAUSE_SECONDS

    def _run(self, refresh: _Refresh) -> None:
        try:
            self._source = self._source or self._session.get_credentials()
            if self._source is None:
                raise NoCredentialsError
            if self._ends_within(0):
                # botocore moves their end before others are there.
                self._current = None
            self._current = self._source.get_frozen_credentials()
        except Exception as error:
            # botocore raises almost anything when it cannot refresh.
            log.warning("credentials_not_refreshed", error=type(error).__name__)
            self._end(refresh, error)
        else:
            self._end(refresh, None)

    def _end(self, refresh: _Refresh, failure: Exception | None) -> None:
        refresh.failure = failure
        refresh.ended_at = self._clock.monotonic()
        refresh.ended.set()

    def _result(self, refresh: _Refresh) -> "ReadOnlyCredentials":
        if not refresh.ended.wait(WAIT_SECONDS):
            raise NoCredentials("none came in time")
        current = self._current
        if refresh.failure is not None:
            raise NoCredentials(type(refresh.failure).__name__)
        if current is None or self._ends_within(0):
            raise NoCredentials("they have ended")
        return current


def task_credentials(clock: Clock) -> TaskCredentials:
    """Those of this process."""
    return TaskCredentials(Session(), clock)
