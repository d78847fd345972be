"""Operator commands on the whole table: `farebox audit`, and on one wallet: `farebox ledger USER`,
`farebox accept USER`."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import click

from service.analytics.closed_days import ClosedDays
from service.audit import ledger_report
from service.audit.daily import AuditRecords, AuditTaken, DailyAudit, Ending
from service.audit.entities import Audit, AuditStopped, ScanCursor, ScanPlan
from service.audit.operations import Acceptance, Auditor, NotAcceptable
from service.audit.report import as_json, as_text
from service.audit.store import Stopped
from service.core.console import print_message, print_result, stop_on_signal
from service.feature import Parts
from service.storage.checks import Violation
from service.storage.table import StorageRefused

MAX_REASON = 200


class RepairPlan(Protocol):
    """One user's planned repairs, as sentences."""

    @property
    def where(self) -> str: ...

    @property
    def says(self) -> Sequence[str]: ...


class RepairReport(Protocol):
    """What was planned, and what an operator has to decide."""

    @property
    def plans(self) -> Sequence[RepairPlan]: ...

    @property
    def left(self) -> Sequence[Violation]: ...


class TableRepair(Protocol):
    """What `audit --repair` runs; the repair feature publishes it."""

    def run(
        self, *, apply: bool, reads_per_second: float | None, stopping: Callable[[], bool]
    ) -> RepairReport: ...


@dataclass(frozen=True)
class Options:
    """The options of one `farebox audit`."""

    json: bool
    segments: int
    segment: int | None
    start: str | None
    reads_per_second: float | None
    record: tuple[str, str] | None
    copy: bool
    repair: bool
    yes: bool

    def contradiction(self) -> str | None:
        """Returns why these options cannot be combined; None if they can."""
        is_part = self.start is not None or self.segment is not None
        if self.yes and not self.repair:
            return "--yes belongs to --repair"
        if self.record and (is_part or self.repair or self.copy):
            return (
                "--record is of the whole table, and keeps its own place: no --start, --segment, "
                "--copy or --repair with it"
            )
        if self.repair and (self.segments != 1 or is_part):
            return "--repair takes the whole table: it cannot be run in pieces"
        return None

    def plan(self) -> ScanPlan:
        """Raises `ValueError` for a segment that does not exist."""
        start = ScanCursor.from_token(self.start) if self.start else None
        return ScanPlan(self.segments, self.segment, start)

    def resumed_at(self, cursor: ScanCursor) -> str:
        """Returns the command that resumes the audit there."""
        words = ["farebox audit"]
        if cursor.segments > 1:
            words.append(f"--segments {cursor.segments}")
        if self.segment is not None:
            words.append(f"--segment {cursor.segment}")
        if self.reads_per_second:
            words.append(f"--reads-per-second {self.reads_per_second:g}")
        return " ".join([*words, f"--start {cursor.token()}"])


def _rate(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    del context, parameter
    if value is not None and not 0 < value < float("inf"):
        raise click.BadParameter("must be more than 0")
    return value


def _record_address(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    del context, parameter
    if value is None:
        return None
    found = re.fullmatch(
        r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9_./-]*[A-Za-z0-9_-])/?", value
    )
    if found is None:
        raise click.BadParameter("must be s3://BUCKET/PREFIX")
    return found[1], found[2]


@click.command(
    short_help="prove every balance from its entries; 1 if anything is wrong",
    help="Prove every balance from its entries. Exits 0 if all is proved, 1 if anything is wrong, "
    "2 if the audit could not run or did not finish.",
)
@click.option("--json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "--segments", type=int, default=1, help="Number of segments to divide the table into."
)
@click.option("--segment", type=int, help="Audit only this segment (from 0).")
@click.option("--start", metavar="TOKEN", help="Resume where an earlier audit stopped.")
@click.option(
    "--reads-per-second",
    type=float,
    callback=_rate,
    metavar="R",
    help="Maximum read units per second.",
)
@click.option(
    "--record",
    callback=_record_address,
    metavar="s3://BUCKET/PREFIX",
    help="Audit once a day, with a progress record there: start it, resume it, or print its "
    "result.",
)
@click.option(
    "--copy", is_flag=True, help="The table is a copy that is not in use: raise no alarm."
)
@click.option("--repair", is_flag=True, help="Print the repairs that a restored table needs.")
@click.option("--yes", is_flag=True, help="With --repair: apply the repairs, then audit.")
@click.pass_obj
def audit(parts: Callable[[], Parts], /, **words: object) -> int:
    options = Options(**words)  # type: ignore[arg-type]
    if contradiction := options.contradiction():
        print_message(contradiction)
        return 2
    if options.record:
        return _daily(parts(), options, *options.record)
    return _repair(parts(), options) if options.repair else _audit(parts(), options)


def _audit(parts: Parts, options: Options) -> int:
    try:
        plan = options.plan()
    except ValueError as error:
        print_message(str(error))
        return 2
    try:
        with stop_on_signal() as stopping:
            found = parts.get(Auditor).audit(
                plan,
                reads_per_second=options.reads_per_second,
                stopping=stopping,
                on_segment=_segment_done,
                in_use=not options.copy,
                closing=None if options.copy else parts.get(ClosedDays),
            )
    except AuditStopped as stopped:
        go_on = f"go on with: {options.resumed_at(stopped.cursor)}"
        return _stopped(stopped, options, go_on)
    return _shown(found, options)


