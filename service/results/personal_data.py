"""What results hold of a user: removed when the user is erased, and exported."""

from collections.abc import Iterator

from service.core.clock import iso
from service.core.erasure import ErasureStep, ExportPart, StepOutcome
from service.results.entities import Head
from service.results.operations import Results


class ResultData:
    """The results of a user. What they cost stays with their jobs."""

    def __init__(self, results: Results) -> None:
        self._results = results

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("results", self.remove),)

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("results", self.exported),)

    def remove(self, user_id: str) -> StepOutcome:
        """Raises `StorageUnavailable`."""
        for head in self._heads(user_id):
            self._results.remove(head)
        return StepOutcome.DONE

    def exported(self, user_id: str) -> Iterator[object]:
        """Every result that has not been removed, as it was delivered, in the order of its job."""
        for head in self._heads(user_id):
            result = self._results.read(user_id, head.owner.job_id)
            if result is not None and result.content is not None:
                yield {
                    "jobId": head.owner.job_id,
                    "createdAt": iso(result.created_at),
                    "content": result.content,
                }

    def _heads(self, user_id: str) -> Iterator[Head]:
        after: str | None = ""
        while after is not None:
            heads, after = self._results.of_user(user_id, after)
            yield from heads
