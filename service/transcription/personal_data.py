"""What the vendor holds of a user: transcripts, which are deleted there when the user is erased.

What is stored here goes with the user's jobs and results."""

from collections.abc import Iterator

from service.catalog.entities import TRANSCRIPTION
from service.core.erasure import DependencyUnavailable, ErasureStep, StepOutcome
from service.jobs.operations import Jobs
from service.providers.base import TranscriptionProvider
from service.storage.table import Table
from service.transcription import store

PAGE = 100


class TranscriptNotDeleted(DependencyUnavailable):
    """The vendor did not confirm that a transcript is gone, or cannot be called."""


class TranscriptData:
    """The transcripts of a user at the vendor."""

    def __init__(self, table: Table, jobs: Jobs, vendor: TranscriptionProvider) -> None:
        self._table = table
        self._jobs = jobs
        self._vendor = vendor

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("transcripts_at_vendor", self.remove),)

    def remove(self, user_id: str) -> StepOutcome:
        """Deletes each transcript that the vendor has taken on; its id stays with the job, so that
        this can be repeated. Deletions of single ones are done with that. Raises
        `TranscriptNotDeleted` and `StorageUnavailable`."""
        for task_id in self._task_ids(user_id):
            if not self._vendor.delete(task_id):
                raise TranscriptNotDeleted
        for key in list(store.keys_of_user(self._table, user_id)):
            self._table.write(store.removal(key))
        return StepOutcome.DONE

    def _task_ids(self, user_id: str) -> Iterator[str]:
        token: str | None = None
        while True:
            page = self._jobs.page(user_id, PAGE, token)
            for job in page.jobs:
                if job.operation == TRANSCRIPTION and job.task_id:
                    yield job.task_id
            token = page.next_token
            if token is None:
                return
