"""What the page says above the reference: a newcomer's first calls, and every error code."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from service.web.openapi.schemas import Document

_PROSE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_IDEMPOTENCY_KEY = "idempotency-key"
# Stands where each response of the page has a key of its own.
NEW_KEY = "{idempotency-key}"


@dataclass(frozen=True)
class Curl:
    """A ready command around the service's address: `before` + address + `after`."""

    before: str
    after: str


@dataclass(frozen=True)
class Step:
    """One thing that a newcomer does; `curl` is None if this service has no such route."""

    title: str
    text: str
    curl: Curl | None


@dataclass(frozen=True)
class ErrorRow:
    """One code; `retry_after` describes its `Retry-After` header, empty if it has none."""

    code: str
    status: int
    meaning: str
    advice: str
    retry_after: str


def steps(document: Document) -> list[Step]:
    """The calls of one paid job, in order; signing in comes before them."""
    return [
        Step(
            "Request a video",
            "The price is held before the work begins. The response names the job.",
            curl_command(document, "POST", "/videos"),
        ),
        Step(
            "Wait for it",
            "The newest job is first in the list. It ends as `SUCCEEDED` or `FAILED`. An app waits "
            "for one job with `GET /jobs/{jobId}?wait=20`, which responds when the job has ended.",
            curl_command(document, "GET", "/jobs", "limit=1"),
        ),
        Step(
            "Check the credits",
            "Delivered work has been paid for. A job that failed has returned its credits.",
            curl_command(document, "GET", "/credits"),
        ),
    ]


def curl_command(document: Document, method: str, path: str, query: str = "") -> Curl | None:
    """A command that a shell takes as it is, or None if there is no such route. `$ID_TOKEN` stands
    for the user's token, `NEW_KEY` for an idempotency key: a command that is repeated then returns
    the same job."""
    described = document["paths"].get(path, {}).get(method.lower())
    if described is None:
        return None
    target = f"{path}?{query}'" if query else f"{path}'"
    return Curl(before="curl '", after=" \\\n  ".join([target, *_options(described)]))


def error_rows(document: Document) -> list[ErrorRow]:
    """Every code of the document, by status and code."""
    return [
        ErrorRow(
            entry["code"], entry["status"], entry["meaning"], entry["advice"], _retry_after(entry)
        )
        for entry in document["x-error-codes"]
    ]


def introduction(document: Document) -> str:
    """The opening paragraph of the document's description."""
    opening: str = document["info"]["description"].split("\n\n", 1)[0]
    return " ".join(opening.split())


def prose(text: str) -> Markup:
    """Text with `code` and **strong** parts as HTML; everything else is escaped."""
    written = Markup("")
    end = 0
    for found in _PROSE.finditer(text):
        marked = (
            Markup("<code>{}</code>").format(found[1])
            if found[1]
            else Markup("<strong>{}</strong>").format(prose(found[2]))
        )
        written += escape(text[end : found.start()]) + marked
        end = found.end()
    return written + escape(text[end:])


def _options(described: Mapping[str, Any]) -> list[str]:
    options = []
    if described.get("security"):
        options.append('-H "Authorization: Bearer $ID_TOKEN"')
    if any(
        parameter["name"].lower() == _IDEMPOTENCY_KEY
        for parameter in described.get("parameters", [])
    ):
        options.append(f"-H 'Idempotency-Key: {NEW_KEY}'")
    if "requestBody" in described:
        example = described["requestBody"]["content"]["application/json"]["example"]
        body = json.dumps(example, indent=2, ensure_ascii=False)
        options += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return options


def _retry_after(entry: Mapping[str, Any]) -> str:
    if entry["retryAfterSeconds"] is not None:
        return f"{entry['retryAfterSeconds']} s"
    return "see header" if entry["status"] in (429, 503) else ""
