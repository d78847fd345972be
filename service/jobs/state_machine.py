"""How a job goes on: what one observation of its provider's task means. Pure.

In a file of its own because it decides, while `entities` only says what there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from service.jobs.entities import Failure, Job, JobStatus, Times
from service.providers import base
from service.storage.codec import Value


@dataclass(frozen=True)
class Record:
    """The provider has it: store its id."""

    task: base.Task


@dataclass(frozen=True)
class Capture:
    """The provider has delivered: charge, and hand over the result."""

    task: base.Task
    result: Mapping[str, Value]


@dataclass(frozen=True)
class Release:
    """It will not be delivered, or no one can learn whether it was: return the credits."""

    failure: str
    task: base.Task | None = None


@dataclass(frozen=True)
class DeliverUncharged:
    """Delivered after the credits went back: hand over the result without charge."""

    task: base.Task
    result: Mapping[str, Value]


@dataclass(frozen=True)
class StopMonitoring:
    """Nothing more is expected."""


@dataclass(frozen=True)
class Wait:
    """Nothing certain yet: query the provider again at `due_at`. `alarm` names what an operator
    should know of."""

    due_at: int
    not_found_at: int | None = None
    alarm: str = ""


@dataclass(frozen=True)
class Nothing:
    """The job has ended and stays as it is."""


@dataclass(frozen=True)
class Observation:
    """What the provider said, and when that was true: at some moment from `requested_at` to
    `received_at`."""

    lookup: base.TaskLookup
    requested_at: int
    received_at: int


Judge = Callable[[base.Task], Mapping[str, Value] | None]
Transition = Record | Capture | Release | DeliverUncharged | StopMonitoring | Wait | Nothing


def next_transition(job: Job, observation: Observation, times: Times, judge: Judge) -> Transition:
    """What one fresh observation means for a job as it is stored. `judge` returns the result that a
    succeeded task delivers, None for none. Pure, and the only place that decides.

    What was observed of another task than the job's own says nothing about the job: it may have
    been recorded by another process since the provider was queried."""
    observation = _about(job, observation)
    match job.status:
        case JobStatus.SUBMITTING:
            return _resolve_submitting(job, observation, times)
        case JobStatus.SUBMITTED:
            return _resolve_submitted(
                job, observation.lookup, observation.requested_at, times, judge
            )
        case JobStatus.FAILED:
            return _resolve_failed(job, observation.lookup, observation.requested_at, times, judge)
        case JobStatus.SUCCEEDED:
            return Nothing()


def _about(job: Job, observation: Observation) -> Observation:
    """The observation, an indeterminate one if it is of another task than the job's."""
    lookup = observation.lookup
    if isinstance(lookup, base.Found) and job.task_id not in (None, lookup.task.task_id):
        return replace(observation, lookup=base.Indeterminate())
    return observation


def _resolve_submitting(job: Job, observation: Observation, times: Times) -> Transition:
    """Two not-founds are far enough apart when the response to the first came long enough before
    the second request."""
    lookup, now = observation.lookup, observation.requested_at
    if isinstance(lookup, base.Found):
        return Record(lookup.task)
    later = next_due(job, now, times)
    if isinstance(lookup, base.Indeterminate):
        return Wait(later, job.not_found_at, _late(job, now))
    if now < job.submit_until:
        return Wait(job.submit_until)
    if now >= job.hard_at:
        return Release(Failure.PROVIDER_UNRESOLVED)
    first = observation.received_at if job.not_found_at is None else job.not_found_at
    releasable_at = max(first + times.not_found_gap, job.submit_until + times.quarantine)
    if job.not_found_at is not None and now >= releasable_at:
        return Release(Failure.PROVIDER_UNRESOLVED)
    return Wait(min(later, max(releasable_at, now + 1)), first)


def _resolve_submitted(
    job: Job, lookup: base.TaskLookup, now: int, times: Times, judge: Judge
) -> Transition:
    wait = Wait(next_due(job, now, times), job.not_found_at, _late(job, now))
    match lookup:
        case base.Found(task) if task.status is base.TaskStatus.SUCCEEDED:
            result = judge(task)
            if result is not None:
                return Capture(task, result)
            return Wait(wait.due_at, wait.not_found_at, "result_unusable")
        case base.Found(task) if task.status is base.TaskStatus.FAILED:
            return Release(Failure.GENERATION_FAILED, task)
        case base.Found() | base.NotFound() if now >= job.hard_at:
            return Release(Failure.PROVIDER_UNRESOLVED)
        case base.NotFound():
            return Wait(wait.due_at, wait.not_found_at, "task_not_found")
    return wait


def _resolve_failed(
    job: Job, lookup: base.TaskLookup, now: int, times: Times, judge: Judge
) -> Transition:
    """A late success is delivered whatever the failure was; only a watched job is looked at again
    without a callback."""
    task = lookup.task if isinstance(lookup, base.Found) else None
    if task and task.status is base.TaskStatus.SUCCEEDED:
        result = judge(task)
        if result is not None:
            return Nothing() if job.result else DeliverUncharged(task, result)
    if job.watch_until is None:
        return Nothing()
    if now >= job.watch_until or (task and task.status is base.TaskStatus.FAILED):
        return StopMonitoring()
    return Wait(min(now + times.watch_poll, job.watch_until))


def next_due(job: Job, now: int, times: Times) -> int:
    """A quarter of the job's age later, within bounds, and not past the hard limit while that lies
    ahead."""
    interval = min(max((now - job.created_at) // 4, times.poll_min), times.poll_max)
    return min(now + interval, job.hard_at) if now < job.hard_at else now + interval


def _late(job: Job, now: int) -> str:
    return "past_hard_limit" if now >= job.hard_at else ""
