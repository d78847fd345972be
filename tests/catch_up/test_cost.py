"""What a catch-up costs in DynamoDB: calls and units (docs/catch-up.md)."""

from typing import Any

import pytest

from service.providers.base import NotFound
from service.transcription.entities import NoTranscript
from tests.catch_up.conftest import World, step, world_of
from tests.doubles.meter import Meter

# The snapshot, then the transcript: its job, its head and the key that opens it.
READ = ["GetItem"] * 4
HOLD = ["TransactWriteItems"]
STORE = ["GetItem", "PutItem"]
CAPTURE = ["TransactGetItems", "TransactWriteItems"]
POINTS = ("[0:00:20] The lamp is lit.", "[0:00:40] A ship passes.")


@pytest.fixture
def world(client: Any, table_name: str) -> World:
    """One who has a transcript, and had one summarized before."""
    world = world_of(client, table_name)
    world.made(world.transcript(), step(*POINTS))
    return world


@pytest.fixture
def meter(client: Any, world: World) -> Meter:
    return Meter(world.harness.dynamodb, client)


@pytest.fixture
def talk(world: World) -> str:
    return world.transcript()


def test_a_catch_up_takes_nine_calls_and_fifteen_units(
    world: World, talk: str, meter: Meter
) -> None:
    world.text.scripts.append(step(*POINTS))
    with meter.watch() as bill:
        world.begin(talk)
    assert bill.calls == [*READ, *HOLD, *STORE, *CAPTURE]
    assert bill.writes == 7 + 1 + 7
    assert max(bill.max_bytes.values()) <= 2048


def test_a_failed_one_stores_nothing(world: World, talk: str, meter: Meter) -> None:
    world.broadcasts.outcome = NotFound()
    with meter.watch() as bill:
        world.begin(talk)
    assert bill.calls == [*READ, *HOLD, *CAPTURE]
    assert bill.writes == 14


def test_a_repeated_key_takes_two_reads(world: World, talk: str, meter: Meter) -> None:
    world.made(talk, step(*POINTS), key="one")
    with meter.watch() as bill:
        world.begin(talk, key="one")
    assert (bill.calls, bill.writes) == (["TransactGetItems", "GetItem"], 0)


def test_a_refusal_for_want_of_words_writes_nothing(world: World, talk: str, meter: Meter) -> None:
    with meter.watch() as bill, pytest.raises(NoTranscript):
        world.begin(talk, since=600)
    assert (bill.calls, bill.writes) == (READ, 0)
