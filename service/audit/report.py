"""Formats an audit and a ledger for the terminal. Pure."""

import json
from collections.abc import Iterable, Iterator

from service.audit.entities import Audit
from service.core.clock import iso
from service.ledger.entities import Entry, Wallet

_NUMBERS = ("users", "entries", "jobs", "claims", "idempotency_keys")


def as_json(audit: Audit, complete: bool) -> str:
    violations = [
        {"item": violation.item, "what": violation.what} for violation in audit.violations
    ]
    document = {name: getattr(audit, name) for name in _NUMBERS} | {
        "complete": complete,
        "violations": violations,
    }
    return json.dumps(document, indent=2)


def as_text(audit: Audit, complete: bool) -> str:
    lines = [
        f"VIOLATION  {violation.item}: {violation.what}" for violation in sorted(audit.violations)
    ]
    checked = (
        f"Checked {audit.users} wallets, {audit.entries} ledger entries, {audit.jobs} jobs, "
        f"{audit.claims} claims, {audit.idempotency_keys} idempotency keys."
    )
    proved = "Every balance is proved by its entries." if complete else "No violation so far."
    verdict = f"{len(lines)} violations." if lines else proved
    return "\n".join([*lines, checked, verdict])


def ledger_lines(wallet: Wallet, entries: Iterable[Entry]) -> Iterator[str]:
    yield f"{'when':24}  {'entry':>5}  {'what':8}  {'amount':>6}  {'credits':>7}  {'held':>4}  for"
    for entry in entries:
        yield (
            f"{iso(entry.at):24}  {entry.version:>5}  {entry.kind:8}  {entry.amount:>6}  "
            f"{entry.credits:>7}  {entry.held:>4}  {entry.ref}"
        )
    yield (
        f"Wallet at version {wallet.version}: {wallet.credits} available, {wallet.held} held; "
        f"granted {wallet.granted} = captured {wallet.captured} + expired {wallet.expired} + "
        f"clawed back {wallet.clawed_back} + available + held."
    )
