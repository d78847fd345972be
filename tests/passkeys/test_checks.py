"""Passkeys and codes that someone has edited prove nothing, and the audit names them."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.passkeys import keys
from service.storage.keys import Key
from service.storage.writes import REPLACE, Put, Update
from tests.doubles.authenticator import Authenticator
from tests.doubles.service_harness import BOSS, ServiceHarness
from tests.passkeys.operator_browser import (
    ADJUST,
    EVE,
    GRANT,
    PASSKEYS,
    OperatorBrowser,
    outcome,
)

UNSEALED = "is not as this service wrote it (its MAC does not hold)"


def edited(world: ServiceHarness, key: Key, **values: Any) -> None:
    world.table.write(Update(key, REPLACE, set=values))


def faults(world: ServiceHarness) -> list[tuple[str, str]]:
    return [(violation.item, violation.what) for violation in world.audit().violations]


def stored(world: ServiceHarness, operator_id: str) -> Mapping[str, Any]:
    item: Any = world.table.get(keys.passkeys(operator_id))
    return dict(item)


def test_what_the_service_wrote_is_clean(boss: OperatorBrowser, world: ServiceHarness) -> None:
    boss.enrol()
    boss.prove()
    boss.code()
    assert faults(world) == []


@pytest.mark.parametrize("change", ["count", "another key", "moved", "malformed"])
def test_edited_passkeys_prove_nothing_and_are_named(
    boss: OperatorBrowser, eve: OperatorBrowser, world: ServiceHarness, change: str
) -> None:
    boss.enrol()
    boss.prove()
    key = keys.passkeys(BOSS)
    (passkey,) = stored(world, BOSS)["passkeys"]
    match change:
        case "count":
            edited(world, key, passkeys=({**passkey, "signCount": 0},))
        case "another key":
            edited(world, key, passkeys=({**passkey, "publicKey": b"k"},))
        case "moved":
            eve.enrol()
            hers = stored(world, EVE)
            moved = {name: hers[name] for name in ("operatorId", "passkeys", "mac")}
            world.table.write(Put(key, moved, REPLACE))
        case "malformed":
            edited(world, key, passkeys=("x",))
    damaged = (409, "PASSKEYS_DAMAGED")
    assert outcome(boss.post(ADJUST, GRANT))[:2] == damaged
    assert outcome(boss.get(PASSKEYS))[:2] == damaged
    (item, _), *_ = faults(world)
    assert item == str(key)


def test_an_edited_code_enrols_nothing_and_is_named(
    boss: OperatorBrowser, eve: OperatorBrowser, world: ServiceHarness
) -> None:
    code = boss.code()
    (item,) = (each for each in world.items() if each["SK"]["S"] == "CODE")
    key = Key.of_raw_item(item)
    edited(world, key, operatorId=EVE)
    credential = Authenticator().create(eve.options("enrol"))
    found = outcome(eve.post(PASSKEYS, eve.enrolment(code, credential)))
    assert found[:2] == (403, "ENROLMENT_CODE_REFUSED")
    assert faults(world) == [(str(key), UNSEALED)]


def test_a_used_challenge_without_an_end_is_named(
    boss: OperatorBrowser, world: ServiceHarness
) -> None:
    boss.enrol()
    (item,) = (each for each in world.items() if each["SK"]["S"] == "USED")
    key = Key.of_raw_item(item)
    edited(world, key, expiresAt=0)
    assert faults(world) == [(str(key), "its expiresAt is no time")]
