"""The wish of a user to end an open call, and what becomes of it.

In a file of its own because it settles nothing: the owner of the call reads the wish, ends the call
and settles it as any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.jobs import keys
from service.jobs.entities import Failure, Job, JobStatus
from service.storage.keys import Key
from service.storage.table import Table
from service.storage.writes import Update, When


class Cancellation(StrEnum):
    """`REQUESTED`: its owner ends it within seconds. `CONFIRMED`: it has ended by that wish.
    `NOT_POSSIBLE`: its provider cannot be stopped, or it has ended otherwise."""

    REQUESTED = "REQUESTED"
    CONFIRMED = "CONFIRMED"
    NOT_POSSIBLE = "NOT_POSSIBLE"


@dataclass(frozen=True)
class Cancelled:
    """A job that its user wants to end, and what becomes of the wish."""

    job: Job
    outcome: Cancellation


def outcome_of(job: Job) -> Cancellation:
    """What became of the wish for a job as it is stored."""
    if job.is_open:
        is_wanted = job.cancel_requested_at is not None
        return Cancellation.REQUESTED if is_wanted else Cancellation.NOT_POSSIBLE
    ended_by_it = job.failure == Failure.CANCELLED or (
        job.result is not None and job.result.get("finishReason") == "cancelled"
    )
    return Cancellation.CONFIRMED if ended_by_it else Cancellation.NOT_POSSIBLE


def cancel_request_write(job: Job, now: int) -> Update:
    """Once, and only while the call is open."""
    guard = When(equals={"status": JobStatus.SUBMITTING, "cancelRequestedAt": None})
    return Update(keys.job(job.payer, job.job_id), guard, set={"cancelRequestedAt": now})


def read_cancelled(table: Table, job_keys: Sequence[Key]) -> set[Key]:
    """Which of these jobs their users want to end, in one call; those that could not be read now
    are left out."""
    found = table.get_many(job_keys, ("cancelRequestedAt",))
    return {key for key, item in found.items() if "cancelRequestedAt" in item}
