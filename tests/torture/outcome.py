"""What a run has come to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.torture.invariants import Evidence


@dataclass(frozen=True)
class Outcome:
    """Kills by kind, what clients did (`counts`), what was found in the end, and every broken
    promise as a sentence. `settled_seconds` is None when not everything settled in its time."""

    seed: int
    kills_by_kind: Counter[str]
    kills_amid_requests: int
    restarts: int
    counts: Mapping[str, int]
    evidence: Evidence
    tortured_seconds: float
    settled_seconds: float | None
    audit_clean: bool
    violations: tuple[str, ...]

    @property
    def kills(self) -> int:
        return self.kills_by_kind.total()

    @property
    def captured(self) -> int:
        return self.evidence.captured.total()

    def summary(self) -> str:
        """One line."""
        jobs = self.evidence.jobs
        released = sum(not job.is_open for job in jobs) - self.captured
        settled = (
            "not settled"
            if self.settled_seconds is None
            else f"settled within {self.settled_seconds:.1f} s"
        )
        return (
            f"{self.kills} kills in {self.tortured_seconds:.0f} s ({in_words(self.kills_by_kind)}; "
            f"{self.kills_amid_requests} amid a request), {self.restarts} restarts of DynamoDB, "
            f"{self.counts['faults']} faults of Kling, {self.counts['requests']} requests "
            f"({self.counts['unanswered']} unanswered), {len(self.evidence.wallets)} "
            f"users, {len(jobs)} jobs, "
            f"{self.captured} captured, {released} released, {self.evidence.deliveries} delivered, "
            f"house loss {self.evidence.house_loss}, {settled}, audit "
            f"{'clean' if self.audit_clean else 'NOT CLEAN'} "
            f"({self.counts['audits']} more amid the load), "
            f"{len(self.violations)} violations, seed {self.seed}"
        )


def in_words(kills: Mapping[str, int]) -> str:
    return ", ".join(f"{times} {kind}" for kind, times in sorted(kills.items())) or "none"
