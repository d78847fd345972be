"""The operator's commands: `farebox audit`, `farebox ledger USER`, `farebox resolve USER JOB`,
`farebox release USER JOB`."""

import argparse
import json
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from service.app import Parts, build, daily_audit
from service.audit.daily import AuditTaken, Ending
from service.audit.entities import Audit, AuditStopped, ScanCursor, ScanPlan
from service.audit.store import Stopped
from service.core.clock import iso
from service.core.errors import FareboxError
from service.core.logs import configure
from service.jobs.entities import Job, JobNotFound, ReleaseNotAllowed
from service.ledger.entities import Entry, Wallet
from service.repair.operations import Repaired
from service.settings import Settings, SettingsError
from service.storage.table import StorageRefused


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done and well; 1: a violation, no such thing, or not to be done; 2: it
    could not be run, or not to its end."""
    arguments = _parser().parse_args(argv)
    try:
        settings = Settings.from_environment()
        configure("WARNING", settings.log_format, sys.stderr)
        return int(arguments.run(build(settings, service="cli"), arguments))
    except SettingsError as error:
        _tell(str(error))
    except (JobNotFound, ReleaseNotAllowed) as refusal:
        _tell(str(refusal))
        return 1
    except FareboxError as error:
        _tell(f"{error.code}: {error.message}")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="farebox", description="Operator commands of Farebox.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _audit_parser(
        commands.add_parser(
            "audit", help="prove every balance from its entries; 1 if anything is wrong"
        )
    )
    ledger = commands.add_parser("ledger", help="print the wallet and the entries of one user")
    ledger.add_argument("user_id")
    ledger.set_defaults(run=_ledger)
    for name, run, text in (
        (
            "resolve",
            _resolve,
            "look at the provider for one job now, and settle what can be settled",
        ),
        (
            "release",
            _release,
            "give up a job past its hard limit that nothing settles: nothing is charged",
        ),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("user_id")
        command.add_argument("job_id")
        command.set_defaults(run=run)
    return parser


def _audit_parser(audit: argparse.ArgumentParser) -> None:
    audit.add_argument("--json", action="store_true", help="print the result as JSON")
    audit.add_argument(
        "--segments", type=int, default=1, help="into how many parts the table is cut"
    )
    audit.add_argument("--segment", type=int, help="walk this part alone (from 0)")
    audit.add_argument("--start", metavar="TOKEN", help="go on where an earlier audit stopped")
    audit.add_argument(
        "--reads-per-second", type=_rate, metavar="R", help="most read units to use in a second"
    )
    audit.add_argument(
        "--record",
        type=_record_address,
        metavar="s3://BUCKET/PREFIX",
        help="once a day, with a record there of how far it has come: begin it, go on with it, or say how it ended",
    )
    audit.add_argument(
        "--copy", action="store_true", help="of a copy that is not in use: tell the alarms nothing"
    )
    audit.add_argument(
        "--repair", action="store_true", help="print what would put a torn restore right"
    )
    audit.add_argument("--yes", action="store_true", help="with --repair: do it, then audit")
    audit.set_defaults(run=_audit_or_repair)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return rate


def _record_address(text: str) -> tuple[str, str]:
    found = re.fullmatch(
        r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9_./-]*[A-Za-z0-9_-])/?", text
    )
    if found is None:
        raise argparse.ArgumentTypeError("must be s3://BUCKET/PREFIX")
    return found[1], found[2]


def _audit_or_repair(parts: Parts, arguments: argparse.Namespace) -> int:
    if arguments.yes and not arguments.repair:
        _tell("--yes belongs to --repair")
        return 2
    if arguments.record and (
        arguments.start or arguments.segment is not None or arguments.repair or arguments.copy
    ):
        _tell(
            "--record is of the whole table, and knows its place itself: no --start, --segment, --copy or --repair with it"
        )
        return 2
    if arguments.record:
        return _daily(parts, arguments)
    return _repair(parts, arguments) if arguments.repair else _audit(parts, arguments)


def _audit(parts: Parts, arguments: argparse.Namespace) -> int:
    try:
        start = ScanCursor.from_token(arguments.start) if arguments.start else None
        plan = ScanPlan(arguments.segments, arguments.segment, start)
    except ValueError as error:
        _tell(str(error))
        return 2
    stop = threading.Event()
    try:
        with _signals_set(stop):
            rate = arguments.reads_per_second
            audit = parts.admin.audit(
                plan,
                reads_per_second=rate,
                stopping=stop.is_set,
                on_segment=_segment_told,
                in_use=not arguments.copy,
            )
    except AuditStopped as stopped:
        _show(stopped.audit, arguments, complete=False)
        _tell(
            f"The audit stopped: {stopped.reason}\ngo on with: {_go_on(stopped.cursor, arguments)}"
        )
        return 2
    _show(audit, arguments)
    return 1 if audit.violations else 0


def _daily(parts: Parts, arguments: argparse.Namespace) -> int:
    """0 also where another run is at it: that one will tell."""
    stop = threading.Event()
    try:
        plan = ScanPlan(arguments.segments)
    except ValueError as error:
        _tell(str(error))
        return 2
    try:
        with _signals_set(stop):
            daily, rate = daily_audit(parts, *arguments.record), arguments.reads_per_second
            ended = daily.run(
                plan,
                reads_per_second=rate,
                stopping=stop.is_set,
                on_segment=_segment_told,
                on_message=_tell,
            )
    except AuditTaken as taken:
        _tell(str(taken))
        return 2
    except AuditStopped as stopped:
        _show(stopped.audit, arguments, complete=False)
        _tell(
            f"The audit stopped: {stopped.reason}\nthe next start with this record goes on at {stopped.cursor.token()}"
        )
        return 2
    if ended.ending is Ending.ELSEWHERE:
        return 0
    _show(ended.audit, arguments)
    return 1 if ended.audit.violations else 0


def _repair(parts: Parts, arguments: argparse.Namespace) -> int:
    """Says what it would do; with --yes does it and audits. 0: there was nothing to do, or all is
    well again."""
    if arguments.segments != 1 or arguments.segment is not None or arguments.start:
        _tell("--repair takes the whole table: it cannot be run in pieces")
        return 2
    stop = threading.Event()
    try:
        with _signals_set(stop):
            rate = arguments.reads_per_second
            repaired = parts.repair.run(
                apply=arguments.yes, reads_per_second=rate, stopping=stop.is_set
            )
    except Stopped:
        _tell("The repair was told to stop. What it began is whole; run it again.")
        return 2
    except StorageRefused:
        _tell(
            "The table refuses this role: a repair needs one that may read, put, update and delete its items."
        )
        return 2
    for line in _repaired_lines(repaired):
        _tell(line)
    if arguments.yes:
        return max(_audit(parts, arguments), 1 if repaired.left else 0)
    _tell("Nothing was done; --yes does it." if repaired.plans else "There is nothing to repair.")
    return 1 if repaired.plans or repaired.left else 0


def _repaired_lines(repaired: Repaired) -> Iterator[str]:
    for plan in repaired.plans:
        yield from (f"REPAIR  {plan.where}: {sentence}" for sentence in plan.says)
    for violation in repaired.left:
        yield f"LEFT    {violation.item}: {violation.what}"


@contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    """While the block runs, the signals that end a process set `stop` instead."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _segment_told(place: ScanCursor, audit: Audit) -> None:
    if place.segments > 1:
        found = f"{audit.users} wallets, {len(audit.violations)} violations so far"
        _tell(f"segment {place.segment} of {place.segments} is done: {found}")


