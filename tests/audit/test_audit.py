"""The audit finds every kind of damage, names the item, and takes nothing in flight for damage."""

import re
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.jobs.checks import UNSEALED
from service.ledger import movements
from service.ledger.entities import Wallet
from service.providers.base import Indeterminate, Rejected, RejectionReason, TaskStatus
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.repair.items import set_within


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """A delivered, a failed, a rejected and two open jobs of two users. In memory: the audit of
    DynamoDB Local is the subject of `test_walk`, `test_traffic` and `test_torn_views`."""
    world = ServiceHarness(memory, memory.name, welcome_credits=10)
    delivered = world.submit(key="k1").job.job_id
    failed = world.submit().job.job_id
    world.provider.book(delivered, TaskStatus.SUCCEEDED)
    world.provider.book(failed, TaskStatus.FAILED)
    world.work_until(60)
    world.provider.creates = [Indeterminate(), Rejected(RejectionReason.IMAGE)]
    world.submit("bob", "laptop")
    with pytest.raises(Exception, match="image"):
        world.submit("bob", "laptop")
    world.submit("bob", "laptop")
    return world


def key(world: ServiceHarness, sk: str, user_id: str = "ann", has: str = "PK") -> dict[str, Any]:
    """The key of the first such item that has a certain attribute."""
    mine = [item for item in world.items() if item["PK"]["S"] == f"USER#{user_id}" and has in item]
    found = next(item for item in mine if item["SK"]["S"].startswith(sk))
    return {"PK": found["PK"], "SK": found["SK"]}


def change(world: ServiceHarness, where: dict[str, Any], expression: str, **values: Any) -> None:
    names = {name: name.lstrip("#") for name in re.findall(r"#\w+", expression)}
    world.client.update_item(
        TableName=world.table._name,
        Key=where,
        UpdateExpression=expression,
        **(
            {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}}
            if values
            else {}
        ),
        **({"ExpressionAttributeNames": names} if names else {}),
    )


def violations(world: ServiceHarness) -> list[str]:
    return [f"{violation.item}: {violation.what}" for violation in world.audit().violations]


def test_a_healthy_table_is_proved_and_counted(world: ServiceHarness) -> None:
    audit = world.audit()
    assert audit.violations == ()
    assert (audit.users, audit.entries, audit.jobs, audit.claims, audit.idempotency_keys) == (
        2,
        10,
        5,
        4,
        1,
    )


@pytest.mark.parametrize(
    "name", ["credits", "held", "granted", "captured", "expired", "clawedBack", "debt", "version"]
)
@pytest.mark.protocol("gapless")
def test_a_changed_balance_is_found(world: ServiceHarness, name: str) -> None:
    change(world, key(world, "METADATA"), f"SET #{name} = #{name} + :n", n={"N": "1"})
    assert any("USER#ann/METADATA" in violation for violation in violations(world))


@pytest.mark.parametrize("name", ["amount", "credits", "held"])
def test_a_changed_entry_is_found_and_named(world: ServiceHarness, name: str) -> None:
    change(world, key(world, "ENTRY#000000000002"), f"SET #{name} = #{name} + :n", n={"N": "1"})
    assert any("USER#ann/ENTRY#000000000002" in violation for violation in violations(world))


@pytest.mark.parametrize(
    ("name", "value"), [("ref", "job_other"), ("at", "2026-01-01T00:00:00.000Z"), ("kind", "GRANT")]
)
@pytest.mark.protocol("forgery-found")
def test_a_rewritten_entry_breaks_its_mac(world: ServiceHarness, name: str, value: str) -> None:
    change(world, key(world, "ENTRY#000000000001"), f"SET #{name} = :v", v={"S": value})
    assert any("MAC does not hold" in violation for violation in violations(world))


@pytest.mark.protocol("forgery-found")
def test_an_editor_who_makes_the_sums_fit_is_still_found(world: ServiceHarness) -> None:
    """Wallet and entry changed together: only the chain shows it."""
    change(
        world,
        key(world, "METADATA"),
        "SET credits = credits + :n, granted = granted + :n",
        n={"N": "5"},
    )
    change(world, key(world, "METADATA"), "SET lots = :l", l={"L": []})
    assert violations(world) != []


@pytest.mark.protocol("gapless")
def test_a_missing_entry_is_found(world: ServiceHarness) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "ENTRY#000000000003"))
    assert any("missing" in violation for violation in violations(world))


@pytest.mark.protocol("truncation-found")
def test_a_truncated_ledger_is_found(world: ServiceHarness) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "ENTRY#000000000005"))
    assert any("the wallet is at version 5" in violation for violation in violations(world))


