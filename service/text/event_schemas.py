"""A run as Server-Sent Events (HTML Living Standard, 9.2), in a small vocabulary of our own:
`start`, `delta`, `usage`, `done`, `error`, and comments that keep the connection alive.

In a file of its own because of its pace: a write for each token costs a whole core at 1,000
streams (docs/performance.md)."""

import errno
from collections.abc import Callable, Iterator, Mapping

from service.core.clock import Clock
from service.jobs.entities import Job
from service.jobs.event_schemas import ending_events
from service.text.runs import FellBehind, Run
from service.web.event_streams import KEEP_ALIVE, KEEP_ALIVE_SECONDS, event

# At most ten writes a second for each client.
WRITE_PAUSE_SECONDS = 0.1
# Stops a stream whose call never ends.
MAX_WRITES = 20_000

Body = Callable[[Job], Mapping[str, object]]
# The pieces of a run, at the pace of a stream.
Live = Callable[[Run], Iterator[str]]


def has_begun(run: Run) -> bool:
    """Waits for the first word, or the end, but no longer than a connection may be silent. Returns
    whether the stream has to begin: not where the end is a refusal, which has a status of its
    own."""
    return not run.read(0, KEEP_ALIVE_SECONDS).is_over


def run_pieces(run: Run, clock: Clock) -> Iterator[str]:
    """The text of the run from its beginning, as much at once as has come since the last write; ""
    where a connection would be silent for too long. Raises `ConnectionResetError` for a client that
    fell behind."""
    position = 0
    for _ in range(MAX_WRITES):
        try:
            news = run.read(position, KEEP_ALIVE_SECONDS)
        except FellBehind as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client fell behind") from error
        if news.is_over:
            return
        yield news.text
        if news.text:
            position = news.position
            clock.sleep(WRITE_PAUSE_SECONDS)


def run_events(run: Run, clock: Clock, body: Body) -> Iterator[str]:
    """Everything of the run from its beginning. A client that falls behind is cut off, and finds
    the text where it is stored."""
    has_started = False
    for piece in run_pieces(run, clock):
        if not piece:
            yield KEEP_ALIVE
            continue
        if not has_started:
            yield event("start", {"jobId": run.job.job_id})
        has_started = True
        yield event("delta", {"text": piece})
    yield from ending_events(run.job, body(run.job))
