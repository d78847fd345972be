"""The calls that this process is making: each is read to its end by a thread of its own, at the
vendor's pace, whether or not anyone reads along.

In a file of its own because a call outlives the request that made it."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from service.core.amounts import Amount
from service.jobs.entities import Job
from service.providers.generation import Generation
from service.text.entities import MAX_MESSAGES, MAX_PROMPT_BYTES
from service.text.verdicts import Stop

# In a stored result every message has its role and punctuation, and any byte may be escaped by
# another. A prompt has no control character, which would take more.
_ROOM_OF_PROMPT = 2 * MAX_PROMPT_BYTES + 64 * MAX_MESSAGES + 1024
# As stored, with its prompt in 2 MB. More, and a vendor ignores the bound that it was sent.
MAX_OUTPUT_BYTES = 2 * 1024 * 1024 - _ROOM_OF_PROMPT
# A control character as JSON, `\u0000`; what has UTF-8 of its own takes at most four.
_BYTES_A_CHARACTER = 6
# A reader that is further behind takes the text from where it is stored.
MAX_BEHIND_CHARACTERS = 64 * 1024


@dataclass(frozen=True)
class News:
    """What a reader has not had yet. `is_over`: nothing more comes, and the call is settled."""

    text: str
    position: int
    is_over: bool


def stored_bytes(text: str) -> int:
    """How many bytes that text takes in a stored result (`results.entities.packed`)."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - len('""')


class FellBehind(Exception):
    """The reader is too far behind what was written."""


class Run:
    """One call, as the thread that reads it and any number of others know it. Its text is kept
    once, so that a reader costs a position in it and nothing else."""

    def __init__(self, job: Job, until: float, remaining: Amount = 0) -> None:
        """`until` is the monotonic time at which the call ends; `remaining` is what its user could
        still spend after the hold."""
        self.job = job
        self.until = until
        self._remaining = remaining
        self.stop: Stop | None = None
        self._changed = threading.Condition()
        self._pieces: list[str] = []
        self._bytes = 0
        self._is_over = False
        self._generation: Generation | None = None

    @property
    def text(self) -> str:
        with self._changed:
            return "".join(self._pieces)

    @property
    def content(self) -> Mapping[str, object]:
        """As `TextGeneration.content` of its job: what is stored, without reading it."""
        return {"text": self.text or None if self.job.result else None}

    @property
    def remaining(self) -> Amount:
        """What its user can still spend, as far as this call knows."""
        return self._remaining + self.job.returned

    def wait(self, seconds: float) -> bool:
        """Waits until the call is settled, at most so long. Returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_over, timeout=seconds)

    def attach(self, generation: Generation) -> bool:
        """What `end` is to close. False when it has been ended already."""
        with self._changed:
            self._generation = generation
            return self.stop is None

    def add(self, text: str) -> None:
        """Raises `OverflowError` for more than can be stored with its prompt, which is more than
        any model writes; what surely fits of it is added."""
        room = MAX_OUTPUT_BYTES - self._bytes
        is_too_much = (size := stored_bytes(text)) > room
        if is_too_much:
            text = text[: room // _BYTES_A_CHARACTER]
        with self._changed:
            if text:
                self._pieces.append(text)
            self._bytes += room if is_too_much else size
            self._changed.notify_all()
        if is_too_much:
            raise OverflowError

    def end(self, stop: Stop) -> None:
        """Closes the connection to the vendor, for that reason; the first one counts."""
        with self._changed:
            if self.stop is not None or self._is_over:
                return
            self.stop = stop
            generation = self._generation
        if generation is not None:
            generation.cancel()

    def finish(self, job: Job) -> None:
        """The call is over, and this is its job."""
        with self._changed:
            self.job = job
            self._is_over = True
            self._changed.notify_all()

    def read(self, position: int, seconds: float) -> News:
        """What was written beyond that many pieces, once there is any, the call is over, or the
        time is up. Raises `FellBehind`."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._pieces) > position or self._is_over, timeout=seconds
            )
            pieces = self._pieces[position:]
            if sum(map(len, pieces)) > MAX_BEHIND_CHARACTERS and position:
                raise FellBehind
            return News("".join(pieces), position + len(pieces), self._is_over and not pieces)


class Runs:
    """The calls in progress, by job."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._none_left = threading.Condition(self._guard)
        self._runs: dict[str, Run] = {}

    def __iter__(self) -> Iterator[Run]:
        with self._guard:
            return iter(tuple(self._runs.values()))

    def add(self, run: Run) -> None:
        with self._guard:
            self._runs[run.job.job_id] = run

    def remove(self, job_id: str) -> None:
        with self._guard:
            self._runs.pop(job_id, None)
            self._none_left.notify_all()

    def end_all(self) -> None:
        """Ends every call as if its time were up: what came is kept and charged."""
        for run in self:
            with suppress(Exception):
                run.end(Stop.LIMIT)

    def wait_until_none(self, seconds: float) -> bool:
        """Waits until all are settled, at most so long. Returns whether they are."""
        with self._none_left:
            return self._none_left.wait_for(lambda: not self._runs, timeout=seconds)