@pytest.mark.protocol("job-matches")
def test_a_missing_job_is_found(world: ServiceHarness) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "JOB#", has="result"))
    found = violations(world)
    assert any("a job that does not exist" in violation for violation in found)
    assert any("which does not exist" in violation for violation in found)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET #status = :s", {"s": {"S": "SUBMITTED"}}),
        ("REMOVE #result", {}),
        ("SET #held = :n", {"n": {"N": "2"}}),
        ("SET GSI2PK = :p, GSI2SK = :t", {"p": {"S": "DUE#JOB#0"}, "t": {"S": "0000000000001"}}),
        ("SET houseLoss = :n", {"n": {"N": "1"}}),
    ],
)
def test_a_delivered_job_that_was_changed_is_found(
    world: ServiceHarness, expression: str, values: dict[str, Any]
) -> None:
    change(world, key(world, "JOB#", has="result"), expression, **values)
    assert any("/JOB#" in violation for violation in violations(world))


@pytest.mark.protocol("job-matches")
def test_an_open_job_that_left_the_index_is_found(world: ServiceHarness) -> None:
    change(world, key(world, "JOB#", "bob", has="GSI2PK"), "REMOVE GSI2PK, GSI2SK")
    assert any("due entry" in violation for violation in violations(world))


@pytest.mark.protocol("claims-match")
def test_a_wrong_count_is_found(world: ServiceHarness) -> None:
    change(world, {"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}}, "SET #count = :n", n={"N": "7"})
    assert any("count is 7, there are 2" in violation for violation in violations(world))


@pytest.mark.parametrize("prefix", ["FINGERPRINT#", "IDENTITY#"])
@pytest.mark.protocol("claims-match")
def test_a_missing_claim_is_found(world: ServiceHarness, prefix: str) -> None:
    claim = next(item for item in world.items() if item["PK"]["S"].startswith(prefix))
    world.client.delete_item(
        TableName=world.table._name, Key={"PK": claim["PK"], "SK": claim["SK"]}
    )
    assert any("a claim of this user" in violation for violation in violations(world))


@pytest.mark.protocol("claims-match")
def test_a_claim_without_a_user_is_found(world: ServiceHarness) -> None:
    at = {"S": "2026-01-01T00:00:00.000Z"}
    item = {"PK": {"S": "FINGERPRINT#x"}, "SK": {"S": "CLAIM"}, "userId": {"S": "ghost"}, "at": at}
    world.client.put_item(TableName=world.table._name, Item=item)
    assert violations(world) == ["FINGERPRINT#x/CLAIM: belongs to a user without a wallet"]


def test_an_item_of_a_user_without_a_wallet_is_an_orphan_shown_by_one_read_of_the_wallet(
    world: ServiceHarness,
) -> None:
    world.client.delete_item(TableName=world.table._name, Key=key(world, "METADATA"))
    lost = [
        f"{item['PK']['S']}/{item['SK']['S']}"
        for item in world.items()
        if item["PK"]["S"] == "USER#ann"
    ]
    claims = [
        f"{item['PK']['S']}/CLAIM" for item in world.items() if item.get("userId") == {"S": "ann"}
    ]
    change(world, {"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}}, "SET #count = :n", n={"N": "1"})
    wire = world.wire()
    assert sorted(violations(world)) == sorted(
        f"{item}: belongs to a user without a wallet" for item in lost + claims
    )
    assert {sk.partition("/")[2].partition("#")[0] for sk in lost} == {
        *("DATAKEY", "DEVICE", "ENTRY", "IDEMPOTENCY", "JOB", "OUTBOX", "PROFILE")
    }
    # Each prefix that a check names is a query for each user, but none for an orphan.
    assert len(wire.calls) < 40


@pytest.mark.protocol("job-matches")
def test_a_hold_from_other_lots_than_the_job_says_is_found(world: ServiceHarness) -> None:
    where = key(world, "JOB#", has="result")
    job = next(item for item in world.items() if item["SK"] == where["SK"])
    set_within(world, job, {"allocation[0][0]": {"N": "7"}})
    assert violations(world) == [
        f"USER#ann/{where['SK']['S']}: its HOLD took from other lots",
        f"USER#ann/{where['SK']['S']}: {UNSEALED}",
    ]


def test_a_job_in_another_shard_is_found(world: ServiceHarness) -> None:
    where = key(world, "JOB#", "bob", has="GSI2PK")
    job = next(item for item in world.items() if item["SK"] == where["SK"])
    other = "DUE#JOB#0" if job["GSI2PK"] != {"S": "DUE#JOB#0"} else "DUE#JOB#1"
    change(world, where, "SET GSI2PK = :p", p={"S": other})
    assert violations(world) == [
        f"USER#bob/{where['SK']['S']}: its index attributes are not those of its shard and time"
    ]


@pytest.mark.parametrize("name", ["GSI1PK", "GSI1SK"])
def test_a_device_that_the_index_shows_as_something_else_is_found(
    world: ServiceHarness, name: str
) -> None:
    where = key(world, "DEVICE#")
    change(world, where, f"SET {name} = :v", v={"S": "FINGERPRINT#other"})
    assert violations(world) == [
        f"USER#ann/{where['SK']['S']}: its index attributes are not those of its key"
    ]


def test_a_missing_device_and_a_missing_profile_are_found(world: ServiceHarness) -> None:
    where = key(world, "DEVICE#")
    world.client.delete_item(TableName=world.table._name, Key=where)
    world.client.delete_item(TableName=world.table._name, Key=key(world, "PROFILE"))
    assert violations(world) == [
        "USER#ann/PROFILE: is missing",
        f"USER#ann/{where['SK']['S']}: is missing",
    ]


def test_an_entry_beyond_a_wallet_that_does_not_move_is_found(world: ServiceHarness) -> None:
    where = key(world, "ENTRY#000000000005")
    last = next(item for item in world.items() if item | where == item)
    item = {**last, "SK": {"S": "ENTRY#000000000006"}}
    world.client.put_item(TableName=world.table._name, Item=item)
    assert "USER#ann/ENTRY#000000000006: stands beyond the wallet's version" in violations(world)


@pytest.mark.protocol("gapless")
def test_a_balance_that_was_negative_on_the_way_is_found(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is held than was ever granted, and given back: wallet and entries agree on all of it."""
    monkeypatch.setattr(Wallet, "faults", lambda wallet: [])
    monkeypatch.setattr(movements, "remaining", lambda lots: 100 * SCALE)
    other = ServiceHarness(
        None, world.table._name, clock=world.clock, price=30, connected=world.dynamodb
    )
    other.provider.creates = [Rejected(RejectionReason.BUSY)]
    with pytest.raises(Exception, match="busy"):
        other.submit("bob", "laptop")
    assert any("a balance is negative behind it" in violation for violation in violations(world))


@pytest.mark.parametrize(
    ("sk", "expression", "value"),
    [
        ("METADATA", "SET credits = :v", {"S": "8"}),
        ("METADATA", "SET lots = :v", {"L": [{"N": "1"}]}),
        ("METADATA", "REMOVE #version", None),
        ("PROFILE", "REMOVE deviceDigest", None),
        ("ENTRY#000000000003", "SET amount = :v", {"N": "1.0005"}),
        ("ENTRY#000000000003", "SET amount = :v", {"N": "1." + "0" * 36 + "1"}),
        ("ENTRY#000000000005", "REMOVE #allocation", None),
        ("ENTRY#000000000001", "SET #at = :v", {"N": "5"}),
        ("JOB#", "SET #held = :v", {"N": "0.0005"}),
        ("JOB#", "SET #status = :v", {"S": "DANCING"}),
        ("JOB#", "SET taskId = :v", {"N": "5"}),
        ("JOB#", "SET #held = :v", {"BOOL": True}),
        ("IDEMPOTENCY#", "REMOVE bodyHash", None),
        ("IDEMPOTENCY#", "SET jobId = :v", {"B": "eA=="}),
        ("DEVICE#", "SET createdAt = :v", {"NULL": True}),
    ],
)
def test_an_item_no_one_can_read_is_one_violation_and_hides_nothing_else(
    world: ServiceHarness, sk: str, expression: str, value: Any
) -> None:
    where = key(world, sk)
    change(world, where, expression, **({} if value is None else {"v": value}))
    (found,) = violations(world)
    assert found.startswith(f"USER#ann/{where['SK']['S']}: cannot be read")
    other = "ENTRY#000000000002"
    change(world, key(world, other), "SET amount = amount + :n", n={"N": "1"})
    assert any(other in violation for violation in violations(world))
    assert world.audit().users == 2


@pytest.mark.parametrize(
    "item",
    [
        {
            "PK": {"S": "FINGERPRINT#x"},
            "SK": {"S": "CLAIM"},
            "userId": {"N": "5"},
            "at": {"S": "2026"},
        },
        {"PK": {"S": "IDENTITY#x"}, "SK": {"S": "CLAIM"}},
        {"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}, "count": {"S": "2"}},
    ],
)
def test_a_claim_or_count_no_one_can_read_is_one_violation(
    world: ServiceHarness, item: Any
) -> None:
    world.client.put_item(TableName=world.table._name, Item=item)
    (found,) = violations(world)
    assert found.startswith(f"{item['PK']['S']}/{item['SK']['S']}: cannot be read")


def test_a_job_that_says_open_though_its_end_was_there_before_is_found(
    world: ServiceHarness,
) -> None:
    where = key(world, "JOB#", has="result")
    change(world, where, "SET #status = :s", s={"S": "SUBMITTED"})
    assert f"USER#ann/{where['SK']['S']}: SUBMITTED with movements HOLD, CAPTURE" in violations(
        world
    )


def test_damage_to_a_wallet_that_never_stands_still_is_found(
    world: ServiceHarness,
) -> None:
    change(world, key(world, "ENTRY#000000000002"), "SET amount = amount + :n", n={"N": "1"})
    change(world, key(world, "JOB#", has="result"), "REMOVE #result")
    other = ServiceHarness(world.where, world.table._name, clock=world.clock, welcome_credits=10)
    moves = iter(range(8))

    def submit_another(_: str) -> None:
        if next(moves, None) is not None:
            other.submit("ann", "phone")

    world.wire().before(submit_another)
    found = violations(world)
    assert any("ENTRY#000000000002: its MAC does not hold" in violation for violation in found)
    assert any("charged without a result" in violation for violation in found)
