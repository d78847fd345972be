"""Bringing in the accounts of an earlier system."""

import json
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from service.core.amounts import SCALE
from service.ledger.entities import InsufficientCredits
from service.passwords.commands import import_accounts
from service.passwords.entities import InvalidCredentials
from service.storage.objects import MAX_BYTES, Stored
from tests.doubles.service_harness import ServiceHarness, order
from tests.passwords.people import EMAIL, OTHER_PASSWORD, PASSWORD, People
from tests.passwords.test_import_lines import line

OLD = "old horse battery"
OLD_HASH = bcrypt.hashpw(OLD.encode(), bcrypt.gensalt(4)).decode()
DEVICE = "phone"


def earlier(email: str = EMAIL, **fields: Any) -> bytes:
    return line(email=email, passwordHash=OLD_HASH, **fields)


class Command:
    """Runs the command over the parts of a world."""

    def __init__(self, world: ServiceHarness, folder: Path) -> None:
        self._world = world
        self._file = folder / "accounts.jsonl"
        self.results = folder / "results.jsonl"

    def __call__(self, *lines: bytes, options: tuple[str, ...] = ()) -> int:
        self._file.write_bytes(b"\n".join(lines))
        arguments = [str(self._file), *options]
        code = import_accounts.main(arguments, standalone_mode=False, obj=lambda: self._world.parts)
        return int(code)


@pytest.fixture
def command(world: ServiceHarness, tmp_path: Path) -> Command:
    return Command(world, tmp_path)


