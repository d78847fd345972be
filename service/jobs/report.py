"""Formats one job for an operator's terminal. Pure."""

import json
from collections.abc import Iterator

from service.core.amounts import credits_number, credits_text
from service.core.clock import iso
from service.jobs.entities import Job
from service.jobs.search import JobStory


def job_line(job: Job) -> str:
    """One line, and the command that prints the rest."""
    failure = f" {job.failure}" if job.failure else ""
    return (
        f"{job.job_id}  {iso(job.created_at)}  {job.status}{failure}\n"
        f"    farebox job {job.payer} {job.job_id}"
    )


def job_json(job: Job) -> str:
    """The same facts on one line of JSON."""
    facts = {
        "jobId": job.job_id,
        "userId": job.payer,
        "createdAt": iso(job.created_at),
        "operation": job.operation,
        "status": job.status,
        "failure": job.failure,
        "taskId": job.task_id,
        "requestId": job.request_id or None,
    }
    return json.dumps(facts)


def story_lines(story: JobStory) -> Iterator[str]:
    """The job's facts, then its entries."""
    job = story.job
    yield f"{job.job_id} of user {job.payer}"
    yield from (f"  {name:<12}{text}" for name, text in _facts(job) if text)
    yield "  entries"
    for entry in story.entries:
        yield (
            f"    {iso(entry.at)}  {entry.kind:8}  {credits_text(entry.amount)}, then "
            f"{credits_text(entry.credits)} available and {credits_text(entry.held)} held "
            f"(entry {entry.version})"
        )


def story_json(story: JobStory) -> str:
    job = story.job
    facts = {name: text for name, text in _facts(job) if text}
    found = [
        {
            "version": entry.version,
            "kind": entry.kind,
            "amount": credits_number(entry.amount),
            "credits": credits_number(entry.credits),
            "held": credits_number(entry.held),
            "at": iso(entry.at),
        }
        for entry in story.entries
    ]
    return json.dumps(
        {"jobId": job.job_id, "userId": job.payer, "facts": facts, "entries": found}, indent=2
    )


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    yield "actor", job.actor if job.actor != job.payer else ""
    yield "operation", job.operation
    yield "status", f"{job.status} {job.failure or ''}".strip()
    yield "created", iso(job.created_at)
    held, captured, returned = map(credits_text, (job.held, job.captured, job.returned))
    yield "credits", f"held {held}, captured {captured}, returned {returned}"
    yield "house loss", "" if job.house_loss is None else credits_text(job.house_loss)
    yield "task", job.task_id or ""
    yield "request", job.request_id
    yield "not found", _time(job.not_found_at)
    yield "next query", _time(job.due_at)
    yield "hard limit", _time(job.hard_at)
    yield "watched to", _time(job.watch_until)
    yield "payload", _values(job.payload)
    yield "provider", _values(job.facts)
    yield "result", _values(job.result or {})
    yield "usage", _values(job.usage)


def _time(at: int | None) -> str:
    return iso(at) if at else ""


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _values(values: object) -> str:
    return json.dumps(values, default=str, sort_keys=True) if values else ""
