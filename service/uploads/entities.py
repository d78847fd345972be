"""Uploads, what may be uploaded, how much of it, and what may go wrong. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from service.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RateLimited,
    TooLarge,
    Unavailable,
)
from service.core.ids import is_id
from service.media.audio import Container
from service.media.pictures import MAX_IMAGE_BYTES

ID_PREFIX = "upl"
REFERENCE_PREFIX = "upload:"
EXAMPLE_ID = "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
DAY = 24 * 3600 * 1000
MEGABYTE = 1024 * 1024
MAX_FILE_NAME = 255
# No separator of any system, no control character, and more than dots and blanks.
FILE_NAME = re.compile("^[ .]*[^ ./\\\\\\x00-\\x1f\\x7f-\\x9f][^/\\\\\\x00-\\x1f\\x7f-\\x9f]*$")
# Amazon S3 takes no more in one POST.
MAX_POST_BYTES = 5 * 1024 * MEGABYTE


class UploadKind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"


class UploadStatus(StrEnum):
    """`OPEN`: not yet found to be complete. The others are final."""

    OPEN = "open"
    READY = "ready"
    REFUSED = "refused"


IMAGE_TYPES = ("image/jpeg", "image/png")
# Which containers a file may turn out to be, by its type.
AUDIO_TYPES: Mapping[str, Container] = {
    "audio/wav": Container.WAV,
    "audio/mpeg": Container.MP3,
    "audio/mp4": Container.MP4,
    "video/mp4": Container.MP4,
    "audio/ogg": Container.OGG,
    "audio/flac": Container.FLAC,
    "audio/webm": Container.WEBM,
    "video/webm": Container.WEBM,
}
CONTENT_TYPES = (*IMAGE_TYPES, *AUDIO_TYPES)


def kind_of(content_type: str) -> UploadKind:
    """Of one of `CONTENT_TYPES`."""
    return UploadKind.IMAGE if content_type in IMAGE_TYPES else UploadKind.AUDIO


class UploadsNotConfigured(NotFound):
    code = "UPLOADS_NOT_CONFIGURED"
    summary = "Files cannot be uploaded here."
    advice = "An operator has to set UPLOADS_BUCKET (docs/uploads.md)."


class UploadNotFound(NotFound):
    """The same for an id that does not exist, is another user's, or of which no file has been
    received."""

    code = "UPLOAD_NOT_FOUND"
    summary = "There is no finished upload with this id."
    advice = "Post the file with the form of `POST /upload/url` first, within its time."


class UploadUnusable(InvalidRequest):
    """The message says what is wrong with the file."""

    code = "UPLOAD_UNUSABLE"
    summary = "The uploaded file cannot be used."
    advice = "Upload a file as the message says, under a new id."


class UploadTooBig(TooLarge):
    code = "UPLOAD_TOO_BIG"
    summary = "Files of this type must be smaller."
    details_example: ClassVar[Mapping[str, object]] = {"maxBytes": MAX_IMAGE_BYTES}
    advice = "Upload at most `details.maxBytes` bytes."


class UploadNotScanned(Conflict):
    code = "UPLOAD_NOT_SCANNED"
    summary = "The file has not been scanned for malware yet."
    advice = "Repeat the request after some seconds."


class TooManyOpenUploads(RateLimited):
    code = "TOO_MANY_OPEN_UPLOADS"
    summary = "Too many uploads have begun and are not finished."
    details_example: ClassVar[Mapping[str, object]] = {"limit": 20}
    advice = "Finish the uploads that have begun, or wait until their forms have expired."
    retry_after = 60


class UploadDailyLimit(RateLimited):
    code = "UPLOAD_DAILY_LIMIT"
    summary = "This would be more than you may upload in a day."
    details_example: ClassVar[Mapping[str, object]] = {"limitBytes": 2_147_483_648}
    advice = "Repeat after `Retry-After`, or upload a smaller file."
    retry_after = 3600


class UploadsUnavailable(Unavailable):
    code = "UPLOADS_UNAVAILABLE"
    summary = "The storage of uploaded files does not respond right now. Nothing was charged."
    retry_after = 5


@dataclass(frozen=True)
class UploadLimits:
    """`keep_days` is how long files are kept; `form_seconds` how long a form may be used, and
    `link_seconds` how long a provider may fetch the file. `waits_for_scan`: only what a scan for
    malware found clean is used."""

    max_audio_bytes: int
    max_open: int
    max_bytes_a_day: int
    form_seconds: int
    link_seconds: int
    keep_days: int
    waits_for_scan: bool

    def max_bytes(self, kind: UploadKind) -> int:
        return MAX_IMAGE_BYTES if kind is UploadKind.IMAGE else self.max_audio_bytes


@dataclass(frozen=True)
class Facts:
    """What was found in a file. Pixels of images; of sound the duration, where the file states
    it."""

    width: int | None = None
    height: int | None = None
    milliseconds: int | None = None


@dataclass(frozen=True)
class Upload:
    """One upload. `max_bytes` is what was announced. Once it is ready, `version_id` is the version
    that was checked, and no other is ever used; `size` is its length, and `facts` what was found.
    `reason` is why it was refused."""

    user_id: str
    upload_id: str
    content_type: str
    max_bytes: int
    created_at: int
    closes_at: int
    expires_at: int
    status: UploadStatus = UploadStatus.OPEN
    version_id: str = ""
    size: int = 0
    facts: Facts = field(default_factory=Facts)
    reason: str = ""

    @property
    def kind(self) -> UploadKind:
        return kind_of(self.content_type)

    @property
    def reference(self) -> str:
        """As which a paid request names it."""
        return reference_to(self.upload_id)

    def ready(self, version_id: str, size: int, facts: Facts) -> "Upload":
        return replace(
            self, status=UploadStatus.READY, version_id=version_id, size=size, facts=facts
        )

    def refused(self, version_id: str, size: int, reason: str) -> "Upload":
        return replace(
            self, status=UploadStatus.REFUSED, version_id=version_id, size=size, reason=reason
        )


@dataclass(frozen=True)
class UploadSource:
    """A finished upload for a provider: a signed address of the version that was checked, to be
    fetched within `link_seconds` and never stored, and what was found in it. `milliseconds` is what
    the file claims: no bound on what decoding it yields."""

    url: str = field(repr=False)
    kind: UploadKind
    content_type: str
    size: int
    facts: Facts


@dataclass(frozen=True)
class Usage:
    """What one user has begun to upload: in bytes on that UTC day, and the uploads whose forms can
    still be used, with the moment at which each can no longer be. `version` counts the writes."""

    version: int = 0
    day: int = 0
    bytes_of_day: int = 0
    open: Mapping[str, int] = field(default_factory=dict)

    def begun(self, upload: Upload, limits: UploadLimits) -> "Usage":
        """With that upload. Raises `TooManyOpenUploads` or `UploadDailyLimit`."""
        now = upload.created_at
        running = {each: at for each, at in self.open.items() if at > now}
        if len(running) >= limits.max_open:
            wait = (min(running.values()) - now) // 1000 + 1
            raise TooManyOpenUploads(details={"limit": limits.max_open}, retry_after_seconds=wait)
        day = now // DAY
        total = (self.bytes_of_day if day == self.day else 0) + upload.max_bytes
        if total > limits.max_bytes_a_day:
            wait = ((day + 1) * DAY - now) // 1000 + 1
            raise UploadDailyLimit(
                details={"limitBytes": limits.max_bytes_a_day}, retry_after_seconds=wait
            )
        running[upload.upload_id] = upload.closes_at
        return Usage(self.version + 1, day, total, running)

    def ended(self, upload_id: str) -> "Usage":
        """Without that upload's place; its bytes count on."""
        left = {each: at for each, at in self.open.items() if each != upload_id}
        return replace(self, version=self.version + 1, open=left)


def is_reference(text: str) -> bool:
    """Whether the text names an upload, or tries to."""
    return text.startswith(REFERENCE_PREFIX)


def reference_to(upload_id: str) -> str:
    return f"{REFERENCE_PREFIX}{upload_id}"


def upload_id_of(reference: str) -> str:
    """Raises `UploadNotFound` for what cannot be an id, as for one that does not exist."""
    upload_id = reference.removeprefix(REFERENCE_PREFIX)
    if not is_id(ID_PREFIX, upload_id):
        raise UploadNotFound
    return upload_id


def file_name_fault(name: str) -> str | None:
    """What keeps a text from being the name of a file: it never becomes part of a key or a path,
    but whoever sends a path has something else in mind."""
    return None if FILE_NAME.fullmatch(name) else "Must be the name of a file, without a path."
