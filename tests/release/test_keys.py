"""`release/keys` and `release/rotate`: the keys of a deployment."""

import json

import pytest

from release.rotated import new_access_token_key, rotated
from service.core.keyring import read_keyring
from service.core.settings import CoreSettings
from service.identity.access_token_keys import access_token_keys_of_secret
from tests.release.machine import Machine, Run

KEYS = {
    "fingerprintPeppers": {"1": "p" * 40},
    "ledgerMacKey": "m" * 40,
    "callbackTokenKeys": ["t" * 40],
}


def test_the_first_deployment_makes_valid_keys_and_never_prints_them(
    first: Run,
) -> None:
    done, account = first
    [keys] = account["secrets"]["arn:keys"].values()
    settings = CoreSettings(keys_secret_name="keys")
    keyring = read_keyring(settings, lambda _: keys)
    made = {keyring.mac_key.decode(), keyring.peppers[0].key.decode(), keyring.token_keys[0]}
    assert len(made) == 3
    [access] = account["secrets"]["arn:access-tokens"].values()
    assert len(access_token_keys_of_secret(access, production=True).keys) == 1
    made.add(json.loads(access)["keys"][0]["d"])
    assert not any(key in done.stdout + done.stderr for key in made)


def test_two_releases_at_the_same_time_set_one_set_of_keys(deployed: Machine) -> None:
    before = deployed.account["secrets"]
    deployed.set(blind=True)
    assert "they stay" in deployed.run("keys").stderr
    assert deployed.account["secrets"] == before


def test_a_table_with_users_never_gets_new_keys(machine: Machine) -> None:
    machine.set(users=7)
    done = machine.run("deploy")
    assert done.returncode == 1
    assert "Restore them" in done.stderr
    assert machine.account["executed"] == ["farebox-dev-data"]
    assert "arn:keys" not in machine.account["secrets"]
    assert "arn:access-tokens" not in machine.account["secrets"]


@pytest.mark.parametrize("step", ["add-token-key", "use-token-key", "drop-token-key", "add-pepper"])
def test_no_rotation_changes_the_mac_key_or_removes_a_pepper(step: str) -> None:
    before = KEYS | {"callbackTokenKeys": ["a" * 40, "b" * 40]} if step != "add-token-key" else KEYS
    after = rotated(before, step)
    assert after["ledgerMacKey"] == KEYS["ledgerMacKey"]
    assert after["fingerprintPeppers"]["1"] == KEYS["fingerprintPeppers"]["1"]
    assert after != before


def test_a_token_key_rotation_keeps_the_old_key_until_the_last_step() -> None:
    added = rotated(KEYS, "add-token-key")
    used = rotated(added, "use-token-key")
    dropped = rotated(used, "drop-token-key")
    old, new = added["callbackTokenKeys"]
    assert (old, used["callbackTokenKeys"], dropped["callbackTokenKeys"]) == (
        "t" * 40,
        [new, old],
        [new],
    )


def test_an_access_token_key_rotation_keeps_the_old_key_until_the_last_step() -> None:
    before = {"keys": [new_access_token_key()]}
    added = rotated(before, "add-access-token-key")
    used = rotated(added, "use-access-token-key")
    dropped = rotated(used, "drop-access-token-key")
    old, new = added["keys"]
    assert (old, used["keys"], dropped["keys"]) == (before["keys"][0], [new, old], [new])
    for keys in (before, added, used, dropped):
        access_token_keys_of_secret(json.dumps(keys), production=True)


def test_a_new_pepper_has_the_highest_version() -> None:
    assert list(rotated(rotated(KEYS, "add-pepper"), "add-pepper")["fingerprintPeppers"]) == [
        "1",
        "2",
        "3",
    ]


def test_a_rotation_step_out_of_order_is_refused() -> None:
    with pytest.raises(SystemExit):
        rotated(KEYS, "use-token-key")
    with pytest.raises(SystemExit):
        rotated(rotated(KEYS, "add-token-key"), "add-token-key")
    one = {"keys": [new_access_token_key()]}
    with pytest.raises(SystemExit):
        rotated(one, "use-access-token-key")
    with pytest.raises(SystemExit):
        rotated(rotated(one, "add-access-token-key"), "add-access-token-key")


def test_a_rotation_step_stores_the_new_keys_and_a_refused_one_stores_nothing(
    deployed: Machine,
) -> None:
    [before] = deployed.account["secrets"]["arn:keys"].values()
    assert deployed.run("rotate", "use-token-key").returncode == 1
    assert list(deployed.account["secrets"]["arn:keys"].values()) == [before]
    done = deployed.run("rotate", "add-token-key")
    assert done.returncode == 0, done.stderr
    *_, after = deployed.account["secrets"]["arn:keys"].values()
    assert json.loads(after)["callbackTokenKeys"][0] == json.loads(before)["callbackTokenKeys"][0]
    assert len(json.loads(after)["callbackTokenKeys"]) == 2


def test_a_step_for_access_tokens_changes_their_secret_alone(deployed: Machine) -> None:
    before = dict(deployed.account["secrets"]["arn:keys"])
    done = deployed.run("rotate", "add-access-token-key")
    assert done.returncode == 0, done.stderr
    *_, after = deployed.account["secrets"]["arn:access-tokens"].values()
    assert len(json.loads(after)["keys"]) == 2
    assert deployed.account["secrets"]["arn:keys"] == before
