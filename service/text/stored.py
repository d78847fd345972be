"""A text as it is stored: what was requested, what came, and the verdict on it.

In a file of its own because its form outlives every release."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.catalog.pricing import Counter
from service.jobs.entities import Job
from service.providers.generation import Message, Role
from service.results.entities import Owner, Verdict
from service.results.operations import Results
from service.text.verdicts import TextVerdict

KIND = "text"
COUNTERS = (
    Counter.INPUT_TOKENS,
    Counter.CACHED_TOKENS,
    Counter.CACHE_WRITE_TOKENS,
    Counter.OUTPUT_TOKENS,
)


@dataclass(frozen=True)
class StoredText:
    """`model` is the name that its users know."""

    model: str
    messages: tuple[Message, ...]
    text: str


class Texts:
    """The texts among the results."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def store(self, job: Job, text: StoredText, verdict: TextVerdict) -> TextVerdict:
        """Returns the verdict that is stored: another's if another was first. Raises what
        `Results.store` raises."""
        owner = Owner(job.payer, job.actor, job.job_id)
        return verdict_from(self._results.store(owner, _stored(verdict), _content(text)))

    def verdict(self, job: Job) -> TextVerdict | None:
        """Raises what `Results.verdict` raises."""
        found = self._results.verdict(job.payer, job.job_id)
        return verdict_from(found) if found else None

    def read(self, job: Job) -> StoredText | None:
        """None before it is stored, and after it was deleted. Raises what `Results.read`
        raises."""
        found = self._results.read(job.payer, job.job_id)
        return text_from(found.content) if found and found.content is not None else None


def text_from(content: Mapping[str, Any]) -> StoredText:
    """Raises `KeyError`, `TypeError` or `ValueError` for what is no text."""
    messages = tuple(Message(Role(each["role"]), each["content"]) for each in content["messages"])
    return StoredText(content["model"], messages, content["text"])


def is_text(verdict: Verdict) -> bool:
    return verdict.facts.get("kind") == KIND


def verdict_from(stored: Verdict) -> TextVerdict:
    """Raises `KeyError` or `ValueError` for a verdict that is not a text's."""
    facts: Mapping[str, Any] = stored.facts
    loss = {str(name): int(facts.get(str(name), 0)) for name in COUNTERS}
    return TextVerdict(
        finish_reason=str(facts["finishReason"]),
        usage=dict(stored.usage) if stored.usage is not None else loss,
        estimated=bool(facts["estimated"]),
        fault=str(facts.get("fault", "")),
        failure=stored.reason or None,
    )


def _stored(verdict: TextVerdict) -> Verdict:
    """Usage that is not charged is what the house loses."""
    facts: dict[str, str | int] = {
        "kind": KIND,
        "finishReason": verdict.finish_reason,
        "estimated": int(verdict.estimated),
    }
    if verdict.fault:
        facts["fault"] = verdict.fault
    if verdict.failure is None:
        return Verdict({str(name): count for name, count in verdict.usage.items()}, "", facts)
    facts |= {str(name): count for name, count in verdict.usage.items() if count}
    return Verdict(None, verdict.failure, facts)


def _content(text: StoredText) -> dict[str, Any]:
    messages = [{"role": each.role.value, "content": each.text} for each in text.messages]
    return {"model": text.model, "messages": messages, "text": text.text}