def _go_on(place: ScanCursor, arguments: argparse.Namespace) -> str:
    words = ["farebox audit"]
    if place.segments > 1:
        words.append(f"--segments {place.segments}")
    if arguments.segment is not None:
        words.append(f"--segment {place.segment}")
    if arguments.reads_per_second:
        words.append(f"--reads-per-second {arguments.reads_per_second:g}")
    return " ".join([*words, f"--start {place.token()}"])


def _show(audit: Audit, arguments: argparse.Namespace, *, complete: bool = True) -> None:
    _print(_audit_json(audit, complete) if arguments.json else _audit_text(audit, complete))


def _audit_json(audit: Audit, complete: bool) -> str:
    violations = [
        {"item": violation.item, "what": violation.what} for violation in audit.violations
    ]
    numbers = ("users", "entries", "jobs", "claims", "idempotency_keys")
    document = {name: getattr(audit, name) for name in numbers} | {
        "complete": complete,
        "violations": violations,
    }
    return json.dumps(document, indent=2)


def _audit_text(audit: Audit, complete: bool) -> str:
    lines = [
        f"VIOLATION  {violation.item}: {violation.what}" for violation in sorted(audit.violations)
    ]
    checked = (
        f"Checked {audit.users} wallets, {audit.entries} ledger entries, {audit.jobs} jobs, {audit.claims} claims, "
        f"{audit.idempotency_keys} idempotency keys."
    )
    proved = "Every balance is proved by its entries." if complete else "No violation so far."
    verdict = f"{len(lines)} violations." if lines else proved
    return "\n".join([*lines, checked, verdict])


def _ledger(parts: Parts, arguments: argparse.Namespace) -> int:
    found = parts.admin.ledger(arguments.user_id)
    if found is None:
        _print("There is no such user.")
        return 1
    wallet, entries = found
    _print(
        f"{'when':24}  {'entry':>5}  {'what':8}  {'amount':>6}  {'credits':>7}  {'held':>4}  for"
    )
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
    return _job_shown(parts.settlement.resolve(arguments.user_id, arguments.job_id))


def _release(parts: Parts, arguments: argparse.Namespace) -> int:
    return _job_shown(parts.settlement.force_release(arguments.user_id, arguments.job_id))


def _job_shown(job: Job) -> int:
    _print(f"{job.job_id} is {job.status}" + (f" ({job.failure})" if job.failure else ""))
    return 0


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