def counts(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return {outcome: count for outcome, count in found.items() if count}


def test_the_password_of_the_earlier_system_signs_in_and_gets_a_hash_of_ours(
    command: Command, people: People, world: ServiceHarness
) -> None:
    assert command(earlier()) == 0

    principal = people.sign_in(password=OLD)

    credentials = people.accounts.find(EMAIL)
    assert credentials is not None
    assert credentials.user_id == principal.subject
    assert (people.accounts.open_hash(credentials) or "").startswith("$argon2id$")
    assert people.sign_in(password=OLD)
    with pytest.raises(InvalidCredentials):
        people.sign_in(password=PASSWORD)
    assert people.mails() == []
    assert world.audit().violations == ()


def test_an_import_claims_the_mailbox(command: Command, people: People) -> None:
    command(earlier("a.nn@gmail.com"))

    people.register("ann@googlemail.com")
    assert [mail.template for mail in people.mails()] == ["account_exists"]

    people.request_reset("a.nn@gmail.com")
    people.resets.reset(people.token("password_reset"), OTHER_PASSWORD)
    assert people.sign_in("ann@gmail.com", OTHER_PASSWORD)


def test_a_second_run_changes_nothing(
    command: Command, people: People, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    command(earlier(), earlier("bob@example.org"))
    people.sign_in(password=OLD)
    before = world.items()
    capsys.readouterr()

    assert command(earlier(), earlier("bob@example.org")) == 0

    assert world.items() == before
    assert counts(capsys) == {"alreadyThere": 2}


@pytest.mark.parametrize(("welcomed", "granted"), [(True, 0), (False, 3 * SCALE)])
def test_the_welcome_comes_once_whichever_system_had_it(
    command: Command, people: People, world: ServiceHarness, welcomed: bool, granted: int
) -> None:
    for _ in range(2):
        command(earlier(welcomed=welcomed))
    user = people.sign_in(password=OLD)
    assert world.wallet(user.subject).granted == 0

    snapshot = world.ledger.read_snapshot(user.subject)
    for device in (DEVICE, "tablet"):
        snapshot = world.users.welcomed(user, world.users.digests(device), snapshot)

    assert world.wallet(user.subject).granted == granted
    assert world.wallet(user.subject).welcomed
    assert world.audit().violations == ()


def test_who_has_had_the_welcome_buys_before_they_spend(
    command: Command, people: People, world: ServiceHarness
) -> None:
    command(earlier())
    user = people.sign_in(password=OLD)

    with pytest.raises(InsufficientCredits):
        world.submit(user.subject, DEVICE)


def test_a_bad_file_imports_nothing_and_names_its_lines(
    command: Command, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(earlier(), b"{}", earlier("bob@example.org"), earlier()) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "line 2: it lacks email, emailVerified, passwordHash",
        "line 4: its mailbox is that of line 1",
        "2 good lines, 2 bad. Nothing was imported.",
    ]
    assert world.items() == []


def test_the_good_lines_of_a_bad_file_are_imported_on_request(
    command: Command, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command(b"{}", earlier(), earlier("bob@example.org"), options=("--skip-bad-lines",))

    assert code == 1
    assert counts(capsys) == {"imported": 2, "bad": 1}
    assert world.count() == 2


def test_a_check_imports_nothing(command: Command, world: ServiceHarness) -> None:
    assert command(earlier(), options=("--check",)) == 0
    assert command(b"{}", options=("--check", "--skip-bad-lines")) == 1
    assert world.items() == []


def test_a_file_with_too_many_lines_is_refused(command: Command, world: ServiceHarness) -> None:
    assert command(b"\n" * 100_001) == 1
    assert world.items() == []


class OneObject:
    """A bucket with one object."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, key: str) -> Stored | None:
        return Stored(self._body, "tag") if key == "move/accounts.jsonl" else None


@pytest.mark.parametrize(
    ("key", "body", "code", "said"),
    [
        ("move/accounts.jsonl", earlier(), 0, ""),
        ("move/other.jsonl", earlier(), 2, "there is no such object"),
        ("move/accounts.jsonl", b"\n" * MAX_BYTES, 2, "bytes or more"),
    ],
)
def test_a_file_may_lie_in_a_bucket(
    world: ServiceHarness,
    capsys: pytest.CaptureFixture[str],
    key: str,
    body: bytes,
    code: int,
    said: str,
) -> None:
    parts = copy(world.parts)
    parts.core = replace(world.parts.core, open_bucket=lambda _: OneObject(body))

    arguments = [f"s3://exports/{key}"]
    assert import_accounts.main(arguments, standalone_mode=False, obj=lambda: parts) == code

    assert said in capsys.readouterr().err
    assert world.count() == (1 if code == 0 else 0)


def test_a_file_that_is_not_there_is_said(
    world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    code = import_accounts.main(["no-such-file"], standalone_mode=False, obj=lambda: world.parts)
    assert code == 2
    assert "no-such-file cannot be read" in capsys.readouterr().err


def test_an_address_that_is_not_verified_is_not_claimed(
    command: Command, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(earlier(emailVerified=False)) == 0

    assert counts(capsys) == {"notVerified": 1}
    assert world.items() == []


def test_the_account_of_another_sign_in_keeps_its_mailbox(
    command: Command, people: People, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    who = order("gil").principal
    world.users.sign_up(
        type(who)(who.issuer, "gil", EMAIL, email_verified=True), world.users.digests(DEVICE)
    )
    before = world.items()

    assert command(earlier()) == 0

    assert counts(capsys) == {"mailboxTaken": 1}
    assert world.items() == before
    with pytest.raises(InvalidCredentials):
        people.sign_in(password=OLD)


def test_whoever_has_changed_the_password_since_keeps_it(command: Command, people: People) -> None:
    command(earlier())
    people.resets.change(people.sign_in(password=OLD), OLD, OTHER_PASSWORD)

    command(earlier())

    assert people.sign_in(password=OTHER_PASSWORD)


def test_results_lead_from_the_earlier_system_s_ids_to_ours(
    command: Command, people: People
) -> None:
    lines = earlier(id="17"), earlier("bob@example.org", emailVerified=False)
    for _ in range(2):
        command(*lines, options=("--results", str(command.results)))

    text = command.results.read_text()
    ann, bob, ann_again, _ = map(json.loads, text.splitlines())
    user_id = people.sign_in(password=OLD).subject
    assert ann == {"line": 1, "id": "17", "userId": user_id, "outcome": "imported"}
    assert bob == {"line": 2, "id": None, "userId": None, "outcome": "notVerified"}
    assert ann_again == ann | {"outcome": "alreadyThere"}
    assert "@" not in text


def test_the_cap_on_users_stops_the_import_and_a_second_run_goes_on(
    command: Command, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [earlier(f"user-{number}@example.org") for number in range(35)]

    assert command(*lines) == 2

    printed = capsys.readouterr()
    assert "Stopped at line 34 by SYSTEM_LIMIT_REACHED" in printed.err
    assert json.loads(printed.out)["imported"] == 33
    assert world.count() == 33


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "late"])
def test_a_lost_response_imports_an_account_once(
    command: Command, people: People, world: ServiceHarness, fault: str
) -> None:
    wire = world.wire()
    wire.plan("TransactWriteItems", fault)

    codes = [command(earlier(), earlier("bob@example.org")) for _ in range(2)]

    wire.deliver_late()
    wire.leave()
    assert codes[-1] == 0
    assert world.count() == 2
    assert people.sign_in(password=OLD)
    assert world.audit().violations == ()


def test_an_outage_stops_the_import_and_a_second_run_goes_on(
    command: Command, world: ServiceHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [earlier(f"user-{number}@example.org") for number in range(4)]
    wire = world.wire()
    wire.plan("GetItem", "unreachable", skip=2, times=20)
    assert command(*lines) == 2
    wire.leave()
    assert "Stopped at line 3 by STORAGE_UNAVAILABLE" in capsys.readouterr().err
    assert world.count() == 2

    assert command(*lines) == 0

    assert counts(capsys) == {"imported": 2, "alreadyThere": 2}


def test_whoever_has_erased_their_account_is_not_brought_back(
    people: People, world: ServiceHarness, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command(earlier())
    user_id = people.sign_in(password=OLD).subject
    people.accounts.erase(user_id)
    capsys.readouterr()

    assert command(earlier()) == 0

    assert counts(capsys) == {"mailboxTaken": 1}
    with pytest.raises(InvalidCredentials):
        people.sign_in(password=OLD)
