"""Tables as CSV: whole, streamed, and harmless in a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask

from service.web.csv_responses import Exports, Row, TooManyExports, csv_response

COLUMNS = ("name", "amount")


@pytest.fixture
def app() -> Iterator[None]:
    with Flask("x").test_request_context():
        yield


@pytest.mark.usefixtures("app")
def test_texts_with_commas_quotes_and_line_ends_are_read_back_as_they_are() -> None:
    rows: list[Row] = [('a "b", c', 1), ("two\r\nlines", Decimal("0.012")), ("é🚀", None)]
    text = csv_response(COLUMNS, rows, "table").get_data(as_text=True)
    assert text.startswith('"name","amount"\r\n')
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [
        ['a "b", c', "1"],
        ["two\r\nlines", "0.012"],
        ["é🚀", ""],
    ]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "\uff1d1", "\n=1", "\xa0=1", "\v=1"],
)
def test_a_text_that_a_spreadsheet_would_evaluate_begins_with_an_apostrophe(text: str) -> None:
    got = csv_response(("a",), [(text,)], "table").get_data(as_text=True)
    assert list(csv.reader(io.StringIO(got, newline="")))[1] == [f"'{text}"]


@pytest.mark.usefixtures("app")
def test_a_negative_number_stays_a_number() -> None:
    text = csv_response(COLUMNS, [("a", -3), ("b", Decimal("-0.5"))], "table").get_data(
        as_text=True
    )
    assert text == '"name","amount"\r\n"a",-3\r\n"b",-0.5\r\n'


@pytest.mark.usefixtures("app")
def test_a_text_begins_no_further_cell_where_another_sign_separates() -> None:
    row: Row = ("a;=1+1", "b\t=1", None, 2)
    text = csv_response(("a", "b", "c", "d"), [row], "table").get_data(as_text=True)
    assert text.splitlines()[1] == '"a;=1+1","b\t=1","",2'


@pytest.mark.usefixtures("app")
def test_rows_are_read_while_they_are_sent() -> None:
    read = []

    def rows() -> Iterator[Row]:
        for number in range(10_000):
            read.append(number)
            yield ("a", number)

    pieces = iter(csv_response(COLUMNS, rows(), "table").response)
    next(pieces)
    next(pieces)
    assert len(read) <= 101


@pytest.mark.usefixtures("app")
def test_what_prevents_the_first_row_is_raised_before_the_response_begins() -> None:
    def rows() -> Iterator[Row]:
        raise LookupError
        yield ()

    with pytest.raises(LookupError):
        csv_response(COLUMNS, rows(), "table")


def endless() -> Iterator[Row]:
    while True:
        yield ("a", 1)


@pytest.mark.usefixtures("app")
def test_few_files_are_sent_at_once_to_one_user_and_to_all() -> None:
    exports = Exports(total=3, each=2)
    first = exports.send("ann", COLUMNS, endless(), "table")
    exports.send("ann", COLUMNS, endless(), "table")
    with pytest.raises(TooManyExports):
        exports.send("ann", COLUMNS, endless(), "table")
    exports.send("bob", COLUMNS, endless(), "table")
    with pytest.raises(TooManyExports):
        exports.send("cat", COLUMNS, endless(), "table")
    first.close()
    exports.send("cat", COLUMNS, endless(), "table")


@pytest.mark.usefixtures("app")
def test_a_file_that_could_not_begin_takes_no_place() -> None:
    def rows() -> Iterator[Row]:
        raise LookupError
        yield ()

    exports = Exports(total=1, each=1)
    for _ in range(3):
        with pytest.raises(LookupError):
            exports.send("ann", COLUMNS, rows(), "table")
    exports.send("ann", COLUMNS, endless(), "table")
