"""A movement's alerts are written with it: once per crossing, and nothing otherwise."""

import json
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.ledger.claw_backs import claw_back
from service.ledger.lots import LotKind
from service.ledger.movements import adjust, grant
from service.ledger.operations import Proposal, Snapshot
from service.providers.base import TaskStatus
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.people import CAT, PAM, cognito, google, session
from tests.doubles.raw_client import RawClient
from tests.erasure.lives import erased
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import NotifyingHarness

DAY = 24 * 3600 * 1000


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    world = NotifyingHarness(memory, memory.name, welcome_credits=5)
    world.endpoint()
    world.finish()
    return world


def move(world: NotifyingHarness, change: Any) -> None:
    def propose(snapshot: Snapshot, now: int) -> Proposal:
        return Proposal(change(snapshot.wallet, now))

    world.ledger.move("ann", propose, lambda _: False)


def bodies(world: NotifyingHarness) -> list[dict[str, Any]]:
    return [json.loads(item["body"]["S"]) for item in world.items_of("OUTBOX#")]


def created(world: NotifyingHarness) -> list[dict[str, Any]]:
    return [json.loads(item["body"]["S"]) for item in world.sign_up_events()]


def test_every_sign_up_is_one_event_written_with_the_user(memory: MemoryBehind) -> None:
    world = NotifyingHarness(memory, memory.name)
    for who in (google("ann"), cognito(email="cat@gmail.com"), session(PAM, "pam@gmail.com")):
        for _ in range(2):
            world.users.sign_up(who, world.users.digests(f"device of {who.subject}"))
    found = sorted(created(world), key=lambda body: str(body["data"]["provider"]))
    assert [(body["type"], body["data"]) for body in found] == [
        (
            "user.created",
            {
                "userId": user_id,
                "provider": provider,
                "subscriptionStatus": "none",
                "welcomed": True,
                "returning": False,
            },
        )
        for user_id, provider in (
            (CAT, "cognito"),
            ("ann", "https://accounts.google.com"),
            (PAM, "password"),
        )
    ]


def test_whoever_returns_after_an_erasure_is_an_event_of_its_own(memory: MemoryBehind) -> None:
    world = NotifyingHarness(memory, memory.name)
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    first = world.sign_up_events()
    erased(world, "ann")
    assert world.sign_up_events() == []
    world.clock.advance(1)
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    (second,) = created(world)
    assert (second["type"], second["data"]["returning"]) == ("user.created", True)
    assert world.sign_up_events()[0]["SK"] != first[0]["SK"]


def test_nothing_is_written_for_a_user_who_has_set_no_threshold(world: NotifyingHarness) -> None:
    for _ in range(4):
        world.finish()
    assert world.balance() == (0, 0, 5)
    assert world.items_of("OUTBOX#") == []


def test_a_balance_that_falls_below_the_threshold_is_one_event(world: NotifyingHarness) -> None:
    world.low_balance.set("ann", 3 * SCALE)
    world.finish()
    assert bodies(world) == []
    world.finish()
    world.finish()
    assert [(body["type"], body["data"]) for body in bodies(world)] == [
        ("credits.low", {"userId": "ann", "taken": False, "credits": 2, "held": 0, "threshold": 3})
    ]
    world.settle()
    assert world.receivers.types == ["credits.low"]


def test_held_credits_count_until_they_are_spent(world: NotifyingHarness) -> None:
    """Jobs that fail cross nothing, however many there are."""
    world.low_balance.set("ann", 4 * SCALE)
    for _ in range(3):
        world.finish(TaskStatus.FAILED)
    assert world.items_of("OUTBOX#") == []


def test_each_crossing_is_an_event_of_its_own(world: NotifyingHarness) -> None:
    world.low_balance.set("ann", 4 * SCALE)
    world.finish()
    move(world, lambda wallet, now: grant(wallet, LotKind.PAID, 2 * SCALE, None, "more", now))
    world.finish()
    world.finish()
    assert [body["data"]["credits"] for body in bodies(world)] == [3, 3]
    world.settle()
    assert len(set(world.receivers.event_ids)) == 2


def test_credits_that_are_taken_back_cross_it_too(world: NotifyingHarness) -> None:
    world.low_balance.set("ann", 4 * SCALE)
    move(world, lambda wallet, now: claw_back(wallet, 2 * SCALE, LotKind.PAID, None, "pay_1", now))
    found = {body["type"]: body["data"] for body in bodies(world)}
    assert set(found) == {"credits.clawed_back", "credits.low"}
    assert found["credits.low"]["taken"] is True


@pytest.mark.parametrize(("taken", "balance", "debt"), [(2, 2, 0), (7, 0, 3)])
def test_a_claw_back_is_an_event_that_names_its_payment_and_the_debt(
    world: NotifyingHarness, taken: int, balance: int, debt: int
) -> None:
    details = {"paymentId": "pi_1"}
    move(
        world,
        lambda wallet, now: claw_back(
            wallet, taken * SCALE, LotKind.PAID, None, "purchase:1", now, details=details
        ),
    )
    [body] = bodies(world)
    assert body["type"] == "credits.clawed_back"
    assert body["data"] == {
        "userId": "ann",
        "amount": taken,
        "balance": balance,
        "debt": debt,
        "paymentId": "pi_1",
    }


