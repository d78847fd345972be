"""What jobs hold of a user: removed when the user is erased, and exported.

Of each job stays what accounts need, under the user's id alone: what it cost, when, and how it
ended."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from service.core.clock import Clock
from service.core.erasure import ErasurePhase, ErasureStep, ExportPart, StepOutcome
from service.jobs import store
from service.jobs.entities import Job
from service.ledger.operations import Ledger
from service.storage.table import ConditionFailed, Table

PAGE = 100


class JobData:
    """The jobs of a user."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        clock: Clock,
        mac_key: bytes,
        render: Callable[[Job], object],
    ) -> None:
        """`render` makes JSON of a job as its owner sees it."""
        self._table = table
        self._ledger = ledger
        self._clock = clock
        self._mac_key = mac_key
        self._render = render

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (
            ErasureStep("open_jobs", self.await_settled, ErasurePhase.SETTLE),
            ErasureStep("job_content", self.remove_content),
        )

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("jobs", self.exported),)

    def await_settled(self, user_id: str) -> StepOutcome:
        """Waits for open jobs, which settle as always: a provider that works on one cannot be
        stopped, and at its hard limit each ends. The wallet takes no new ones. Raises
        `StorageUnavailable`."""
        wallet = self._ledger.balance(user_id).wallet
        if wallet is not None and wallet.held:
            return StepOutcome.WAITING
        is_open = any(job.is_open for job in self._jobs(user_id))
        return StepOutcome.WAITING if is_open else StepOutcome.DONE

    def remove_content(self, user_id: str) -> StepOutcome:
        """Removes what was requested, what came of it and what the provider said of it, and ends
        monitoring. Raises `StorageUnavailable`, and `ValueError` for a job that this service did
        not write so: to seal it again would hide the edit."""
        for job in self._jobs(user_id):
            if job.is_open:
                return StepOutcome.WAITING
            if job.erased_at is None and not self._removed(job):
                return StepOutcome.WAITING
        return StepOutcome.DONE

    def _removed(self, job: Job) -> bool:
        """False when the job has just changed: it is looked at again with the next attempt."""
        if not store.is_sealed(job, self._mac_key):
            raise ValueError(f"{job.job_id} is not as this service wrote it")
        bare = replace(
            job,
            payload={},
            result=None,
            facts={},
            device=(),
            watch_until=None,
            due_at=None,
            erased_at=self._clock.now(),
        )
        try:
            self._table.write(store.erased_write(job, store.sealed(bare, self._mac_key)))
        except ConditionFailed:
            return False
        return True

    def exported(self, user_id: str) -> Iterator[object]:
        """Every job, newest first, as its owner sees it."""
        return map(self._render, self._jobs(user_id))

    def _jobs(self, user_id: str) -> Iterator[Job]:
        after: str | None = ""
        while after is not None:
            jobs, after = store.read_page(self._table, user_id, PAGE, after)
            yield from jobs
