"""A catch-up as it is stored: the summary, and the verdict on what its steps have used.

In a file of its own because its form outlives every release."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.catalog.pricing import Counter
from service.catch_up.entities import Point, Summary
from service.jobs.entities import Job
from service.providers.base import Broadcast
from service.results.entities import Owner, Verdict
from service.results.operations import Results

KIND = "catchUp"
# What its price counts. Words that are transcribed already have no milliseconds to pay for.
COUNTERS = (
    Counter.MILLISECONDS,
    Counter.INPUT_TOKENS,
    Counter.CACHED_TOKENS,
    Counter.CACHE_WRITE_TOKENS,
    Counter.OUTPUT_TOKENS,
)


@dataclass(frozen=True)
class CatchUpVerdict:
    """What the steps of a catch-up have used together. `estimated`: some of it by our own count;
    `fault` names what was wrong with a vendor's report. `failure`: it is not charged."""

    usage: Mapping[str, int] = field(default_factory=dict)
    points: int = 0
    estimated: bool = False
    fault: str = ""
    failure: str | None = None


class CatchUpResults:
    """The catch-ups among the results."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def store(self, job: Job, summary: Summary, verdict: CatchUpVerdict) -> CatchUpVerdict:
        """Returns the verdict that is stored. Raises what `Results.store` raises."""
        owner = Owner(job.payer, job.actor, job.job_id)
        return verdict_from(self._results.store(owner, _stored(verdict), _content(summary)))

    def verdict(self, job: Job) -> CatchUpVerdict | None:
        """Raises what `Results.verdict` raises."""
        found = self._results.verdict(job.payer, job.job_id)
        return verdict_from(found) if found else None

    def read(self, job: Job) -> Summary | None:
        """None before it is stored, and after it was deleted. Raises what `Results.read`
        raises."""
        found = self._results.read(job.payer, job.job_id)
        return summary_from(found.content) if found and found.content is not None else None


def summary_from(content: Mapping[str, Any]) -> Summary:
    """Raises `KeyError` or `TypeError` for what is no catch-up."""
    return Summary(
        Broadcast(**content["broadcast"]),
        tuple(Point(at, text) for at, text in content["points"]),
    )


def verdict_from(stored: Verdict) -> CatchUpVerdict:
    """Raises `KeyError` or `ValueError` for a verdict that is not a catch-up's."""
    facts: Mapping[str, Any] = stored.facts
    return CatchUpVerdict(
        usage=dict(stored.usage or {}),
        points=int(facts["points"]),
        estimated=bool(facts["estimated"]),
        fault=str(facts.get("fault", "")),
        failure=stored.reason or None,
    )


def _stored(verdict: CatchUpVerdict) -> Verdict:
    facts: dict[str, str | int] = {
        "kind": KIND,
        "points": verdict.points,
        "estimated": int(verdict.estimated),
    }
    facts |= {"fault": verdict.fault} if verdict.fault else {}
    return Verdict({str(name): count for name, count in verdict.usage.items()}, "", facts)


def _content(summary: Summary) -> dict[str, Any]:
    shown = summary.broadcast
    return {
        "broadcast": {
            "channel": shown.channel,
            "title": shown.title,
            "url": shown.url,
            "started_at": shown.started_at,
            "seconds": shown.seconds,
            "video_id": shown.video_id,
            "is_live": shown.is_live,
        },
        "points": [[point.at, point.text] for point in summary.points],
    }
