"""The operator's commands: `farebox audit`, `farebox ledger USER`, `farebox resolve USER JOB`."""

import argparse
import json
import sys
from collections.abc import Sequence

from service.admin.entities import Audit
from service.app import Parts, build
from service.clock import iso
from service.errors import FareboxError
from service.ledger.entities import Entry, Wallet
from service.logs import configure
from service.settings import Settings, SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done and well; 1: a violation or no such thing; 2: it could not be run."""
    arguments = _parser().parse_args(argv)
    try:
        settings = Settings.from_environment()
        configure("WARNING", settings.log_format, sys.stderr)
        return int(arguments.run(build(settings, service="cli"), arguments))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
    except FareboxError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="farebox", description="Operator commands of Farebox.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    audit = commands.add_parser(
        "audit", help="prove every balance in the table from its entries; 1 if anything is wrong"
    )
    audit.add_argument("--json", action="store_true", help="print the result as JSON")
    audit.set_defaults(run=_audit)
    ledger = commands.add_parser("ledger", help="print the wallet and the entries of one user")
    ledger.add_argument("user_id")
    ledger.set_defaults(run=_ledger)
    resolve = commands.add_parser(
        "resolve", help="look at the provider for one job now, and settle what can be settled"
    )
    resolve.add_argument("user_id")
    resolve.add_argument("job_id")
    resolve.set_defaults(run=_resolve)
    return parser


def _audit(parts: Parts, arguments: argparse.Namespace) -> int:
    audit = parts.admin.audit()
    _print(_audit_json(audit) if arguments.json else _audit_text(audit))
    return 1 if audit.violations else 0


def _audit_json(audit: Audit) -> str:
    violations = [{"item": violation.item, "what": violation.what} for violation in audit.violations]
    numbers = ("users", "entries", "jobs", "claims", "idempotency_keys", "in_flight")
    return json.dumps({name: getattr(audit, name) for name in numbers} | {"violations": violations}, indent=2)


def _audit_text(audit: Audit) -> str:
    lines = [f"VIOLATION  {violation.item}: {violation.what}" for violation in sorted(audit.violations)]
    checked = (
        f"Checked {audit.users} wallets, {audit.entries} ledger entries, {audit.jobs} jobs, {audit.claims} claims, "
        f"{audit.idempotency_keys} idempotency keys."
    )
    moving = f" {audit.in_flight} wallets were moving and wait for the next audit." if audit.in_flight else ""
    verdict = f"{len(lines)} violations." if lines else "Every balance is proved by its entries."
    return "\n".join([*lines, checked + moving, verdict])


def _ledger(parts: Parts, arguments: argparse.Namespace) -> int:
    found = parts.admin.ledger(arguments.user_id)
    if found is None:
        _print("There is no such user.")
        return 1
    wallet, entries = found
    _print(f"{'when':24}  {'entry':>5}  {'what':8}  {'amount':>6}  {'credits':>7}  {'held':>4}  for")
    for entry in entries:
        _print(_entry_text(entry))
    _print(_wallet_text(wallet))
    return 0


def _entry_text(entry: Entry) -> str:
    return (
        f"{iso(entry.at):24}  {entry.version:>5}  {entry.kind:8}  {entry.amount:>6}  {entry.credits:>7}  {entry.held:>4}  "
        f"{entry.ref}"
    )


def _wallet_text(wallet: Wallet) -> str:
    return (
        f"Wallet at version {wallet.version}: {wallet.credits} available, {wallet.held} held; "
        f"granted {wallet.granted} = captured {wallet.captured} + expired {wallet.expired} + clawed back "
        f"{wallet.clawed_back} + available + held."
    )


def _resolve(parts: Parts, arguments: argparse.Namespace) -> int:
    job = parts.settlement.resolve(arguments.user_id, arguments.job_id)
    _print(f"{job.job_id} is {job.status}" + (f" ({job.failure})" if job.failure else ""))
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
