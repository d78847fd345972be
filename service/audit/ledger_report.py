"""Formats one user's ledger: as text, as JSON, or its entries as CSV. Pure.

In a file of its own, next to the report of an audit: it shows one wallet, not the table."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from service.audit.entities import Ledger
from service.core.amounts import credits_number, credits_text
from service.core.clock import iso
from service.ledger.entities import Entry, Wallet, WalletStatus

_USES = ("captured", "expired", "clawed_back", "removed", "credits", "held")
_NAMES = {"clawed_back": "clawed back", "credits": "available"}
_COLUMNS = ("at", "version", "kind", "amount", "credits", "held", "ref")


def as_text(ledger: Ledger) -> str:
    return "\n".join(_lines(ledger))


def _lines(ledger: Ledger) -> Iterator[str]:
    yield f"{'when':24}  {'entry':>5}  {'what':8}  {'amount':>6}  {'credits':>7}  {'held':>4}  for"
    for entry in ledger.entries:
        yield (
            f"{iso(entry.at):24}  {entry.version:>5}  {entry.kind:8}  "
            f"{credits_text(entry.amount):>6}  "
            f"{credits_text(entry.credits):>7}  {credits_text(entry.held):>4}  {entry.ref}"
        )
    if ledger.wallet is not None:
        yield from _wallet_lines(ledger.wallet)
    for violation in sorted(ledger.violations):
        yield f"VIOLATION  {violation.item}: {violation.what}"
    yield verdict(ledger)


def _wallet_lines(wallet: Wallet) -> Iterator[str]:
    yield (
        f"Wallet at version {wallet.version}: {credits_text(wallet.credits)} available, "
        f"{credits_text(wallet.held)} held"
        + (f", {credits_text(wallet.debt)} owed" if wallet.debt else "")
        + "."
    )
    total = sum(getattr(wallet, name) for name in _USES)
    named = [name for name in _USES if name != "removed" or wallet.removed]
    parts = " + ".join(
        f"{credits_text(getattr(wallet, name))} {_NAMES.get(name, name)}" for name in named
    )
    equals = "=" if total == wallet.granted else "is not"
    granted, sum_text = credits_text(wallet.granted), credits_text(total)
    yield f"{granted} granted {equals} {parts}" + (f" = {sum_text}" * (equals != "="))
    if wallet.disabled:
        yield "DISABLED: this user is refused until an operator enables them."
    if wallet.status is WalletStatus.FROZEN:
        yield "FROZEN: nothing can be spent until an operator has investigated."
    elif wallet.status is WalletStatus.CLOSING:
        yield "CLOSING: this user is being erased. Open jobs still settle."
    elif wallet.status is WalletStatus.CLOSED:
        yield "CLOSED: this user has been erased."


def verdict(ledger: Ledger) -> str:
    """One sentence: what the audit makes of this user."""
    if ledger.violations:
        return f"DAMAGED: {len(ledger.violations)} violations. Trust none of these balances."
    return f"Every balance is proved by its {len(ledger.entries)} entries."


def as_json(ledger: Ledger) -> str:
    violations = [{"item": each.item, "what": each.what} for each in sorted(ledger.violations)]
    document = {
        "userId": ledger.user_id,
        "proved": not violations,
        "wallet": _wallet_document(ledger.wallet) if ledger.wallet else None,
        "entries": [_entry_document(entry) for entry in ledger.entries],
        "violations": violations,
    }
    return json.dumps(document, indent=2)


def as_csv(ledger: Ledger) -> str:
    """The entries alone; whether they can be trusted is said elsewhere."""
    text = io.StringIO()
    rows = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    rows.writeheader()
    rows.writerows(_entry_document(entry) for entry in ledger.entries)
    return text.getvalue().rstrip("\n")


def _wallet_document(wallet: Wallet) -> dict[str, Any]:
    return {
        "version": wallet.version,
        "status": wallet.status,
        "available": credits_number(wallet.credits),
        "held": credits_number(wallet.held),
        "granted": credits_number(wallet.granted),
        "captured": credits_number(wallet.captured),
        "expired": credits_number(wallet.expired),
        "clawedBack": credits_number(wallet.clawed_back),
        "debt": credits_number(wallet.debt),
        "removed": credits_number(wallet.removed),
        "lots": [
            {
                "lotId": lot.lot_id,
                "kind": lot.kind,
                "restriction": lot.restriction or None,
                "remaining": credits_number(lot.remaining),
                "expiresAt": iso(lot.expires_at) if lot.expires_at else None,
            }
            for lot in wallet.lots
        ],
        "updatedAt": iso(wallet.updated_at),
    }


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "at": iso(entry.at),
        "version": entry.version,
        "kind": entry.kind,
        "amount": credits_number(entry.amount),
        "credits": credits_number(entry.credits),
        "held": credits_number(entry.held),
        "ref": entry.ref,
    }
