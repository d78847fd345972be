"""A report as files: `finance-2026-11-lines.csv` with every balance transaction and their sums,
`finance-2026-11-sums.csv` with every figure and difference.

In a file of its own because it writes to a disk."""

import csv
from collections.abc import Iterable, Sequence
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


def write_files(report: Report, directory: Path) -> tuple[Path, Path]:
    """The two files that were written. Raises `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = directory / f"finance-{report.month}-lines.csv"
    sums = directory / f"finance-{report.month}-sums.csv"
    _write(lines, LINE_COLUMNS, chain(line_rows(report.lines), total_rows(report.lines)))
    _write(sums, SUM_COLUMNS, sum_rows(document_of(report)))
    return lines, sums


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(columns)
        writer.writerows([_safe(cell) for cell in row] for row in rows)


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
