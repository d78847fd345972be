import json
import stat
from pathlib import Path

import pytest

from devstack.environment import stack_environment
from devstack.errors import LocalSetupError
from devstack.folder import LocalFolder, new_keys
from devstack.ports import Ports
from service.app import load_settings
from service.core.keyring import read_keyring


def read_no_secret(name: str) -> str:
    raise AssertionError(name)


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / ".local")


def test_keys_are_made_once_and_only_their_owner_can_read_them(
    folder: LocalFolder, tmp_path: Path
) -> None:
    with folder.held():
        assert folder.keys() == folder.keys()
    assert stat.S_IMODE((tmp_path / ".local" / "keys.json").stat().st_mode) == 0o600
    assert set(new_keys().values()).isdisjoint(new_keys().values())


def test_a_key_that_an_older_version_did_not_know_is_added_and_the_others_stay(
    folder: LocalFolder, tmp_path: Path
) -> None:
    with folder.held():
        before = folder.keys()
        older = {name: key for name, key in before.items() if name != "OPERATOR_KEYS"}
        (tmp_path / ".local" / "keys.json").write_text(json.dumps(older))
        after = folder.keys()
        assert {name: after[name] for name in older} == older
        assert after["OPERATOR_KEYS"] != before["OPERATOR_KEYS"]
        assert folder.keys() == after


def test_the_service_can_use_the_keys() -> None:
    environment = stack_environment({}, Ports(1, 2, 3), new_keys())
    keyring = read_keyring(load_settings(environment).core, read_no_secret)
    assert [pepper.version for pepper in keyring.peppers] == [1]


def test_two_stacks_cannot_hold_one_folder(folder: LocalFolder) -> None:
    with folder.held(), pytest.raises(LocalSetupError, match="already running"), folder.held():
        pass
    with folder.held():
        pass


def test_commands_join_the_running_stack_and_no_other(folder: LocalFolder) -> None:
    with pytest.raises(LocalSetupError, match="is not running"):
        folder.running()
    with folder.held():
        folder.record({"PORT": "8081"})
        assert folder.running() == {"PORT": "8081"}
    with pytest.raises(LocalSetupError, match="is not running"):
        folder.running()


def test_clearing_forgets_everything_but_never_under_a_running_stack(
    folder: LocalFolder, tmp_path: Path
) -> None:
    folder.clear()
    with folder.held():
        folder.keys()
        folder.data.mkdir()
        (folder.data / "table.db").touch()
        with pytest.raises(LocalSetupError, match="stop it first"):
            folder.clear()
        assert (folder.data / "table.db").exists()
    folder.clear()
    assert [path.name for path in (tmp_path / ".local").iterdir()] == ["lock"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LocalSetupError, match="cannot be created"),
        LocalFolder(tmp_path / "file" / ".local").held(),
    ):
        pass
