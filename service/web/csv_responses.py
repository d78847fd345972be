"""Tables as CSV (RFC 4180), streamed: a row is written when the one before has been sent."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain, islice

from flask import Response, request

from service.core.errors import RateLimited
from service.core.shares import NothingLeft, Shares, ShareUsedUp

MIMETYPE = "text/csv"
ROWS_A_PIECE = 100
MAX_EXPORTS = 20
MAX_EXPORTS_OF_USER = 2

Cell = str | int | Decimal | None
Row = Sequence[Cell]

# Spreadsheets evaluate a cell that begins so (OWASP, "CSV Injection"), some after leading spaces.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class TooManyExports(RateLimited):
    """Files that are being sent at this moment, in this process."""

    code = "TOO_MANY_EXPORTS"
    summary = "Too many files are being sent at once."
    retry_after = 5


class Exports:
    """Sends long files. Each reads on for as long as its client does, so few are sent at once: of
    all users together, and of each."""

    def __init__(self, total: int = MAX_EXPORTS, each: int = MAX_EXPORTS_OF_USER) -> None:
        self._places = Shares(total, each)

    def send(
        self, user_id: str, columns: Sequence[str], rows: Iterable[Row], name: str
    ) -> Response:
        """As `csv_response`. Raises `TooManyExports` before anything is read."""
        try:
            self._places.take(user_id)
        except (NothingLeft, ShareUsedUp):
            raise TooManyExports from None
        try:
            response = csv_response(columns, rows, name)
        except BaseException:
            self._places.put_back(user_id)
            raise
        response.call_on_close(partial(self._places.put_back, user_id))
        return response


def prefers_csv() -> bool:
    """Whether the request accepts CSV rather than JSON."""
    accepted = request.accept_mimetypes
    return accepted[MIMETYPE] > accepted["application/json"]


def csv_response(columns: Sequence[str], rows: Iterable[Row], name: str) -> Response:
    """Returns 200 with the rows under their columns, as the file `name`. The first row is read
    before the response begins, so that a refusal is still an error in the envelope; an error that
    comes later cuts the connection, which the client notices: the last chunk is missing."""
    rest = iter(rows)
    first = tuple(islice(rest, 1))
    response = Response(_pieces(columns, chain(first, rest)), mimetype=MIMETYPE)
    response.headers["Content-Type"] = f"{MIMETYPE}; charset=utf-8; header=present"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.vary.add("Accept")
    return response


def _pieces(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    yield _text([columns])
    while piece := tuple(islice(rows, ROWS_A_PIECE)):
        yield _text(piece)


def _text(rows: Iterable[Row]) -> str:
    """All texts are quoted: where a spreadsheet separates cells by semicolons or tabs, the second
    half of an unquoted text would be a cell of its own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: Cell) -> Cell:
    """Numbers stay as they are, negative ones too; a text that a spreadsheet would evaluate gets an
    apostrophe in front."""
    if isinstance(cell, str) and any(
        text.startswith(_FORMULA_STARTS) for text in (cell, cell.lstrip())
    ):
        return f"'{cell}"
    return cell
