"""`farebox finance --month 2026-11`: makes the report of a month, straight from the table and
Stripe."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from service.core.console import print_message, print_result, stop_on_signal
from service.feature import Parts
from service.finance.csv_files import printed_lines, write_files
from service.finance.documents import MISSING, document_of, ranges_of, sum_rows
from service.finance.entities import FinanceStopped, Month, Report
from service.finance.operations import Finance

_PRINTED = Path("-")


class _MonthType(click.ParamType[Month]):
    name = "month"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Month:
        try:
            return Month.from_text(str(value))
        except ValueError as error:
            self.fail(f"{value} {error}.", param, ctx)


@click.command(
    short_help="sum up a month and match it with Stripe; 1 if anything differs",
    help="Sum up the credits and the money of a month (UTC) and match every balance transaction of "
    "Stripe's with our purchases. Reads the whole table. Exits 0 if everything matches, 1 if "
    "anything differs or a day is missing, 2 if the report could not be made.",
)
@click.option("--month", type=_MonthType(), required=True, metavar="YYYY-MM", help="In UTC.")
@click.option(
    "--csv",
    "directory",
    type=click.Path(file_okay=False, path_type=Path, allow_dash=True),
    metavar="DIR",
    help="Write lines and sums as CSV files to this directory; - prints them instead.",
)
@click.option(
    "--reads-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="R",
    help="Maximum read units per second.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON; not with --csv -.")
@click.pass_obj
def finance(
    parts: Callable[[], Parts],
    month: Month,
    directory: Path | None,
    reads_per_second: float | None,
    as_json: bool,
) -> int:
    operations = parts().get(Finance)
    try:
        with stop_on_signal() as stopping:
            report = operations.make(month, reads_per_second, stopping)
        if directory == _PRINTED:
            for line in printed_lines(report):
                print_result(line)
            return 0 if report.matches else 1
        if directory is not None:
            for path in write_files(report, directory):
                print_message(f"Wrote {path}")
    except (FinanceStopped, OSError) as error:
        print_message(str(error))
        return 2
    _show(report, as_json)
    return 0 if report.matches else 1


def _show(report: Report, as_json: bool) -> None:
    document = document_of(report)
    if as_json:
        print_result(json.dumps(document))
        return
    for part, figure, currency, value in sum_rows(document):
        if part != MISSING:
            print_result(f"{part:20} {figure:32} {currency:4} {value}")
    for days in ranges_of(report.missing):
        print_result(f"{MISSING:20} {days}")
    print_result(f"{report.month}: {len(report.lines)} transactions, {_verdict(report)}")


def _verdict(report: Report) -> str:
    if report.matches:
        return "everything matches"
    count = len(report.differences)
    found = f"DIFFERENCES: {count}" if count else "all match"
    if not report.missing:
        return found
    return f"{found}; DAYS NOT CLOSED: {len(report.missing)}, so the credits are too low"
