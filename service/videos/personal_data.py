"""What videos hold of a user beyond their jobs: copies in our bucket, all versions of them. Removed
when the user is erased, and listed in the export."""

from collections.abc import Iterator

from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.clock import Clock, iso
from service.core.erasure import DependencyUnavailable, ErasureStep, ExportPart, StepOutcome
from service.jobs.entities import Job
from service.jobs.operations import Jobs
from service.storage.media_bucket import MediaBucket, MediaUnavailable
from service.videos.addresses import CopyAddresses
from service.videos.entities import copied_from

PAGE = 50


class CopiesUnavailable(DependencyUnavailable):
    """The bucket did not respond as expected."""


class CopyData:
    """The copies of a user's videos."""

    def __init__(
        self,
        jobs: Jobs,
        bucket: MediaBucket,
        addresses: CopyAddresses,
        clock: Clock,
        late_seconds: int | None,
    ) -> None:
        """`late_seconds`: how long a copy that another process has begun may take to arrive after
        its job has ended; None: no copies are made."""
        self._jobs = jobs
        self._bucket = bucket
        self._addresses = addresses
        self._clock = clock
        self._late_seconds = late_seconds

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("video_copies", self.remove),)

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("videoCopies", self.exported),)

    def remove(self, user_id: str) -> StepOutcome:
        """Waits until the jobs are empty, so that none is copied any more, and until what was under
        way then has arrived. Raises `CopiesUnavailable` and `StorageUnavailable`."""
        if self._late_seconds is not None:
            latest = self._clock.now() - self._late_seconds * 1000
            videos = self._videos(user_id)
            if any(job.erased_at is None or job.erased_at > latest for job in videos):
                return StepOutcome.WAITING
        try:
            is_all = self._bucket.delete_below(self._addresses.prefix(user_id))
        except MediaUnavailable as error:
            raise CopiesUnavailable from error
        return StepOutcome.DONE if is_all else StepOutcome.WAITING

    def exported(self, user_id: str) -> Iterator[object]:
        """Each copy; the job of the same id has its address."""
        for job in self._videos(user_id):
            copied = copied_from(job.result or {})
            if copied is not None:
                yield {
                    "jobId": job.job_id,
                    "bytes": copied.size,
                    "expiresAt": iso(copied.expires_at),
                }

    def _videos(self, user_id: str) -> Iterator[Job]:
        token: str | None = ""
        while token is not None:
            page = self._jobs.page(user_id, PAGE, token or None)
            yield from (job for job in page.jobs if job.operation == IMAGE_TO_VIDEO)
            token = page.next_token
