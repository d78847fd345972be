"""What live sessions store of a user besides jobs and results: segments, removed when the user is
erased, and those of a session when its transcript is deleted. What they hold is part of the
results, which are exported."""

from service.core.erasure import ErasureStep, StepOutcome
from service.live import store
from service.storage.table import Table


class SegmentData:
    """The segments of a user."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("live_segments", self.remove),)

    def remove(self, user_id: str) -> StepOutcome:
        """No session is open by then. Raises `StorageUnavailable`."""
        for key in list(store.segment_keys(self._table, user_id)):
            self._table.write(store.removal(key))
        return StepOutcome.DONE

    def remove_of_job(self, payer: str, job_id: str) -> None:
        """Of a session that has ended. Again without effect. Raises `StorageUnavailable`."""
        for key in list(store.segment_keys(self._table, payer, job_id)):
            self._table.write(store.removal(key))
