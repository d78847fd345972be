"""The audit finds every kind of damage, names the item, and takes nothing in flight for damage."""

import re
from typing import Any

import pytest

from service.providers.base import Declined, TaskStatus, Unclear, Why
from tests.doubles.world import World


@pytest.fixture
def world(client: Any, table_name: str) -> World:
    """A delivered, a failed, a rejected and two open jobs of two users."""
    world = World(client, table_name, welcome_credits=10)
    delivered = world.place(key="k1").job.job_id
    failed = world.place().job.job_id
    world.provider.book(delivered, TaskStatus.SUCCEEDED)
    world.provider.book(failed, TaskStatus.FAILED)
    world.work_until(60)
    world.provider.creates = [Unclear(), Declined(Why.IMAGE)]
    world.place("bob", "laptop")
    with pytest.raises(Exception, match="image"):
        world.place("bob", "laptop")
    world.place("bob", "laptop")
    return world


def key(world: World, sk: str, user_id: str = "ann", has: str = "PK") -> dict[str, Any]:
    """The key of the first such item that has a certain attribute."""
    mine = [item for item in world.items() if item["PK"]["S"] == f"USER#{user_id}" and has in item]
    found = next(item for item in mine if item["SK"]["S"].startswith(sk))
    return {"PK": found["PK"], "SK": found["SK"]}


def change(world: World, where: dict[str, Any], expression: str, **values: Any) -> None:
    names = {name: name.lstrip("#") for name in re.findall(r"#\w+", expression)}
    world.client.update_item(
        TableName=world.table._name,
        Key=where,
        UpdateExpression=expression,
        **({"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}),
        **({"ExpressionAttributeNames": names} if names else {}),
    )


def violations(world: World) -> list[str]:
    return [f"{violation.item}: {violation.what}" for violation in world.audit().violations]


def test_a_healthy_table_is_proved_and_counted(world: World) -> None:
    audit = world.audit()
    assert audit.violations == ()
    assert (audit.users, audit.entries, audit.jobs, audit.claims, audit.idempotency_keys) == (2, 10, 5, 4, 1)


@pytest.mark.parametrize("name", ["credits", "held", "granted", "captured", "expired", "clawedBack", "debt", "version"])
def test_a_changed_balance_is_found(world: World, name: str) -> None:
    change(world, key(world, "METADATA"), f"SET #{name} = #{name} + :n", n={"N": "1"})
    assert any("USER#ann/METADATA" in violation for violation in violations(world))


@pytest.mark.parametrize("name", ["amount", "credits", "held"])
def test_a_changed_entry_is_found_and_named(world: World, name: str) -> None:
    change(world, key(world, "ENTRY#000000000002"), f"SET #{name} = #{name} + :n", n={"N": "1"})
    assert any("USER#ann/ENTRY#000000000002" in violation for violation in violations(world))


@pytest.mark.parametrize(
    ("name", "value"), [("ref", "job_other"), ("at", "2026-01-01T00:00:00.000Z"), ("kind", "GRANT")]
)
def test_a_rewritten_entry_breaks_its_mac(world: World, name: str, value: str) -> None:
    change(world, key(world, "ENTRY#000000000001"), f"SET #{name} = :v", v={"S": value})
    assert any("MAC does not hold" in violation for violation in violations(world))


def test_an_editor_who_makes_the_sums_fit_is_still_found(world: World) -> None:
    """Wallet and entry changed together: only the chain tells."""
    change(world, key(world, "METADATA"), "SET credits = credits + :n, granted = granted + :n", n={"N": "5"})
    change(world, key(world, "METADATA"), "SET lots = :l", l={"L": []})
    assert violations(world) != []


def test_a_missing_entry_is_found(world: World) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "ENTRY#000000000003"))
    assert any("missing" in violation for violation in violations(world))


def test_a_truncated_ledger_is_found(world: World) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "ENTRY#000000000005"))
    assert any("the wallet is at version 5" in violation for violation in violations(world))


def test_a_missing_job_is_found(world: World) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "JOB#", has="videoUrl"))
    found = violations(world)
    assert any("a job that does not exist" in violation for violation in found)
    assert any("which does not exist" in violation for violation in found)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET #status = :s", {"s": {"S": "SUBMITTED"}}),
        ("REMOVE videoUrl", {}),
        ("SET price = :n", {"n": {"N": "2"}}),
        ("SET GSI2PK = :p, GSI2SK = :t", {"p": {"S": "DUE#0"}, "t": {"S": "0000000000001"}}),
        ("SET houseLoss = :n", {"n": {"N": "1"}}),
    ],
)
def test_a_delivered_job_that_was_changed_is_found(world: World, expression: str, values: dict[str, Any]) -> None:
    change(world, key(world, "JOB#", has="videoUrl"), expression, **values)
    assert any("/JOB#" in violation for violation in violations(world))


def test_an_open_job_that_left_the_index_is_found(world: World) -> None:
    change(world, key(world, "JOB#", "bob", has="GSI2PK"), "REMOVE GSI2PK, GSI2SK")
    assert any("due entry" in violation for violation in violations(world))


def test_a_wrong_count_is_found(world: World) -> None:
    change(world, {"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}}, "SET #count = :n", n={"N": "7"})
    assert any("count is 7, there are 2" in violation for violation in violations(world))


@pytest.mark.parametrize("prefix", ["FINGERPRINT#", "IDENTITY#"])
def test_a_missing_claim_is_found(world: World, prefix: str) -> None:
    claim = next(item for item in world.items() if item["PK"]["S"].startswith(prefix))
    world.client.delete_item(TableName=world.table._name, Key={"PK": claim["PK"], "SK": claim["SK"]})
    assert any("a claim of this user" in violation for violation in violations(world))


def test_a_claim_without_a_user_is_found(world: World) -> None:
    item = {"PK": {"S": "FINGERPRINT#x"}, "SK": {"S": "CLAIM"}, "userId": {"S": "ghost"}, "at": {"S": "x"}}
    world.client.put_item(TableName=world.table._name, Item=item)
    assert violations(world) == ["FINGERPRINT#x/CLAIM: belongs to a user without a wallet"]


def test_an_item_nobody_can_read_is_a_violation_and_no_crash(world: World) -> None:
    change(world, key(world, "JOB#"), "SET #status = :s", s={"S": "DANCING"})
    assert any("cannot be read" in violation for violation in violations(world))


def test_what_moves_while_it_is_read_is_no_violation(client: Any, table_name: str, world: World) -> None:
    """Another process places a job between every two reads of the audit."""
    other = World(client, table_name, clock=world.clock, welcome_credits=10)
    places = iter(range(6))

    def move(operation: str) -> None:
        if operation == "Query" and next(places, None) is not None:
            other.place("ann", "phone")

    world.wire().before(move)
    audit = world.audit()
    assert audit.violations == ()
    assert audit.in_flight <= 1
