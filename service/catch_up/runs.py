"""A catch-up in progress.

In a file of its own because it outlives the request that began it, and shows what it delivers
without reading it: a table that fails just then must not hide what has been paid for."""

from collections.abc import Mapping

from service.catch_up.entities import Summary
from service.catch_up.schemas import content_body
from service.core.amounts import Amount
from service.jobs.entities import Job
from service.text.runs import Run


class CatchUpRun(Run):
    """As its thread knows it, and others that wait for it or end it. `summary` is what it has come
    to (None: nothing yet, or nothing at all)."""

    def __init__(self, job: Job, until: float, remaining: Amount = 0) -> None:
        super().__init__(job, until, remaining)
        self.summary: Summary | None = None

    @property
    def content(self) -> Mapping[str, object]:
        """As `CatchUp.content` of its job."""
        return content_body(self.summary if self.job.result else None)
