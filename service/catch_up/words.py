"""A user's own words: where they are read, and that this happens once for each request.

In a file of its own because a repeated request needs no words, only its idempotency key, and what
any other costs depends on how many they are."""

from collections.abc import Callable, Sequence

from service.catch_up.entities import (
    MAX_PARTS,
    TRANSCRIPT_OPERATIONS,
    Part,
    TranscriptTooLong,
)
from service.catch_up.passages import parts_of
from service.core.ids import is_id
from service.jobs.entities import JobNotFound
from service.jobs.operations import Jobs
from service.results.operations import Results
from service.transcription.entities import NoTranscript, Transcript, Word, transcript_of

Read = Callable[[], Transcript]


class OwnWords:
    """See `service.catch_up.entities.Words`. For one request: first its thread, then its run's."""

    def __init__(self, read: Read, since: int) -> None:
        self._read = read
        self._since = since
        self._parts: tuple[Part, ...] | None = None

    def parts(self) -> tuple[Part, ...]:
        if self._parts is None:
            self._parts = parts_from(self._read().words, self._since)
        return self._parts


def parts_from(words: Sequence[Word] | None, since: int) -> tuple[Part, ...]:
    """What was said from that second on, in parts. Raises `NoTranscript` and
    `TranscriptTooLong`."""
    if words is None:
        raise NoTranscript("It is kept without the times of its words.")
    parts = parts_of(words, since)
    if not parts:
        raise NoTranscript("Nothing is said in it from there on.")
    if len(parts) > MAX_PARTS:
        raise TranscriptTooLong(details={"parts": len(parts), "limit": MAX_PARTS})
    return parts


class Library:
    """The transcripts among the results of jobs."""

    def __init__(self, jobs: Jobs, results: Results) -> None:
        self._jobs = jobs
        self._results = results

    def words(self, user_id: str, transcript_id: str, since: int) -> OwnWords:
        """Reads nothing yet."""
        return OwnWords(lambda: self._transcript(user_id, transcript_id), since)

    def _transcript(self, user_id: str, transcript_id: str) -> Transcript:
        """Raises `JobNotFound`, for another user's and for a job of another kind exactly as for one
        that does not exist."""
        if not transcript_id:
            raise NoTranscript("Twitch has none: send the `transcriptId` of one of yours.")
        if not is_id("job", transcript_id):
            raise JobNotFound
        job = self._jobs.get(user_id, transcript_id)
        if job.operation not in TRANSCRIPT_OPERATIONS:
            raise JobNotFound
        result = self._results.read(job.payer, transcript_id) if job.result else None
        if result is None or result.content is None:
            raise NoTranscript(details={"status": job.status.value})
        return transcript_of(result.content)
