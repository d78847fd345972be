"""Accounts of an earlier system as a file of JSON lines. Pure.

In a file of its own because a file that people have made may hold anything."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from service.core.mailboxes import Address, InvalidAddress, address_of
from service.passwords.hashing import MAX_BCRYPT_COST, is_bcrypt

MAX_LINES = 100_000
MAX_LINE_BYTES = 4096
MAX_EARLIER_ID = 255
_REQUIRED = frozenset({"email", "emailVerified", "passwordHash"})
_OPTIONAL = frozenset({"id", "welcomed"})


class TooManyLines(ValueError):
    """The file has more than `MAX_LINES`."""


@dataclass(frozen=True)
class EarlierAccount:
    """One line. `welcomed`: the person has had free credits in the earlier system, and gets none
    here. `earlier_id` is what that system called them, if the line says so."""

    line: int
    address: Address
    is_verified: bool
    password_hash: str = field(repr=False)
    welcomed: bool
    earlier_id: str | None


@dataclass(frozen=True)
class LineFault:
    """What is wrong with a line. It repeats nothing of what the line holds."""

    line: int
    what: str


@dataclass(frozen=True)
class Lines:
    """A whole file, in its order."""

    accounts: tuple[EarlierAccount, ...]
    faults: tuple[LineFault, ...]


class _Fault(ValueError):
    pass


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file. One of more than `MAX_LINE_BYTES` is returned cut off, one byte too
    long. Raises `TooManyLines`."""
    count = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        count += 1
        if count > MAX_LINES:
            raise TooManyLines
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        yield line


def read_lines(lines: Iterable[bytes]) -> Lines:
    """Every line but blank ones, as an account or as a fault. A mailbox that comes again is a fault
    of the later line."""
    accounts, faults = list[EarlierAccount](), list[LineFault]()
    first_lines: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            account = _account(number, line)
            first = first_lines.setdefault(account.address.mailbox, number)
            if first != number:
                raise _Fault(f"its mailbox is that of line {first}")
            accounts.append(account)
        except _Fault as fault:
            faults.append(LineFault(number, str(fault)))
    return Lines(tuple(accounts), tuple(faults))


def _account(number: int, line: bytes) -> EarlierAccount:
    fields = _fields(line)
    return EarlierAccount(
        number,
        _address(fields["email"]),
        _flag(fields, "emailVerified"),
        _hash(fields["passwordHash"]),
        _flag(fields, "welcomed", usual=True),
        _earlier_id(fields.get("id")),
    )


def _fields(line: bytes) -> dict[str, Any]:
    if len(line.rstrip(b"\r\n")) > MAX_LINE_BYTES:
        raise _Fault(f"it has more than {MAX_LINE_BYTES} bytes")
    try:
        fields = json.loads(line.decode("utf-8"), object_pairs_hook=_distinct)
    except _Fault:
        raise
    except (ValueError, RecursionError):
        raise _Fault("it is not JSON in UTF-8") from None
    if not isinstance(fields, dict):
        raise _Fault("it is not an object")
    if missing := sorted(_REQUIRED - fields.keys()):
        raise _Fault(f"it lacks {', '.join(missing)}")
    if fields.keys() - _REQUIRED - _OPTIONAL:
        raise _Fault(f"it has fields other than {', '.join(sorted(_REQUIRED | _OPTIONAL))}")
    return fields


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _Fault("it names a field twice")
    return fields


def _address(value: object) -> Address:
    try:
        if isinstance(value, str):
            return address_of(value)
    except InvalidAddress:
        pass
    raise _Fault("email is not an e-mail address that mail can be sent to")


def _flag(fields: dict[str, Any], name: str, *, usual: bool | None = None) -> bool:
    value = fields.get(name, usual)
    if not isinstance(value, bool):
        raise _Fault(f"{name} is neither true nor false")
    return value


def _hash(value: object) -> str:
    if not isinstance(value, str) or not is_bcrypt(value):
        raise _Fault(f"passwordHash is not a bcrypt hash with a cost of 4 to {MAX_BCRYPT_COST}")
    return value


def _earlier_id(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= MAX_EARLIER_ID):
        return value
    raise _Fault(f"id is not a text of 1 to {MAX_EARLIER_ID} characters")