def _daily(parts: Parts, options: Options, bucket: str, prefix: str) -> int:
    """Returns 0 as well if another run is already auditing: that run reports."""
    core = parts.core
    records = AuditRecords(core.open_bucket(bucket), prefix, core.keyring.mac_key)
    try:
        plan = options.plan()
    except ValueError as error:
        print_message(str(error))
        return 2
    try:
        with stop_on_signal() as stopping:
            closing = parts.get(ClosedDays)
            daily = DailyAudit(parts.get(Auditor), records, core.clock, core.ids, closing)
            ended = daily.run(
                plan,
                reads_per_second=options.reads_per_second,
                stopping=stopping,
                on_segment=_segment_done,
                on_message=print_message,
            )
    except AuditTaken as taken:
        print_message(str(taken))
        return 2
    except AuditStopped as stopped:
        go_on = f"the next start with this record goes on at {stopped.cursor.token()}"
        return _stopped(stopped, options, go_on)
    return 0 if ended.ending is Ending.ELSEWHERE else _shown(ended.audit, options)


def _repair(parts: Parts, options: Options) -> int:
    """Prints what it would do; with --yes, does it and audits again. Returns 0 if there was nothing
    to repair, or the audit after the repair is clean."""
    try:
        with stop_on_signal() as stopping:
            report = parts.get(TableRepair).run(
                apply=options.yes,
                reads_per_second=options.reads_per_second,
                stopping=stopping,
            )
    except Stopped:
        print_message("The repair was stopped. What it began is whole; run it again.")
        return 2
    except StorageRefused:
        print_message(
            "The table refuses this role: a repair needs one that may read, put, update and "
            "delete its items."
        )
        return 2
    for line in _repair_lines(report):
        print_message(line)
    if options.yes:
        return max(_audit(parts, options), 1 if report.left else 0)
    if report.plans:
        print_message("Nothing was done; --yes does it.")
    else:
        left = "Nothing can be repaired without a person." if report.left else ""
        print_message(left or "There is nothing to repair.")
    return 1 if report.plans or report.left else 0


def _repair_lines(report: RepairReport) -> Iterator[str]:
    for plan in report.plans:
        yield from (f"REPAIR  {plan.where}: {sentence}" for sentence in plan.says)
    for violation in report.left:
        yield f"LEFT    {violation.item}: {violation.what}"


def _segment_done(cursor: ScanCursor, audit: Audit) -> None:
    if cursor.segments > 1:
        found = f"{audit.users} wallets, {len(audit.violations)} violations so far"
        print_message(f"segment {cursor.segment} of {cursor.segments} is done: {found}")


def _stopped(stopped: AuditStopped, options: Options, go_on: str) -> int:
    _print(stopped.audit, options, complete=False)
    print_message(f"The audit stopped: {stopped.reason}\n{go_on}")
    return 2


def _shown(audit: Audit, options: Options) -> int:
    _print(audit, options, complete=True)
    return 1 if audit.violations else 0


def _print(audit: Audit, options: Options, *, complete: bool) -> None:
    whole = options.segment is None and options.start is None
    text = as_json(audit, complete) if options.json else as_text(audit, complete, whole)
    print_result(text)


@click.command(
    short_help="print the wallet and the entries of one user, and whether they agree",
    help="Print the wallet and the entries of one user, and whether they agree. Exits 1 if they do "
    "not, or if there is no such user.",
)
@click.argument("user_id")
@click.option("--json", "form", flag_value="json", help="Print wallet and entries as JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print the entries as CSV.")
@click.pass_obj
def ledger(parts: Callable[[], Parts], user_id: str, form: str | None) -> int:
    found = parts().get(Auditor).ledger(user_id)
    if found is None:
        print_message("There is no such user.")
        return 1
    match form:
        case "json":
            print_result(ledger_report.as_json(found))
        case "csv":
            print_result(ledger_report.as_csv(found))
            print_message(ledger_report.verdict(found))
        case _:
            print_result(ledger_report.as_text(found))
    return 1 if found.violations else 0


def _reason(context: click.Context, parameter: click.Parameter, value: str) -> str:
    del context, parameter
    if not 1 <= len(value.strip()) <= MAX_REASON:
        raise click.BadParameter(f"must have 1 to {MAX_REASON} characters")
    return value.strip()


@click.command(
    short_help="accept one user's wallet as it is, although an audit had found more of it",
    help="Accept one user's wallet as it is, although an audit had found more of it: after a "
    "repair, or when the user was removed on purpose. Exits 1 if the wallet is damaged in itself.",
)
@click.argument("user_id")
@click.option("--reason", required=True, callback=_reason, help="Why; it is kept and logged.")
@click.pass_obj
def accept(parts: Callable[[], Parts], user_id: str, reason: str) -> int:
    try:
        accepted = parts().get(Acceptance).accept(user_id, reason)
    except NotAcceptable as refusal:
        print_message(f"Repair it first. {refusal}")
        return 1
    where = f"at version {accepted.version}" if accepted.version else "as gone"
    print_result(f"{user_id} is accepted {where}. The next audit compares with that.")
    return 0


COMMANDS = (audit, ledger, accept)
