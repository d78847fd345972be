"""What a file really is, read from the one version that is checked. Nothing is decoded, and
what a file's maker wrote decides neither how many bytes are read nor for how long.

In a file of its own because it is all that looks inside files."""

import struct

import structlog

from service.core.fifo_gate import FifoGate, WaitedTooLong
from service.media.audio import read_audio
from service.media.foreign import check_is_alone
from service.media.image_headers import HeaderUnreadable, read_size
from service.media.pictures import check_file, check_size
from service.media.reading import PAGE_BYTES, Pages, damaged
from service.storage.media_bucket import MediaBucket, StoredMedia
from service.uploads.entities import (
    AUDIO_TYPES,
    Facts,
    Upload,
    UploadKind,
    UploadNotScanned,
    UploadsUnavailable,
    UploadUnusable,
)

log = structlog.get_logger()

# An image is read whole, up to 10 MB of memory each.
MAX_INSPECTIONS = 4
MAX_WAIT_SECONDS = 5.0
_SCAN_TAG = "GuardDutyMalwareScanStatus"
_CLEAN = "NO_THREATS_FOUND"
_PARSERS_MISS = (OverflowError, ValueError, struct.error, IndexError)
_BEGINNINGS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class Inspection:
    """Checks files, at most `MAX_INSPECTIONS` at once in this process."""

    def __init__(self, bucket: MediaBucket, waits_for_scan: bool) -> None:
        self._bucket = bucket
        self._waits_for_scan = waits_for_scan
        self._gate = FifoGate(MAX_INSPECTIONS)

    def check(self, key: str, upload: Upload, stored: StoredMedia) -> Facts:
        """What that version is. Raises `UploadUnusable` with what is wrong with it,
        `UploadNotScanned`, `UploadsUnavailable`, `MediaGone` and `MediaUnavailable`."""
        if stored.content_type != upload.content_type:
            raise UploadUnusable("The file was stored as another type than announced.")
        if not 0 < stored.size <= upload.max_bytes:
            raise UploadUnusable("The file is larger than announced, or empty.")
        if self._waits_for_scan:
            self._check_scan(key, stored)
        try:
            self._gate.enter(MAX_WAIT_SECONDS)
        except WaitedTooLong:
            raise UploadsUnavailable from None
        try:
            return self._read(key, upload, stored)
        except HeaderUnreadable as error:
            raise UploadUnusable(str(error)) from None
        except _PARSERS_MISS as error:
            # Whoever made the file found what a parser does not expect: the file is at fault, and
            # the log shows that the parser is, too.
            log.exception("upload_parser_failed", upload_id=upload.upload_id)
            raise UploadUnusable(str(damaged())) from error
        finally:
            self._gate.leave()

    def _check_scan(self, key: str, stored: StoredMedia) -> None:
        result = self._bucket.tag(key, stored.version_id, _SCAN_TAG)
        if result is None:
            raise UploadNotScanned
        if result != _CLEAN:
            raise UploadUnusable("The scan for malware did not find the file to be clean.")

    def _read(self, key: str, upload: Upload, stored: StoredMedia) -> Facts:
        def read_range(position: int, length: int) -> bytes:
            return self._bucket.read(key, stored.version_id, position, length)

        if upload.kind is UploadKind.IMAGE:
            return _image_facts(upload.content_type, Pages(stored.size, read_range))
        return _audio_facts(upload.content_type, Pages(stored.size, read_range))


def _image_facts(content_type: str, pages: Pages) -> Facts:
    """The signature first: only what begins as a picture is read further."""
    beginning = pages.read(0, 16)
    found = next((kind for sign, kind in _BEGINNINGS.items() if beginning.startswith(sign)), None)
    if found != content_type:
        raise HeaderUnreadable(f"The file is not what {content_type} says.")
    image = pages.whole()
    pixels = read_size(image)
    check_size(pixels)
    check_file(image, pixels)
    check_is_alone(image)
    return Facts(width=pixels.width, height=pixels.height)


def _audio_facts(content_type: str, pages: Pages) -> Facts:
    audio = read_audio(pages)
    if audio.container is not AUDIO_TYPES[content_type]:
        raise HeaderUnreadable(
            f"The file is {audio.container.value.upper()}, not what {content_type} says."
        )
    check_is_alone(pages.read(0, PAGE_BYTES))
    check_is_alone(pages.read(max(0, pages.size - PAGE_BYTES), PAGE_BYTES))
    return Facts(milliseconds=audio.milliseconds)
