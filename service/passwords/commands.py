"""The operators' command on accounts with a password: `farebox import-accounts FILE`."""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from service.core.console import print_message, print_result, stop_on_signal
from service.core.errors import FareboxError
from service.feature import Parts
from service.passwords.import_lines import (
    MAX_LINES,
    EarlierAccount,
    LineFault,
    TooManyLines,
    lines_of,
    read_lines,
)
from service.passwords.imports import AccountImport, Imported, ImportOutcome
from service.storage.objects import MAX_BYTES, ObjectsUnavailable

MAX_SHOWN_FAULTS = 100
_PROGRESS = 1000
_IN_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})")


@click.command(
    short_help="bring in the accounts of an earlier system, with their bcrypt hashes",
    help="Bring in the accounts of an earlier system from a file of JSON lines: email, "
    "emailVerified, passwordHash (bcrypt), and if wanted id and welcomed (true by default: no "
    "welcome credits). The whole file is checked first; with a bad line nothing is imported. "
    "Repeating the command goes on where it stopped. Exits 1 for bad lines, 2 if it did not reach "
    "the end of the file.",
)
@click.argument("file", metavar="FILE|s3://BUCKET/KEY")
@click.option("--check", is_flag=True, help="Check the file, and import nothing.")
@click.option("--skip-bad-lines", is_flag=True, help="Import the others all the same.")
@click.option(
    "--results",
    type=click.File("a", encoding="utf-8"),
    help="Append a JSON line with the user id and the outcome of each line to this file.",
)
@click.pass_obj
def import_accounts(
    parts: Callable[[], Parts],
    file: str,
    check: bool,
    skip_bad_lines: bool,
    results: TextIO | None,
) -> int:
    try:
        with _opened(parts, file) as content:
            lines = read_lines(lines_of(content))
    except TooManyLines:
        print_message(f"The file has more than {MAX_LINES} lines. Split it; nothing was imported.")
        return 1
    except (OSError, ObjectsUnavailable) as error:
        print_message(f"{file} cannot be read; nothing was imported: {error}")
        return 2
    _show(lines.faults)
    is_refused = bool(lines.faults) and not skip_bad_lines
    if check or is_refused:
        print_message(
            f"{len(lines.accounts)} good lines, {len(lines.faults)} bad. Nothing was imported."
        )
        return 1 if lines.faults else 0
    imported = _Import(parts().get(AccountImport), results)
    code = imported.run(lines.accounts)
    print_result(json.dumps(imported.counts() | {"bad": len(lines.faults)}))
    return code or (1 if lines.faults else 0)


def _opened(parts: Callable[[], Parts], file: str) -> BinaryIO:
    """The file, or the object in a bucket. Raises `OSError` and `ObjectsUnavailable`."""
    place = _IN_BUCKET.fullmatch(file)
    if place is None:
        return Path(file).open("rb")
    stored = parts().core.open_bucket(place[1]).read(place[2])
    if stored is None:
        raise FileNotFoundError("there is no such object")
    if len(stored.body) >= MAX_BYTES:
        raise OSError(f"it has {MAX_BYTES} bytes or more")
    return io.BytesIO(stored.body)


def _show(faults: Iterable[LineFault]) -> None:
    for number, fault in enumerate(faults):
        if number == MAX_SHOWN_FAULTS:
            print_message("… and further bad lines.")
            return
        print_message(f"line {fault.line}: {fault.what}")


class _Import:
    """One run over a file that was read."""

    def __init__(self, accounts: AccountImport, results: TextIO | None) -> None:
        self._accounts = accounts
        self._results = results
        self._counts: Counter[ImportOutcome] = Counter()

    def run(self, accounts: Iterable[EarlierAccount]) -> int:
        """The exit code: 2 where it stopped before the end."""
        with stop_on_signal() as stopping:
            for account in accounts:
                if stopping():
                    return _stopped(account, "a signal")
                try:
                    self._note(account, self._accounts.add(account))
                except FareboxError as error:
                    return _stopped(account, f"{error.code}: {error.message}")
        return 0

    def counts(self) -> dict[str, int]:
        return {outcome.value: self._counts[outcome] for outcome in ImportOutcome}

    def _note(self, account: EarlierAccount, imported: Imported) -> None:
        self._counts[imported.outcome] += 1
        done = self._counts.total()
        if done % _PROGRESS == 0:
            print_message(f"{done} lines …")
        if self._results is not None:
            result = {
                "line": account.line,
                "id": account.earlier_id,
                "userId": imported.user_id,
                "outcome": imported.outcome,
            }
            self._results.write(json.dumps(result) + "\n")
            self._results.flush()


def _stopped(account: EarlierAccount, why: str) -> int:
    print_message(
        f"Stopped at line {account.line} by {why}. Run the command again: lines that were imported "
        "stay as they are."
    )
    return 2


COMMANDS = (import_accounts,)
