"""Background work of a web process: ends the calls that are not to go on."""

from collections.abc import Callable

from service.core.clock import Clock
from service.jobs.operations import Jobs
from service.text.runs import Runs
from service.text.verdicts import Stop


class Cancellations:
    """Ends the calls of this process that their users want to end, and those of a process that
    drains: after `drain_seconds` of it."""

    name = "text_cancellations"

    def __init__(
        self,
        jobs: Jobs,
        runs: Runs,
        clock: Clock,
        is_draining: Callable[[], bool],
        drain_seconds: float,
        interval_seconds: float,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._jobs = jobs
        self._runs = runs
        self._clock = clock
        self._is_draining = is_draining
        self._drain_seconds = drain_seconds
        self._draining_since: float | None = None

    def run_once(self) -> bool:
        """Reads the jobs of all calls in progress. Returns False: there is never more to do at
        once. Raises `StorageUnavailable`."""
        self._end_draining()
        runs = {run.job.job_id: run for run in self._runs}
        for job_id in self._jobs.cancelled([run.job for run in runs.values()]):
            runs[job_id].end(Stop.CANCELLED)
        return False

    def _end_draining(self) -> None:
        if not self._is_draining():
            self._draining_since = None
            return
        if self._draining_since is None:
            self._draining_since = self._clock.monotonic()
        if self._clock.monotonic() - self._draining_since >= self._drain_seconds:
            self._runs.end_all()