def test_a_threshold_that_is_taken_away_reports_nothing(world: NotifyingHarness) -> None:
    world.low_balance.set("ann", 4 * SCALE)
    world.low_balance.set("ann", 0)
    world.finish()
    assert world.items_of("OUTBOX#") == []
    assert "lowBalance" not in world.items_of("METADATA")[0]


@pytest.mark.protocol("fifteen-units")
def test_a_threshold_costs_nothing_until_it_is_crossed(
    world: NotifyingHarness, memory: MemoryBehind
) -> None:
    meter = Meter(world.dynamodb, RawClient(memory_client(memory)))
    world.low_balance.set("ann", 3 * SCALE)
    with meter.watch() as above:
        world.finish()
    with meter.watch() as crossing:
        world.finish()
    with meter.watch() as below:
        world.finish()
    assert (above.writes, crossing.writes, below.writes) == (15, 15 + 3, 15)
    assert crossing.calls == above.calls


def test_a_lot_that_expires_leaves_one_notice_for_its_day(world: NotifyingHarness) -> None:
    now = world.clock.now()
    day = now - now % DAY + 20 * DAY
    for hour in (1, 2, 30):
        move(
            world,
            lambda wallet, now, end=day + hour * 3600_000: grant(
                wallet, LotKind.PROMO, SCALE, end, f"g{end}", now
            ),
        )
    notices = world.items_of("EXPIRY#")
    assert [(item["SK"]["S"], int(item["dueAt"]["N"])) for item in notices] == [
        (f"EXPIRY#{day}", day - 7 * DAY),
        (f"EXPIRY#{day + DAY}", day - 6 * DAY),
    ]


def test_a_hold_and_its_release_leave_no_notice(
    world: NotifyingHarness, memory: MemoryBehind
) -> None:
    """The lot is the same one before and after."""
    end = world.clock.now() + 20 * DAY
    move(world, lambda wallet, now: grant(wallet, LotKind.FREE, SCALE, end, "g", now))
    meter = Meter(world.dynamodb, RawClient(memory_client(memory)))
    with meter.watch() as bill:
        world.finish(TaskStatus.FAILED)
    assert bill.writes == 15
    assert len(world.items_of("EXPIRY#")) == 1


def test_the_audit_proves_alerts_and_notices(world: NotifyingHarness) -> None:
    world.low_balance.set("ann", 4 * SCALE)
    world.finish()
    end = world.clock.now() + 20 * DAY
    move(world, lambda wallet, now: grant(wallet, LotKind.PROMO, SCALE, end, "g", now))
    assert world.audit().violations == ()
    world.settle()
    assert world.audit().violations == ()


def test_an_operators_adjustment_is_an_event_and_a_purchase_is_none(
    world: NotifyingHarness,
) -> None:
    details = {"operatorId": "key:desk", "reason": "sorry"}
    move(world, lambda wallet, now: grant(wallet, LotKind.PAID, SCALE, None, "p", now))
    move(
        world,
        lambda wallet, now: adjust(wallet, -2 * SCALE, "adjust:1", now, details=details),
    )
    [body] = bodies(world)
    assert body["type"] == "credits.adjusted"
    assert body["data"] == {
        "userId": "ann",
        "amount": -2,
        "balance": 3,
        "operatorId": "key:desk",
    }


@pytest.fixture
def spender(memory: MemoryBehind) -> NotifyingHarness:
    """A user of two weeks who has spent one credit a day."""
    world = NotifyingHarness(memory, memory.name, welcome_credits=1000, price=14)
    world.endpoint()
    world.finish()
    world.clock.advance(14 * DAY / 1000)
    return world


def test_spending_far_beyond_the_users_own_past_is_one_event_a_day(
    spender: NotifyingHarness,
) -> None:
    spender.finish()
    assert bodies(spender) == []
    for _ in range(4):
        spender.finish()
    [body] = bodies(spender)
    assert (body["type"], body["data"]) == (
        "spending.unusual",
        {"userId": "ann", "spentToday": 28, "usualPerDay": 1},
    )
    spender.settle()
    assert spender.receivers.types == ["spending.unusual"]


def test_a_hold_that_comes_back_and_is_taken_again_is_no_second_event(
    spender: NotifyingHarness,
) -> None:
    spender.finish()
    for _ in range(3):
        spender.finish(TaskStatus.FAILED)
        spender.settle()
    assert spender.receivers.types == ["spending.unusual"]
    assert spender.audit().violations == ()


def test_the_same_spending_is_usual_for_who_always_spends_as_much(memory: MemoryBehind) -> None:
    world = NotifyingHarness(memory, memory.name, welcome_credits=1000, price=14)
    for _ in range(14):
        world.finish()
        world.clock.advance(DAY / 1000)
    for _ in range(4):
        world.finish()
    assert bodies(world) == []


def test_a_new_user_has_no_past_to_compare_with(memory: MemoryBehind) -> None:
    world = NotifyingHarness(memory, memory.name, welcome_credits=1000, price=14)
    for _ in range(6):
        world.finish()
    assert bodies(world) == []
