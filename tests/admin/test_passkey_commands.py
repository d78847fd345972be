"""`farebox passkey-code`, `passkeys` and `remove-passkey`: by signed requests, so no passkey is
needed."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from service.app import create_app
from service.core.clock import SystemClock
from service.core.principal import Principal
from service.identity.entities import GOOGLE
from service.identity.operations import Identity
from tests.doubles.service_harness import BOSS, ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.passkeys.operator_browser import PASSKEYS, URL, OperatorBrowser


@dataclass(frozen=True)
class OneSignIn:
    """Any token is the operator's, of one sign-in."""

    at: int

    def verify(self, token: str) -> Principal:
        del token
        return Principal(GOOGLE, "boss", authenticated_at=self.at)


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """In real time, because the commands sign by their own clock."""
    world = ServiceHarness(memory, memory.name, public_url=URL, clock=SystemClock())
    world.parts.get(Identity)._tokens = OneSignIn(world.clock.now())
    return world


def last_line(out: str) -> str:
    """Behind the log lines of the service, which runs in this process."""
    return out.strip().splitlines()[-1]


def test_a_code_is_made_and_the_passkey_listed_and_removed(
    world: ServiceHarness, farebox: Any
) -> None:
    code, out, messages = farebox("passkey-code", BOSS, "--reason", "A new laptop.")
    assert code == 0, messages
    assert BOSS in messages
    boss = OperatorBrowser(world, create_app(world.parts).test_client())
    credential = boss.authenticator.create(boss.options("enrol"))
    status, enrolled = boss.post(PASSKEYS, boss.enrolment(last_line(out), credential))
    assert status == 200, enrolled
    passkey_id = enrolled["data"]["passkey"]["passkeyId"]
    code, out, _ = farebox("passkeys", BOSS)
    assert code == 0
    assert passkey_id in out
    assert "laptop" in out
    assert farebox("remove-passkey", BOSS, passkey_id, "--reason", "It was lost.")[0] == 0
    code, out, _ = farebox("passkeys", BOSS, "--json")
    assert json.loads(last_line(out))["data"] == {"operatorId": BOSS, "passkeys": []}


def test_an_unknown_passkey_is_refused(farebox: Any) -> None:
    code, _, messages = farebox("remove-passkey", BOSS, "psk_x", "--reason", "It was lost.")
    assert code == 1
    assert "PASSKEY_NOT_FOUND" in messages
