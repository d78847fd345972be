"""Gathers the evidence when all is over, and keeps it in the folder of the run."""

import json
import subprocess
from pathlib import Path

from service.audit.store import Reader
from service.feature import Parts
from service.jobs import keys as jobs_keys
from service.jobs.store import job_from
from service.ledger import keys as ledger_keys
from service.ledger.store import wallet_from
from service.storage.codec import Item, decode_item
from service.videos.operations import ROUTE
from tests.stack.killable_stack import KillableStack
from tests.torture.invariants import Evidence
from tests.torture.notes import Notes


def evidence(site: KillableStack, parts: Parts, notes: Notes, folder: Path) -> Evidence:
    """The whole table, the vendor's books and the notes."""
    raw = Reader(parts.core.table, parts.core.clock, None, lambda: False).scan(0, 1, None)
    items: list[Item] = [decode_item(item) for item in raw]
    tasks = site.steer("GET", "/kling/__tasks")["tasks"]
    _keep(folder / "table.json", items)
    _keep(folder / "books.json", tasks)
    _keep(folder / "told.json", [vars(response) for response in notes.responses])
    return Evidence(
        jobs=[job_from(item) for item in items if str(item["SK"]).startswith(jobs_keys.JOB_PREFIX)],
        wallets=[wallet_from(item) for item in items if item["SK"] == ledger_keys.wallet("").sk],
        bound=_bound(items, notes),
        tasks=tasks,
        notes=notes,
    )


def _bound(items: list[Item], notes: Notes) -> dict[tuple[str, str], str]:
    """(user, key) -> the job that the key stands for in the table."""
    uses = {
        (str(item["PK"]), str(item["SK"])): str(item["jobId"])
        for item in items
        if "bodyHash" in item
    }
    places = {(user, key): jobs_keys.idempotency(user, ROUTE, key) for user, key in notes.keys}
    return {
        requested: uses[at.pk, at.sk] for requested, at in places.items() if (at.pk, at.sk) in uses
    }


def audit_violations(audit: "subprocess.CompletedProcess[str]") -> list[str] | None:
    """What an audit found; None if it could not be run to its end."""
    try:
        found = json.loads(audit.stdout)
    except ValueError:
        return None
    return [f"audit: {violation['item']}: {violation['what']}" for violation in found["violations"]]


def audit_faults(audit: "subprocess.CompletedProcess[str]") -> list[str]:
    """What is wrong according to an audit, or with the audit itself."""
    faults = audit_violations(audit)
    if faults is None:
        return [f"the audit could not be run: {audit.stderr[-500:]}"]
    if audit.returncode != (1 if faults else 0):
        faults.append(f"audit: exit {audit.returncode}")
    return faults


def _keep(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
