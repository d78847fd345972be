"""Every proof that `make proof` runs, and how long each may take."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Proof:
    """One program that exits 0 when everything it tried held. Beyond `max_minutes` it is stopped,
    and counts as failed."""

    name: str
    command: tuple[str, ...]
    max_minutes: float


def proofs(day: date) -> tuple[Proof, ...]:
    """The seeds change every day; a failure names its own."""
    seed = f"{day:%Y%m%d}"
    return (
        _module("faults", 120, "faults.enumeration"),
        _module("pairs", 240, "faults.enumeration", "--table", "memory", "--pairs"),
        _module("connections", 20, "faults.connections", "--count", "2000", "--seed", seed),
        _module("simulation", 240, "simulation", "--seed", f"{seed}0000", "--steps", "1000000"),
        _module("streams", 60, "streams", "--streams", "10000", "--seed", seed),
        _module("ledger-properties", 180, "ledger", "--steps", "1000000", "--seed", seed),
        _module("analytics", 30, "analytics", "--jobs", "10000", "--seed", seed),
        _module("kills", 120, "torture", "--kills", "1000", "--minutes", "110", "--seed", seed),
        _module("sign-ups", 20, "users", "--people", "200", "--seed", seed),
        _module("bulk-kills", 30, "bulk_grants", "--users", "2000", "--kills", "5", "--seed", seed),
        _module("erasure-kills", 20, "erasure", "--users", "60", "--kills", "20", "--seed", seed),
        _module("password-timing", 30, "passwords", "--tries", "1000"),
        _module("billing-orders", 120, "billing"),
        _module("finance", 60, "finance", "--payments", "5000", "--seed", seed),
        _module("crowd", 20, "crowd", "--seed", seed),
        _module("drain", 120, "drain", "--replacements", "100", "--seconds", "6000"),
        _module("mutants", 120, "mutants"),
        _module("template-mutations", 120, "infrastructure.template_mutations"),
        _module("fuzz", 20, "fuzz", "--cases", "5000", "--seed", seed),
        _module("conformance", 60, "conformance", "--operations", "20000", "--seed", seed),
    )


def chosen(all_proofs: Sequence[Proof], names: Sequence[str]) -> tuple[Proof, ...]:
    """Those of these names, or all. Raises `LookupError` for a name that is none."""
    known = {proof.name for proof in all_proofs}
    if unknown := sorted(set(names) - known):
        raise LookupError(f"no such proof: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(proof for proof in all_proofs if not names or proof.name in names)


def _module(name: str, max_minutes: float, module: str, *arguments: str) -> Proof:
    return Proof(name, (sys.executable, "-m", f"tests.{module}", *arguments), max_minutes)
