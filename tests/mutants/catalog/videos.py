"""Copies of videos: charged only once they are there, and erased with their user."""

from tests.mutants.mutant import Mutant, mutant

COPIES = "tests/videos/test_copies.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "captured-before-its-copy",
        COPIES,
        "jobs.settlement:Settlement._captured",
        "return self._wait(job, Wait(due_at, job.not_found_at))",
        "return self._capture(job, self._delivery(job, task, result))",
    ),
    mutant(
        "copied-while-a-request-waits",
        COPIES,
        "jobs.settlement:Settlement._captured",
        "work.is_kept_slowly(job) and not self._keeps_slowly",
        "False",
    ),
    mutant(
        "copied-for-ever",
        COPIES,
        "videos.copies:Copies.is_due",
        "self.are_made and self._clock.now() < job.hard_at",
        "self.are_made",
    ),
    mutant(
        "dead-link-charged",
        COPIES,
        "videos.copies:Copies.is_missing",
        "return True",
        "return False",
    ),
    mutant(
        "missing-by-any-trouble",
        COPIES,
        "providers.downloads:Downloads._check",
        "R.status in (404, 410)",
        "R.status != 200",
    ),
    mutant(
        "copied-over-a-copy",
        COPIES,
        "storage.media_bucket:MediaBucket._put",
        'self._call(0, operation, IfNoneMatch="*", **parameters)',
        "self._call(0, operation, **parameters)",
    ),
    mutant(
        "page-charged-as-a-video",
        COPIES,
        "videos.copies:_video",
        'first[_TYPE_BOX] != b"ftyp"',
        "False",
    ),
    mutant(
        "copy-made-anew-each-time",
        COPIES,
        "videos.copies:Copies._copy",
        "return self._found(key)",
        "return self._copied(key, url)",
    ),
    mutant(
        "copies-that-outlive-an-erasure",
        COPIES,
        "videos.personal_data:CopyData.remove",
        "job.erased_at is None or job.erased_at > latest",
        "job.erased_at is None",
    ),
    mutant(
        "address-that-anyone-can-make",
        COPIES,
        "videos.addresses:CopyAddresses.key_named",
        "not hmac.compare_digest(mac, self._mac(named))",
        "False",
    ),
)
