"""Helping one user: settling a job by hand, and releasing a device for someone else.

In a file of its own because a job is settled by the worker's own path, which moves credits, while
the record of the action has to be in that same transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from service.admin.entities import Action
from service.admin.log import OperatorLog
from service.admin.operations import Actions, Performed
from service.core.clock import Clock
from service.core.ids import is_id
from service.jobs.entities import Job, JobNotFound
from service.jobs.settlement import Settlement
from service.jobs.settlement_terms import Addition
from service.ledger.entities import Movement
from service.ledger.operations import ConditionalWrite, Ledger, Snapshot
from service.users.directory import UserDirectory

# Facts of a record: which entry of the ledger the settlement of the job made.
JOB_ID = "jobId"
SETTLED_AS = "settledAs"
SETTLED_BY = "settledByEntry"


@dataclass(frozen=True)
class SettledJob:
    """What was done, and the job as it stands now."""

    performed: Performed
    job: Job


class Support:
    """Each verb does what its action says once for each idempotency key, and records it."""

    def __init__(
        self,
        actions: Actions,
        log: OperatorLog,
        ledger: Ledger,
        settlement: Settlement,
        directory: UserDirectory,
        clock: Clock,
    ) -> None:
        self._actions = actions
        self._log = log
        self._ledger = ledger
        self._settlement = settlement
        self._directory = directory
        self._clock = clock

    def resolve_job(self, action: Action, user_id: str, job_id: str) -> SettledJob:
        """Queries the provider now, and settles what can be settled, as the worker does. Recorded
        also where nothing could be settled.

        Raises what `Settlement.resolve` and `Actions.perform` raise."""
        return self._settled(action, user_id, job_id, Settlement.resolve)

    def release_job(self, action: Action, user_id: str, job_id: str) -> SettledJob:
        """Releases a job past its hard limit that nothing settles.

        Raises what `Settlement.force_release` and `Actions.perform` raise."""
        return self._settled(action, user_id, job_id, Settlement.force_release)

    def release_device(
        self, action: Action, user_id: str, digest: str, fingerprint: str | None
    ) -> Performed:
        """Lets others sign up with a device that this user has. The user keeps working with it.

        Raises `FingerprintRequired`, `DeviceNotFound`, `DeviceAlreadyReleased`, and what
        `Actions.perform` raises."""
        release = self._directory.release(user_id, digest, fingerprint)
        now = self._clock.now()

        def change(snapshot: Snapshot) -> list[ConditionalWrite]:
            return list(map(ConditionalWrite, release.writes(snapshot.related, now)))

        return self._actions.perform(action, change, related=release.keys)

    def _settled(
        self,
        action: Action,
        user_id: str,
        job_id: str,
        settle: Callable[[Settlement, str, str], Job],
    ) -> SettledJob:
        """A capture or a release carries the record; whatever else came of it is recorded
        afterwards."""
        if not is_id("job", job_id):
            raise JobNotFound
        structlog.contextvars.bind_contextvars(job_id=job_id)
        snapshot = self._ledger.read_snapshot(user_id, self._log.related(action))
        number = self._log.recorded(snapshot, action)
        if number is not None:
            performed = self._actions.performed(action, number, replayed=True)
            return SettledJob(performed, self._settlement.read(user_id, job_id))
        self._settlement.read(user_id, job_id)
        action = self._log.sealed(replace(action, is_private=True))
        job = settle(self._settlement.adding(self._addition(action)), user_id, job_id)
        performed = self._actions.perform(action, outcome={"status": job.status.value})
        return SettledJob(replace(performed, replayed=False), job)

    def _addition(self, action: Action) -> Addition:
        def writes(snapshot: Snapshot, movement: Movement, now: int) -> Sequence[ConditionalWrite]:
            if self._log.recorded(snapshot, action) is not None:
                return ()
            entry = movement.entries[-1]
            outcome = {SETTLED_AS: entry.kind.value, SETTLED_BY: str(entry.version)}
            return self._log.record_writes(snapshot, action, now, outcome)

        return Addition(self._log.related(action), writes)
