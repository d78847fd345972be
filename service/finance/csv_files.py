"""A report as files: `finance-2026-11-lines.csv` with every balance transaction and their sums,
`finance-2026-11-sums.csv` with every figure and difference.

In a file of its own because it writes to a disk, or prints where there is none to keep."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from service.finance.documents import (
    LINE_COLUMNS,
    SUM_COLUMNS,
    Cell,
    document_of,
    line_rows,
    sum_rows,
    total_rows,
)
from service.finance.entities import Report

# Spreadsheets evaluate a text that begins so (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "@", "\t", "\r")


def write_files(report: Report, directory: Path) -> tuple[Path, ...]:
    """The files that were written. Raises `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in _tables(report):
        path = directory / name
        with path.open("w", newline="", encoding="utf-8") as file:
            file.writelines(f"{line}\r\n" for line in _csv_lines(rows))
        written.append(path)
    return tuple(written)


def printed_lines(report: Report) -> Iterator[str]:
    """The same files one after the other, each behind a line `# <name>`, and `# end` at the end:
    where standard output goes to a log, other lines may precede and follow."""
    for name, rows in _tables(report):
        yield f"# {name}"
        yield from _csv_lines(rows)
    yield "# end"


def _tables(report: Report) -> Iterator[tuple[str, Iterable[Sequence[Cell]]]]:
    lines = chain(line_rows(report.lines), total_rows(report.lines))
    yield f"finance-{report.month}-lines.csv", chain((LINE_COLUMNS,), lines)
    sums = sum_rows(document_of(report))
    yield f"finance-{report.month}-sums.csv", chain((SUM_COLUMNS,), sums)


def _csv_lines(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    for row in rows:
        line = io.StringIO()
        writer = csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="")
        writer.writerow([_safe(cell) for cell in row])
        yield line.getvalue()


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
