"""Making one catch-up and bringing its job to an end: find the broadcast, take the steps, store,
settle.

In a file of its own because it runs in a thread that no request waits for."""

from collections.abc import Callable

import structlog

from service.catch_up.bounds import max_parts
from service.catch_up.entities import CatchUpBody, CatchUpFailure, Part, Summary
from service.catch_up.recordings import Recordings
from service.catch_up.runs import CatchUpRun
from service.catch_up.steps import Failed, Steps, Used
from service.catch_up.stored import CatchUpResults
from service.catch_up.work import CatchUp
from service.core.clock import Clock
from service.core.errors import FareboxError, RateLimited, Unavailable
from service.jobs.entities import Failure, Job
from service.jobs.operations import Jobs
from service.providers.base import (
    Broadcast,
    BroadcastLookup,
    BroadcastProvider,
    FoundBroadcast,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    SoughtBroadcast,
)
from service.providers.generation import TextProvider

log = structlog.get_logger()

SETTLE_PAUSE_SECONDS = 1.0


class Maker:
    """Makes catch-ups, each once, and settles their jobs."""

    def __init__(
        self,
        work: CatchUp,
        broadcasts: BroadcastProvider,
        provider: TextProvider,
        jobs: Jobs,
        results: CatchUpResults,
        recordings: Recordings,
        clock: Clock,
    ) -> None:
        self._work = work
        self._broadcasts = broadcasts
        self._provider = provider
        self._jobs = jobs
        self._results = results
        self._recordings = recordings
        self._clock = clock

    def make(self, run: CatchUpRun, body: CatchUpBody) -> Job:
        """Returns the job as stored, open where it cannot be settled now: then the worker does, by
        what is stored. A whole that has failed is free, whatever its steps have cost."""
        used = Used()
        try:
            summary = self._summary(run, body, used)
        except Failed as failed:
            failure = failed.failure
            return self._until_settled(run.job, lambda: self._failed(run.job, failure, used))
        run.summary = summary
        return self._until_settled(run.job, lambda: self._stored(run.job, summary, used))

    def _summary(self, run: CatchUpRun, body: CatchUpBody, used: Used) -> Summary:
        """Raises `Failed`."""
        try:
            broadcast = self._broadcast(run, body)
            parts = self._parts(run, body, used)
            steps = Steps(self._work.model, self._provider, run, used)
            return Summary(broadcast, steps.summarized(broadcast, parts))
        except Failed:
            raise
        except Exception as error:
            log.exception("catch_up_broke", job_id=run.job.job_id)
            raise Failed(CatchUpFailure.CATCH_UP_BROKE_OFF) from error

    def _parts(self, run: CatchUpRun, body: CatchUpBody, used: Used) -> tuple[Part, ...]:
        """Raises `Failed`, and for a transcript what `Words.parts` raises."""
        if body.recording is None or body.length is None:
            return body.words.parts()
        seconds = body.length.seconds()
        count = max_parts(seconds - body.since)
        return self._recordings.transcribed(run, body.recording, seconds, body.since, count, used)

    def _broadcast(self, run: CatchUpRun, body: CatchUpBody) -> Broadcast:
        """The first step, which costs nothing. Raises `Failed`."""
        sought = SoughtBroadcast(run.job.job_id, body.channel, body.video_id)
        lookup = self._lookup(sought, run.until)
        match lookup:
            case FoundBroadcast(broadcast):
                return broadcast
            case NotFound():
                raise Failed(CatchUpFailure.BROADCAST_NOT_FOUND)
            case Rejected(RejectionReason.BUSY):
                raise Failed(Failure.PROVIDER_BUSY)
            case Rejected() | Indeterminate():
                raise Failed(Failure.PROVIDER_UNAVAILABLE)

    def _lookup(self, sought: SoughtBroadcast, until: float) -> BroadcastLookup:
        try:
            return self._broadcasts.find(sought, until)
        except Exception:
            log.exception("broadcast_not_found", job_id=sought.job_id)
            return Indeterminate()

    def _failed(self, job: Job, failure: str, used: Used) -> Job:
        """What vendors bill all the same is a loss of the house."""
        if not any(used.usage.values()):
            return self._jobs.decline(job, failure)
        return self._jobs.conclude(job, self._work.judged(job, used.verdict(failure=failure)))

    def _stored(self, job: Job, summary: Summary, used: Used) -> Job:
        """The result comes first: a capture makes it visible, and whoever settles later finds it.
        Both may be repeated."""
        verdict = self._results.store(job, summary, used.verdict(len(summary.points)))
        return self._jobs.conclude(job, self._work.judged(job, verdict))

    def _until_settled(self, job: Job, settle: Callable[[], Job]) -> Job:
        """Tries until the job's hard limit: from then on anybody may settle it."""
        while True:
            try:
                return settle()
            except (Unavailable, RateLimited) as error:
                log.warning("catch_up_not_settled", job_id=job.job_id, reason=error.code)
            except FareboxError as error:
                log.error("catch_up_not_settled", job_id=job.job_id, reason=error.code)
                return job
            except Exception:
                log.exception("catch_up_not_settled", job_id=job.job_id)
                return job
            if self._clock.now() + SETTLE_PAUSE_SECONDS * 1000 >= job.hard_at:
                return job
            self._clock.sleep(SETTLE_PAUSE_SECONDS)
