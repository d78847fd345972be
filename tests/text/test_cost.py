"""What a text costs in DynamoDB: calls and units (docs/text.md)."""

from typing import Any

import pytest

from service.providers.base import RejectionReason
from service.providers.generation import Complete, FinishReason, Output, Refused, TokenUsage
from tests.doubles.meter import Meter
from tests.doubles.service_harness import ServiceHarness
from tests.text.conftest import begin, text_world, write

HOLD = ["GetItem", "TransactWriteItems"]
STORE = ["GetItem", "PutItem"]
CAPTURE = ["TransactGetItems", "TransactWriteItems"]


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    """One who has had a text written, and a data key, before."""
    world = text_world(client, table_name)
    write(world)
    return world


@pytest.fixture
def meter(client: Any, world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, client)


def script(world: ServiceHarness, *steps: Any) -> None:
    world.vendor.scripts.append(steps)  # type: ignore[attr-defined]


def test_a_text_takes_six_calls_and_fifteen_units(world: ServiceHarness, meter: Meter) -> None:
    with meter.watch() as bill:
        begin(world)
    assert bill.calls == [*HOLD, *STORE, *CAPTURE]
    assert bill.writes == 7 + 1 + 7
    assert max(bill.max_bytes.values()) <= 1024


def test_a_longer_one_takes_a_unit_for_each_kilobyte_of_its_result(
    world: ServiceHarness, meter: Meter
) -> None:
    text = "".join(f"{number * 7919 % 10_007} " for number in range(1500))
    script(world, Output(text), Complete(FinishReason.STOP, TokenUsage(9, 90)))
    with meter.watch() as bill:
        begin(world)
    assert bill.calls == [*HOLD, *STORE, *CAPTURE]
    assert 7 + 2 + 7 <= bill.writes <= 7 + 7 + 7
    assert bill.writes == 14 + -(-bill.max_bytes["RESULT"] // 1024)


def test_a_refused_one_stores_nothing(world: ServiceHarness, meter: Meter) -> None:
    script(world, Refused(RejectionReason.CONTENT))
    with meter.watch() as bill:
        begin(world)
    assert (bill.calls, bill.writes) == ([*HOLD, *CAPTURE], 14)
