"""A job as Server-Sent Events: what comes at its end.

In a file of its own because every kind of work, live or not, ends a stream by it."""

from collections.abc import Callable, Iterator, Mapping

from service.jobs.entities import Job
from service.web.event_streams import KEEP_ALIVE, event

Body = Callable[[Job], Mapping[str, object]]


def job_events(waits: Iterator[Job], body: Body) -> Iterator[str]:
    """Keeps the connection alive while the job is open, and then sends all of it."""
    job = None
    for job in waits:
        if job.is_open:
            yield KEEP_ALIVE
    if job is None or job.is_open:
        yield event("waiting", {} if job is None else {"job": body(job)})
        return
    shown = body(job)
    if shown.get("text"):
        yield event("delta", {"text": shown["text"]})
    yield from ending_events(job, shown)


def ending_events(job: Job, shown: Mapping[str, object]) -> Iterator[str]:
    """How a stream ends: with what was used and the job, or with why it failed. A job that could
    not be settled yet is shown as it stands."""
    if job.failure is not None:
        yield event("error", {"jobId": job.job_id, "error": shown["error"], "job": shown})
        return
    if job.usage:
        yield event("usage", {**job.usage, "estimated": shown.get("estimated", False)})
    yield event("done", {"job": shown})
