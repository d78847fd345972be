"""What clients requested and what was returned, for the checks at the end. Thread-safe."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.calls import Response


@dataclass(frozen=True)
class JobResponse:
    """One response that names a job, or refuses one: `code` is the error's (empty: none), `job` the
    job as it was shown, and `key` the idempotency key of the request (None: none, or not a
    POST)."""

    at: float
    user: str
    key: str | None
    status: int
    code: str
    job_id: str
    job: Mapping[str, Any]
    replayed: bool = False


@dataclass(frozen=True)
class Total:
    """The credits that one response stated for a user: available and held together."""

    user: str
    credits: int
    held: int


@dataclass
class Notes:
    """Everything there is to remember of one run."""

    responses: list[JobResponse] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    keys: set[tuple[str, str]] = field(default_factory=set)
    keyless: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str, times: int = 1) -> None:
        with self._guard:
            self.counts[what] += times

    def requested(self, user: str, key: str | None) -> None:
        """One order, recorded before it is sent; a repeated key is the same order."""
        with self._guard:
            if key is None:
                self.keyless[user] += 1
            else:
                self.keys.add((user, key))

    def responded(self, user: str, key: str | None, response: Response) -> JobResponse:
        """A response to a request about jobs."""
        content = response.json()
        job: Mapping[str, Any] = content.get("data") or {}
        job_id = job.get("jobId") or (content.get("details") or {}).get("jobId") or ""
        replayed = response.headers.get("Idempotency-Replayed") == "true"
        noted = JobResponse(
            time.time(),
            user,
            key,
            response.status,
            content.get("code") or "",
            job_id,
            job,
            replayed,
        )
        with self._guard:
            self.responses.append(noted)
        return noted
