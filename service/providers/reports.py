"""What an operator learns of calls without a usable response: a log line and a metric each.

Each line names the job, so that its whole story can be found by it."""

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics

log = structlog.get_logger()

# What happens next after a call without a response, by operation.
NEXT = {
    "create": "not sent again: the credits stay held, and the worker finds out by the job's id",
    "query": "queried again when the job is next due",
    "token": "not requested again: no one has that token, so the credits go back",
    "find": "requested again, as far as time allows: it only reads",
}


class Reports:
    """Logs and counts for one provider."""

    def __init__(self, provider: str, metrics: Metrics, clock: Clock) -> None:
        self._provider = provider
        self._metrics = metrics
        self._clock = clock

    def not_reached(self, operation: str, job_id: str, error: Exception) -> None:
        """The call was not sent. Counted by the caller, once for all tries."""
        log.warning(
            "provider_not_reached",
            provider=self._provider,
            operation=operation,
            job_id=job_id,
            reason=type(error).__name__,
        )

    def silent(self, operation: str, job_id: str, started: float) -> None:
        """The call, begun at that monotonic time, may have arrived and got no whole response."""
        log.warning(
            "provider_silent",
            provider=self._provider,
            operation=operation,
            job_id=job_id,
            seconds=round(self._clock.monotonic() - started, 1),
            next=NEXT[operation],
        )
        self._metrics.count(Metric.PROVIDER_SILENT, provider=self._provider, operation=operation)

    def foreign_task(self, job_id: str, task_id: str) -> None:
        """The response was about `task_id`, which is another job's."""
        log.error("provider_foreign_task", provider=self._provider, job_id=job_id, task_id=task_id)
        self._metrics.count(Metric.PROVIDER_FOREIGN_TASKS, provider=self._provider)
