"""Copies of videos in our own bucket: made before a video is charged, under a key that is always
the same, and played through an address of ours.

In a file of its own because `work` says what a video is, while this says where it is kept."""

from collections.abc import Iterator
from itertools import chain
from threading import BoundedSemaphore

import structlog

from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.jobs.entities import Job
from service.jobs.work import NotKept
from service.providers.downloads import DownloadFailed, Downloads, FileMissing, FileTooLarge
from service.storage.media_bucket import (
    PART_BYTES,
    MediaBucket,
    MediaExists,
    MediaGone,
    MediaUnavailable,
)
from service.videos.addresses import CopyAddresses
from service.videos.entities import Copied, VideoNotFound, VideoUnavailable

log = structlog.get_logger()

CONTENT_TYPE = "video/mp4"
DAY = 24 * 3600 * 1000
# A link for one visit: the address itself stays.
LINK_SECONDS = 3600
# Of the worker's threads, the others settle what needs no copy.
SIDE_BY_SIDE = 2
BUSY_SECONDS = 5
# For the last request, of which only the head counts.
LAST_SECONDS = 5.0
# ISO/IEC 14496-12: a file begins with a box that names its type.
_TYPE_BOX = slice(4, 8)


class Copies:
    """Makes copies while they are to be made, and links to those that are there."""

    def __init__(
        self,
        bucket: MediaBucket,
        downloads: Downloads,
        addresses: CopyAddresses,
        clock: Clock,
        metrics: Metrics,
        seconds: int,
        days: int,
    ) -> None:
        """An attempt takes at most `seconds`; a copy is kept for `days` (0: none is made any
        more)."""
        self._bucket = bucket
        self._downloads = downloads
        self._addresses = addresses
        self._clock = clock
        self._metrics = metrics
        self._seconds = seconds
        self._milliseconds = days * DAY
        self._places = BoundedSemaphore(SIDE_BY_SIDE)

    @property
    def are_made(self) -> bool:
        return self._milliseconds > 0

    def is_due(self, job: Job) -> bool:
        """Past its hard limit a job is not kept open for a copy, and one that has ended has no
        limit any more."""
        return self.are_made and self._clock.now() < job.hard_at

    def make(self, job: Job, url: str) -> Copied | None:
        """Copies the video at that address, unless an earlier attempt has. None for one that is too
        large for a copy. Raises `NotKept`."""
        if not self._places.acquire(blocking=False):
            raise NotKept("other copies are being made", BUSY_SECONDS)
        try:
            return self._copy(self._addresses.key(job.payer, job.job_id), url)
        except FileTooLarge:
            self._metrics.count(Metric.VIDEO_COPY_FAILURES)
            return None
        except (DownloadFailed, MediaUnavailable) as error:
            self._metrics.count(Metric.VIDEO_COPY_FAILURES)
            raise NotKept(f"{type(error).__name__}: {error}") from error
        finally:
            self._places.release()

    def is_missing(self, url: str) -> bool:
        """Whether the vendor says for certain that there is no video at its own address."""
        until = self._clock.monotonic() + LAST_SECONDS
        try:
            with self._downloads.pieces(url, PART_BYTES, until):
                return False
        except FileMissing:
            return True
        except DownloadFailed:
            return False

    def abandon(self, job: Job) -> None:
        """Notes that the video of a job is handed over where the vendor has it."""
        log.error("video_not_copied", job_id=job.job_id)
        self._metrics.count(Metric.JOB_ALARMS, alarm="video_not_copied")

    def url(self, job: Job, copied: Copied) -> str:
        """The address of a copy, the same each time."""
        return self._addresses.url(job.payer, job.job_id, copied.expires_at)

    def link(self, token: str) -> str:
        """Where the copy that an address names can be fetched for the next hour. Raises
        `VideoNotFound` for an address that we did not make or whose time is over, and
        `VideoUnavailable`."""
        key = self._addresses.key_named(token, self._clock.now())
        if key is None:
            raise VideoNotFound
        try:
            return self._bucket.link(key, None, LINK_SECONDS)
        except MediaUnavailable as error:
            raise VideoUnavailable from error

    def _copy(self, key: str, url: str) -> Copied:
        try:
            return self._found(key)
        except MediaGone:
            return self._copied(key, url)

    def _found(self, key: str) -> Copied:
        """The bucket's lifecycle counts from when it was stored. Raises `MediaGone`."""
        found = self._bucket.head(key)
        return Copied(found.size, found.stored_at + self._milliseconds)

    def _copied(self, key: str, url: str) -> Copied:
        sizes: list[int] = []
        until = self._clock.monotonic() + self._seconds
        with self._downloads.pieces(url, PART_BYTES, until) as pieces:
            try:
                self._bucket.put_once(key, CONTENT_TYPE, _counted(_video(pieces), sizes))
            except MediaExists:
                # Another process was faster, with the same video.
                return self._found(key)
        return Copied(sum(sizes), self._clock.now() + self._milliseconds)


def _video(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a video. Raises `DownloadFailed` for anything else, such as a page."""
    first = next(pieces, b"")
    if first[_TYPE_BOX] != b"ftyp":
        raise DownloadFailed("no video")
    return chain([first], pieces)


def _counted(pieces: Iterator[bytes], sizes: list[int]) -> Iterator[bytes]:
    for piece in pieces:
        sizes.append(len(piece))
        yield piece
