"""How a job goes on that is one call to a provider: what its stored verdict means. Pure.

In a file of its own because there is no task to query, unlike in `state_machine`: what is stored is
all that can ever be known."""

from dataclasses import dataclass

from service.jobs.entities import Failure, Job, JobStatus, Times
from service.jobs.state_machine import Nothing, StopMonitoring, Wait
from service.jobs.work import Facts, Verdict


@dataclass(frozen=True)
class Conclude:
    """The job ends as its verdict says."""

    verdict: Verdict


@dataclass(frozen=True)
class Interrupt:
    """Whoever made the call is gone, and no one can learn what came of it: return the credits."""


@dataclass(frozen=True)
class HandOver:
    """A result came to light after the credits went back: it is free."""

    verdict: Verdict
    result: Facts


CallTransition = Conclude | Interrupt | HandOver | StopMonitoring | Wait | Nothing


def next_of_call(
    job: Job, verdict: Verdict | None, now: int, times: Times, *, is_owner: bool
) -> CallTransition:
    """What follows for a job as it is stored. Only its owner, who made the call, may end it before
    its hard limit: until then the call may still be running."""
    if job.is_open:
        if not is_owner and now < job.hard_at:
            return Wait(job.hard_at)
        return Conclude(verdict) if verdict else Interrupt()
    if job.status is not JobStatus.FAILED:
        return Nothing()
    if verdict and verdict.result is not None and job.failure == Failure.INTERRUPTED:
        return HandOver(verdict, verdict.result)
    if job.watch_until is None:
        return Nothing()
    if verdict or now >= job.watch_until:
        return StopMonitoring()
    return Wait(min(now + times.watch_poll, job.watch_until))
