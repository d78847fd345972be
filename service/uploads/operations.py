"""The verbs on uploads: begin one, complete it, hand it to a provider."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.core.clock import Clock
from service.core.ids import Ids, is_id
from service.ledger.entities import AccountClosing
from service.storage.media_bucket import (
    MediaBucket,
    MediaGone,
    MediaUnavailable,
    PostForm,
)
from service.storage.table import ConditionFailed, Conflicted, Table
from service.uploads import keys, store
from service.uploads.entities import (
    DAY,
    ID_PREFIX,
    Upload,
    UploadKind,
    UploadLimits,
    UploadNotFound,
    UploadsNotConfigured,
    UploadSource,
    UploadStatus,
    UploadsUnavailable,
    UploadTooBig,
    UploadUnusable,
    kind_of,
)
from service.uploads.inspection import Inspection

log = structlog.get_logger()

MAX_TRIES = 5
KEY_PREFIX = "uploads"


@dataclass(frozen=True)
class Begun:
    """An upload, and the form to post its file with."""

    upload: Upload
    form: PostForm


class UploadKeys:
    """Where a user's files lie: below a keyed digest, since every provider that fetches one reads
    its address."""

    def __init__(self, mac_key: bytes) -> None:
        self._mac_key = mac_key

    def prefix(self, user_id: str) -> str:
        digest = hmac.new(self._mac_key, f"uploads\n{user_id}".encode(), hashlib.sha256)
        return f"{KEY_PREFIX}/{digest.hexdigest()[:32]}/"

    def of(self, upload: Upload) -> str:
        return f"{self.prefix(upload.user_id)}{upload.upload_id}"


class Uploads:
    """Every method raises `UploadsNotConfigured` where there is no bucket, and
    `StorageUnavailable`."""

    def __init__(
        self,
        table: Table,
        bucket: MediaBucket | None,
        object_keys: UploadKeys,
        limits: UploadLimits,
        clock: Clock,
        ids: Ids,
        is_closing: Callable[[str], bool],
    ) -> None:
        """`is_closing` says whether the account of a user is being erased."""
        self._table = table
        self._maybe_bucket = bucket
        self._object_keys = object_keys
        self._limits = limits
        self._clock = clock
        self._ids = ids
        self._is_closing = is_closing
        self._inspection = Inspection(bucket, limits.waits_for_scan) if bucket else None

    def begin(self, user_id: str, content_type: str, size: int) -> Begun:
        """A form for one file of that type and of at most that size. Raises `UploadTooBig`,
        `AccountClosing`, `WalletBusy`, `TooManyOpenUploads`, `UploadDailyLimit` and
        `UploadsUnavailable`; a user without an account may upload too, since the first paid request
        makes the account."""
        bucket, now = self._bucket(), self._clock.now()
        max_bytes = self._limits.max_bytes(kind_of(content_type))
        if size > max_bytes:
            raise UploadTooBig(details={"maxBytes": max_bytes})
        if self._is_closing(user_id):
            raise AccountClosing
        upload = Upload(
            user_id=user_id,
            upload_id=self._ids.new(ID_PREFIX, now),
            content_type=content_type,
            max_bytes=size,
            created_at=now,
            closes_at=now + self._limits.form_seconds * 1000,
            expires_at=now + self._limits.keep_days * DAY,
        )
        self._count(upload)
        self._table.write(store.upload_write(upload))
        try:
            form = bucket.form(
                self._object_keys.of(upload), content_type, size, self._limits.form_seconds
            )
        except MediaUnavailable as error:
            raise UploadsUnavailable from error
        return Begun(upload, form)

    def complete(self, user_id: str, upload_id: str) -> Upload:
        """The upload once its file has been checked: from then on, the version that was checked is
        the only one ever used. Repeating it returns the same. Raises `UploadNotFound` for an id
        that does not exist, is another user's, or whose file has not been received;
        `UploadUnusable`, then and ever after, for a file that is refused; `UploadNotScanned` and
        `UploadsUnavailable`."""
        self._bucket()
        upload = self._read(user_id, upload_id)
        if upload.status is UploadStatus.OPEN:
            upload = self._settled(upload)
        if upload.status is UploadStatus.REFUSED:
            raise UploadUnusable(upload.reason)
        return upload

    def source(self, user_id: str, upload_id: str, kind: UploadKind) -> UploadSource:
        """The file for a provider, completed if it is not yet. Raises what `complete` raises, and
        `UploadUnusable` for a file of the other kind. The address is fresh, and never stored."""
        upload = self.complete(user_id, upload_id)
        if upload.kind is not kind:
            raise UploadUnusable(f"This upload is {upload.content_type}, where {kind} is needed.")
        try:
            url = self._bucket().link(
                self._object_keys.of(upload), upload.version_id, self._limits.link_seconds
            )
        except MediaUnavailable as error:
            raise UploadsUnavailable from error
        return UploadSource(url, kind, upload.content_type, upload.size, upload.facts)

    def address(self, user_id: str, upload_id: str) -> str | None:
        """The address of an upload's file as every link to it begins; None where that cannot be
        known. Reads nothing, and needs no upload to be there."""
        if self._maybe_bucket is None:
            return None
        key = f"{self._object_keys.prefix(user_id)}{upload_id}"
        try:
            return self._maybe_bucket.link(key, None, self._limits.link_seconds).partition("?")[0]
        except MediaUnavailable:
            return None

    def _bucket(self) -> MediaBucket:
        if self._maybe_bucket is None:
            raise UploadsNotConfigured
        return self._maybe_bucket

    def _read(self, user_id: str, upload_id: str) -> Upload:
        """TTL takes days: what has expired is not there any more."""
        if not is_id(ID_PREFIX, upload_id):
            raise UploadNotFound
        upload = store.read_upload(self._table, user_id, upload_id)
        if upload is None or upload.expires_at <= self._clock.now():
            raise UploadNotFound
        return upload

    def _settled(self, upload: Upload) -> Upload:
        """What was found in the file, by whoever found it first."""
        found = self._found(upload)
        try:
            self._table.write(store.outcome_write(found))
        except ConditionFailed:
            return self._read(upload.user_id, upload.upload_id)
        if found.status is UploadStatus.REFUSED:
            log.warning("upload_refused", upload_id=found.upload_id, reason=found.reason)
        self._release(upload)
        return found

    def _found(self, upload: Upload) -> Upload:
        key, inspection = self._object_keys.of(upload), self._inspection
        if inspection is None:
            raise UploadsNotConfigured
        try:
            stored = self._bucket().head(key)
            try:
                facts = inspection.check(key, upload, stored)
            except UploadUnusable as error:
                return upload.refused(stored.version_id, stored.size, error.message)
        except MediaGone:
            raise UploadNotFound from None
        except MediaUnavailable as error:
            raise UploadsUnavailable from error
        return upload.ready(stored.version_id, stored.size, facts)

    def _count(self, upload: Upload) -> None:
        for _ in range(MAX_TRIES):
            before = store.usage_from(self._table.get(keys.usage(upload.user_id)))
            after = before.begun(upload, self._limits)
            try:
                self._table.write(store.usage_write(upload.user_id, before, after))
            except ConditionFailed:
                continue
            return
        raise Conflicted

    def _release(self, upload: Upload) -> None:
        """Its place among the open ones. Where that does not succeed at once, the place is free as
        soon as the form has expired."""
        before = store.usage_from(self._table.get(keys.usage(upload.user_id)))
        try:
            self._table.write(
                store.usage_write(upload.user_id, before, before.ended(upload.upload_id))
            )
        except ConditionFailed:
            log.info("upload_place_not_released", upload_id=upload.upload_id)
