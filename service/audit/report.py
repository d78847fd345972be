"""Formats an audit for the terminal. Pure."""

import json

from service.audit.entities import Audit

_NUMBERS = ("users", "entries", "jobs", "claims", "idempotency_keys", "compared")


def as_json(audit: Audit, complete: bool) -> str:
    violations = [
        {"item": violation.item, "what": violation.what} for violation in audit.violations
    ]
    document = {name: getattr(audit, name) for name in _NUMBERS} | {
        "complete": complete,
        "violations": violations,
    }
    return json.dumps(document, indent=2)


def as_text(audit: Audit, complete: bool, whole: bool = True) -> str:
    """`complete`: the walk came to its end; `whole`: that is the end of the whole table."""
    lines = [
        f"VIOLATION  {violation.item}: {violation.what}" for violation in sorted(audit.violations)
    ]
    checked = (
        f"Checked {audit.users} wallets, {audit.entries} ledger entries, {audit.jobs} jobs, "
        f"{audit.claims} claims, {audit.idempotency_keys} idempotency keys."
    )
    compared = (
        f"{audit.compared} wallets were compared with where an earlier audit had found them."
        if audit.compared
        else "No wallet was compared with an earlier audit."
    )
    of = "Every balance" if whole else "Every balance of this part of the table"
    proved = f"{of} is proved by its entries." if complete else "No violation so far."
    verdict = f"{len(lines)} violations." if lines else proved
    return "\n".join([*lines, checked, compared, verdict])
