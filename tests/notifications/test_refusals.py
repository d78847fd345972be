"""Refusals write nothing; their alerts are one item per user, kind and day at most."""

import json

import pytest
from flask import Flask, Response, g

from service.core.amounts import SCALE
from service.core.metrics import NoMetrics
from service.core.principal import Principal
from service.ledger.entities import InsufficientCredits
from service.notifications.refusals import REPEATED_REFUSALS, Refusals
from service.notifications.routes import report_refusals
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.faults.enumeration.tables import MemoryBehind
from tests.faults.library.wire import Wire
from tests.notifications.conftest import NotifyingHarness

CODE = InsufficientCredits.code
DAY = 86_400


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    world = NotifyingHarness(memory, memory.name)
    world.endpoint()
    world.finish()
    return world


def refusals(world: NotifyingHarness) -> Refusals:
    """As another process has them."""
    return Refusals(world.ledger, world.outbox, world.clock, NoMetrics())


def test_a_user_without_a_threshold_costs_one_read_a_day_and_no_write(
    world: NotifyingHarness, memory: MemoryBehind
) -> None:
    meter, refused = Meter(world.dynamodb, RawClient(memory_client(memory))), refusals(world)
    with meter.watch() as bill:
        for _ in range(REPEATED_REFUSALS - 1):
            refused.refused("ann", CODE)
    assert (bill.calls, bill.writes) == (["GetItem"], 0)


def test_lack_of_credits_is_reported_once_a_day_to_who_wants_to_know(
    world: NotifyingHarness, memory: MemoryBehind
) -> None:
    world.low_balance.set("ann", SCALE)
    meter, refused = Meter(world.dynamodb, RawClient(memory_client(memory))), refusals(world)
    with meter.watch() as bill:
        for _ in range(5):
            refused.refused("ann", CODE)
    assert bill.calls == ["GetItem", "PutItem"]
    refusals(world).refused("ann", CODE)
    world.settle()
    assert world.receivers.types == ["credits.insufficient"]
    assert json.loads(world.receivers.sent[0].event.body)["data"] == {
        "userId": "ann",
        "credits": 2,
        "held": 0,
    }
    world.clock.advance(DAY)
    refused.refused("ann", CODE)
    world.settle()
    assert world.receivers.types == ["credits.insufficient"] * 2


@pytest.mark.parametrize("status", [402, 403], ids=["an address of OpenAI's", "any other"])
def test_a_refused_request_is_reported_whatever_address_it_had(
    world: NotifyingHarness, status: int
) -> None:
    world.low_balance.set("ann", SCALE)
    app = Flask(__name__)
    report_refusals(app, refusals(world))

    @app.get("/refused")
    def refuse() -> Response:
        g.principal, g.error_code = Principal("us", "ann"), CODE
        return Response(status=status)

    app.test_client().get("/refused")
    assert len(world.items_of("OUTBOX#")) == 1


def test_another_refusal_is_no_lack_of_credits(world: NotifyingHarness) -> None:
    world.low_balance.set("ann", SCALE)
    refusals(world).refused("ann", "TOO_MANY_REQUESTS")
    assert world.items_of("OUTBOX#") == []


def test_a_user_who_is_refused_again_and_again_is_reported_once_a_day(
    world: NotifyingHarness,
) -> None:
    refused = refusals(world)
    for _ in range(REPEATED_REFUSALS - 1):
        refused.refused("ann", "TOO_MANY_REQUESTS")
    assert world.items_of("OUTBOX#") == []
    for _ in range(50):
        refused.refused("ann", "WALLET_FROZEN")
    world.settle()
    assert world.receivers.types == ["user.refused_repeatedly"]
    assert json.loads(world.receivers.sent[0].event.body)["data"] == {
        "userId": "ann",
        "refusals": REPEATED_REFUSALS,
        "lastCode": "WALLET_FROZEN",
    }


def test_refusals_that_are_spread_over_hours_are_not_reported(world: NotifyingHarness) -> None:
    refused = refusals(world)
    for _ in range(3 * REPEATED_REFUSALS):
        refused.refused("ann", "TOO_MANY_REQUESTS")
        world.clock.advance(300)
    assert world.items_of("OUTBOX#") == []


def test_a_stranger_leaves_nothing_in_the_table(world: NotifyingHarness) -> None:
    """Whoever has a token of the sign-in provider can be refused, and must not fill the table."""
    before = world.items()
    for _ in range(3 * REPEATED_REFUSALS):
        refusals_of_one = world.items()
        refusals(world).refused("stranger", CODE)
        assert world.items() == refusals_of_one
    refused = refusals(world)
    for _ in range(3 * REPEATED_REFUSALS):
        refused.refused("stranger", CODE)
    assert world.items() == before


@pytest.mark.parametrize("call", ["GetItem", "PutItem"])
def test_a_table_that_is_away_does_not_change_the_refusal(
    world: NotifyingHarness, call: str
) -> None:
    world.low_balance.set("ann", SCALE)
    wire = Wire(world.dynamodb)
    wire.plan(call, "unreachable", times=5)
    refusals(world).refused("ann", CODE)
    assert call in wire.calls
