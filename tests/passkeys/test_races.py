"""On DynamoDB Local: a challenge and a code count once, however many requests bring them at
once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.app import create_app
from service.identity.operations import Identity
from tests.doubles.authenticator import Authenticator
from tests.doubles.meter import Meter
from tests.doubles.service_harness import BOSS, ServiceHarness
from tests.identity.operators_app import Tokens
from tests.passkeys.operator_browser import (
    ADJUST,
    EVE,
    GRANT,
    PASSKEYS,
    REASON,
    URL,
    OperatorBrowser,
    outcome,
)

AT_ONCE = 10


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    world = ServiceHarness(client, table_name, public_url=URL, admin_subjects=(BOSS, EVE))
    world.submit("ann")
    world.parts.get(Identity)._tokens = Tokens(world.clock)
    return world


def at_once(call: Callable[[int], tuple[int, Any]]) -> list[tuple[int, str, str]]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [outcome(each) for each in threads.map(call, range(AT_ONCE))]


def browsers(boss: OperatorBrowser) -> list[OperatorBrowser]:
    """The same operator, each with a client of their own."""
    app = create_app(boss.world.parts)
    return [OperatorBrowser(boss.world, app.test_client()) for _ in range(AT_ONCE)]


def test_a_challenge_makes_one_proof(boss: OperatorBrowser) -> None:
    boss.authenticator = Authenticator(step=0)
    boss.enrol()
    credential = boss.authenticator.get(boss.options("prove"))
    each = browsers(boss)
    found = at_once(lambda number: each[number].try_proof(credential))
    assert [status for status, _, _ in found].count(200) == 1
    assert {one for one in found if one[0] != 200} <= {
        (403, "PASSKEY_REFUSED", "challenge"),
        (503, "STORAGE_UNAVAILABLE", ""),
    }


def test_a_code_enrols_one_passkey(boss: OperatorBrowser) -> None:
    code, each = boss.code(), browsers(boss)
    bodies = [
        boss.enrolment(code, Authenticator().create(boss.options("enrol")), f"key {number}")
        for number in range(AT_ONCE)
    ]
    found = at_once(lambda number: each[number].post(PASSKEYS, bodies[number]))
    assert [status for status, _, _ in found].count(200) == 1
    assert len(boss.get(PASSKEYS)[1]["data"]["passkeys"]) == 1
    assert boss.world.audit().violations == ()


def test_the_last_two_passkeys_are_not_both_removed(boss: OperatorBrowser) -> None:
    first = boss.enrol("one")
    boss.prove()
    own = boss.authenticator
    boss.authenticator = Authenticator()
    second = boss.enrol("two")
    boss.authenticator = own
    each = browsers(boss)

    def remove(number: int) -> tuple[int, Any]:
        each[number].proof = boss.proof
        passkey_id = (first, second)[number % 2]
        return each[number].post(f"{PASSKEYS}/{passkey_id}/remove", {"reason": REASON})

    assert [status for status, _, _ in at_once(remove)].count(200) == 1
    assert len(boss.get(PASSKEYS)[1]["data"]["passkeys"]) == 1


def test_a_second_factor_costs_a_person_one_read_and_a_machine_none(
    boss: OperatorBrowser, client: Any
) -> None:
    boss.enrol()
    boss.prove()
    with Meter(boss.world.dynamodb, client).watch() as bill:
        assert boss.post(ADJUST, GRANT)[0] == 200
    proved = bill.calls
    with Meter(boss.world.dynamodb, client).watch() as bill:
        assert boss.signed(ADJUST, GRANT)[0] == 200
    assert bill.calls[0] == "PutItem"
    assert (proved[0], proved[1:]) == ("GetItem", bill.calls[1:])
