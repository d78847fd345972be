"""Files of earlier accounts: what is a good line, and what is said of a bad one."""

import io
import json
from typing import Any

import pytest

from service.passwords.import_lines import (
    MAX_LINE_BYTES,
    MAX_LINES,
    EarlierAccount,
    TooManyLines,
    lines_of,
    read_lines,
)

HASH = "$2b$04$" + "." * 53


def line(**fields: Any) -> bytes:
    good = {"email": "louisa@example.org", "emailVerified": True, "passwordHash": HASH}
    return json.dumps(good | fields).encode()


def faults(*lines: bytes) -> list[tuple[int, str]]:
    return [(fault.line, fault.what) for fault in read_lines(lines).faults]


def test_a_good_line_is_an_account() -> None:
    found = read_lines([line(), line(email="Bob@Example.org", id="17", welcomed=False)])

    assert found.faults == ()
    louisa, bob = found.accounts
    assert louisa == EarlierAccount(1, louisa.address, True, HASH, True, None)
    assert louisa.address.text == "louisa@example.org"
    assert (bob.line, bob.welcomed, bob.earlier_id) == (2, False, "17")
    assert HASH not in repr(louisa)
    assert "louisa" not in repr(louisa)


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"{", "it is not JSON in UTF-8"),
        (b"\xff", "it is not JSON in UTF-8"),
        (b"[" * 4000, "it is not JSON in UTF-8"),
        (b"[]", "it is not an object"),
        (b"{}", "it lacks email, emailVerified, passwordHash"),
        (b'{"id": "1", "id": "2"}', "it names a field twice"),
        (line(password="secret"), "it has fields other than"),
        (line(email="ann"), "email is not an e-mail address"),
        (line(email=5), "email is not an e-mail address"),
        (line(emailVerified=None), "emailVerified is neither true nor false"),
        (line(emailVerified=1), "emailVerified is neither true nor false"),
        (line(welcomed="yes"), "welcomed is neither true nor false"),
        (line(passwordHash="secret"), "passwordHash is not a bcrypt hash"),
        (line(passwordHash=None), "passwordHash is not a bcrypt hash"),
        (line(passwordHash="$2b$31$" + "." * 53), "passwordHash is not a bcrypt hash"),
        (line(passwordHash="$argon2id$v=19$m=8,t=1,p=1$x$y"), "passwordHash is not a bcrypt hash"),
        (line(id=""), "id is not a text"),
        (line(id="x" * 256), "id is not a text"),
        (line(id=7), "id is not a text"),
        (line(id="x" * MAX_LINE_BYTES), "it has more than 4096 bytes"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong_and_nothing_of_it(bad: bytes, what: str) -> None:
    ((number, said),) = faults(line(email="bob@example.org"), bad)

    assert number == 2
    assert said.startswith(what)
    assert "secret" not in said
    assert "louisa" not in said


def test_a_mailbox_comes_once() -> None:
    """Other spellings of it are the same."""
    first, again = line(email="a.nn@gmail.com"), line(email="ANN+news@googlemail.com")

    assert faults(first, again, line(), line()) == [
        (2, "its mailbox is that of line 1"),
        (4, "its mailbox is that of line 3"),
    ]


def test_blank_lines_count_and_are_no_accounts() -> None:
    found = read_lines([b"\n", line(), b"  \r\n"])

    assert [account.line for account in found.accounts] == [2]
    assert found.faults == ()


@pytest.mark.parametrize("excess", [0, 1, 5, MAX_LINE_BYTES, 3 * MAX_LINE_BYTES + 7])
def test_a_long_line_is_read_in_part_and_the_next_as_it_is(excess: int) -> None:
    long = b"x" * (MAX_LINE_BYTES + excess)
    found = list(lines_of(io.BytesIO(long + b"\n" + b"next\n")))

    assert len(found) == 2
    assert found[0].rstrip(b"\n") == long[: MAX_LINE_BYTES + 1]
    assert found[1] == b"next\n"


def test_a_file_has_so_many_lines() -> None:
    assert len(list(lines_of(io.BytesIO(b"\n" * MAX_LINES)))) == MAX_LINES
    with pytest.raises(TooManyLines):
        list(lines_of(io.BytesIO(b"\n" * (MAX_LINES + 1))))
