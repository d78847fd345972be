"""What uploads hold of a user: the files, all versions of them, and their items. Removed when the
user is erased, and listed in the export."""

from collections.abc import Iterator

from service.core.clock import Clock, iso
from service.core.erasure import DependencyUnavailable, ErasureStep, ExportPart, StepOutcome
from service.storage.media_bucket import MediaBucket, MediaUnavailable
from service.storage.table import Table
from service.storage.writes import REPLACE, Delete
from service.uploads import keys, store
from service.uploads.entities import Upload
from service.uploads.operations import UploadKeys


class FilesUnavailable(DependencyUnavailable):
    """The bucket did not respond as expected."""


class UploadData:
    """A user's files and uploads."""

    def __init__(
        self,
        table: Table,
        bucket: MediaBucket | None,
        object_keys: UploadKeys,
        clock: Clock,
        post_seconds: int,
    ) -> None:
        """`post_seconds`: S3 checks a form when a request begins, and one that began in time may
        take as long to arrive."""
        self._table = table
        self._bucket = bucket
        self._object_keys = object_keys
        self._clock = clock
        self._post_milliseconds = post_seconds * 1000

    @property
    def steps(self) -> tuple[ErasureStep, ...]:
        return (ErasureStep("uploads", self.remove),)

    @property
    def exports(self) -> tuple[ExportPart, ...]:
        return (ExportPart("uploads", self.exported),)

    def remove(self, user_id: str) -> StepOutcome:
        """The files before the items, which say until when more may come: as long as a form can be
        used, or what it sent may still arrive, the step waits. Raises `FilesUnavailable` and
        `StorageUnavailable`."""
        latest = self._clock.now() - self._post_milliseconds
        if any(upload.closes_at > latest for upload in self._uploads(user_id)):
            return StepOutcome.WAITING
        try:
            if self._bucket and not self._bucket.delete_below(self._object_keys.prefix(user_id)):
                return StepOutcome.WAITING
        except MediaUnavailable as error:
            raise FilesUnavailable from error
        for upload in self._uploads(user_id):
            self._table.write(Delete(keys.upload(user_id, upload.upload_id), REPLACE))
        self._table.write(Delete(keys.usage(user_id), REPLACE))
        return StepOutcome.DONE

    def exported(self, user_id: str) -> Iterator[object]:
        """What is kept of each file; the files themselves only the user has need of."""
        for upload in self._uploads(user_id):
            yield {
                "uploadId": upload.upload_id,
                "contentType": upload.content_type,
                "status": upload.status,
                "size": upload.size,
                "width": upload.facts.width,
                "height": upload.facts.height,
                "durationMs": upload.facts.milliseconds,
                "createdAt": iso(upload.created_at),
                "expiresAt": iso(upload.expires_at),
            }

    def _uploads(self, user_id: str) -> Iterator[Upload]:
        after, more = "", True
        while more:
            page, after = store.read_page(self._table, user_id, after)
            yield from page
            more = bool(after)
