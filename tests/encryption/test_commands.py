"""Operators rotate one user's data key, and wrap all of them anew."""

from typing import Any

import pytest

from service import cli
from service.encryption.operations import Rewrapped, Rewrapping
from service.storage.data_keys import DataKeys
from service.storage.keys import HOUSE, data_key, user_item
from service.storage.wrapping import Context, LocalWrapping, WrappedKey
from service.storage.writes import Update, When
from service.users.directory import UserDirectory
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import MAC_KEY, PEPPERS, ServiceHarness

NOTE = user_item("ann", "PROFILE")


class OtherWrapping(LocalWrapping):
    """Stands for another KMS key."""

    def wrap(self, plaintext: bytes, context: Context) -> WrappedKey:
        return WrappedKey(super().wrap(plaintext, context).wrapped, "other")

    def wraps(self, key: WrappedKey) -> bool:
        return key.by == "other"


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


@pytest.fixture
def moved(world: ServiceHarness) -> DataKeys:
    """The data keys of a process whose KMS key has been replaced."""
    name, local = world.table._name, LocalWrapping(MAC_KEY)
    return DataKeys(world.table, name, OtherWrapping(b"o" * 32), world.clock, (local,))


def users(world: ServiceHarness, count: int) -> list[str]:
    for number in range(count):
        world.submit(f"user-{number}", f"device-{number}")
    return [f"user-{number}" for number in range(count)]


def test_every_data_key_is_wrapped_anew_and_opens_what_it_did(
    world: ServiceHarness, moved: DataKeys
) -> None:
    names = users(world, 7)
    secret = world.parts.core.data_keys.seal(HOUSE, NOTE, "secret", "whsec")
    progress: list[Rewrapped] = []
    rewrapping = Rewrapping(world.table, moved, world.clock)
    assert rewrapping.run(on_progress=progress.append) == Rewrapped(8, 8)
    assert progress[-1] == Rewrapped(8, 8)
    assert rewrapping.run() == Rewrapped(8, 0)
    alone = DataKeys(world.table, world.table._name, OtherWrapping(b"o" * 32), world.clock)
    directory = UserDirectory(world.table, alone, PEPPERS)
    emails = [profile.email for each in names if (profile := directory.profile(each))]
    assert emails == [f"{each}@example.com" for each in names]
    assert alone.open(HOUSE, NOTE, "secret", secret) == "whsec"
    assert world.audit().violations == ()


def test_a_walk_that_is_stopped_says_so_and_can_be_run_again(
    world: ServiceHarness, moved: DataKeys
) -> None:
    users(world, 2)
    rewrapping = Rewrapping(world.table, moved, world.clock)
    assert rewrapping.run(stopping=lambda: True) == Rewrapped(stopped=True)
    assert rewrapping.run() == Rewrapped(2, 2)


def test_a_rotation_by_command(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users(world, 1)
    _environment(world, monkeypatch)
    assert cli.main(["rotate-data-key", "user-0"]) == 0
    assert capsys.readouterr().out == "The data key of user-0 is at version 2\n"
    profile = world.parts.get(UserDirectory).profile("user-0")
    assert profile is not None
    assert profile.email == "user-0@example.com"


@pytest.mark.parametrize("who", ["nobody", "user-0"])
def test_a_rotation_that_cannot_be_writes_nothing(
    world: ServiceHarness,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    who: str,
) -> None:
    users(world, 1)
    world.parts.core.data_keys.erase("user-0")
    before = world.items()
    _environment(world, monkeypatch)
    assert cli.main(["rotate-data-key", who]) == 1
    assert (capsys.readouterr().out, world.items()) == ("", before)


def test_wrapping_anew_by_command(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users(world, 3)
    _environment(world, monkeypatch)
    assert cli.main(["rewrap-data-keys", "--reads-per-second", "1000"]) == 0
    assert capsys.readouterr().out == "0 keys wrapped anew, of 3 users\n"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"latest": 2}, "cannot be read"),
        ({"keys": "text"}, "cannot be read"),
        ({"erasedAt": "2026-11-29T00:00:00.000Z"}, "cannot be read"),
        ({"latest": 3, "third": True}, "lacks version 2"),
    ],
)
def test_the_audit_names_a_data_key_that_is_not_as_it_was_written(
    world: ServiceHarness, change: dict[str, Any], fault: str
) -> None:
    users(world, 1)
    if "third" in change:
        item = world.table.get(data_key("user-0"))
        assert item is not None
        first: Any = item["keys"]
        change = {"latest": 3, "keys": {"1": first["1"], "3": first["1"]}}
    world.table.write(Update(data_key("user-0"), When(equals={"PK": "USER#user-0"}), set=change))
    (violation,) = world.audit().violations
    assert violation.item == "USER#user-0/DATAKEY"
    assert fault in violation.what


def _environment(world: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = operator_environment(world.where.meta.endpoint_url, world.table._name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
