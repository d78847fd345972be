"""What clients were told and what they had asked for, for the judgement at the end. Safe from any
thread."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.calls import Response


@dataclass(frozen=True)
class Told:
    """One answer that names a job, or refuses one: `code` is the error's (empty: none), `job` the
    job as it was shown, and `key` the idempotency key it was asked with (None: none, or not asked
    by a POST)."""

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
    """What one user was told to own at one time: available and held together."""

    user: str
    credits: int
    held: int


@dataclass
class Notes:
    """Everything there is to remember of one run."""

    on_segment: list[Told] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    keys: set[tuple[str, str]] = field(default_factory=set)
    keyless: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str, times: int = 1) -> None:
        with self._guard:
            self.counts[what] += times

    def asked(self, user: str, key: str | None) -> None:
        """One order, written down before it is sent; the same key asked again is the same order."""
        with self._guard:
            if key is None:
                self.keyless[user] += 1
            else:
                self.keys.add((user, key))

    def heard(self, user: str, key: str | None, answer: Response) -> Told:
        """An answer to a request about jobs."""
        content = answer.json()
        job: Mapping[str, Any] = content.get("data") or {}
        job_id = job.get("jobId") or (content.get("details") or {}).get("jobId") or ""
        replayed = answer.headers.get("Idempotency-Replayed") == "true"
        on_segment = Told(
            time.time(), user, key, answer.status, content.get("code") or "", job_id, job, replayed
        )
        with self._guard:
            self.on_segment.append(on_segment)
        return on_segment
