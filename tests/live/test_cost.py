"""What a live session costs in DynamoDB: calls and units (docs/performance.md)."""

from dataclasses import replace

from service.live.entities import OpenSession
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness
from tests.live.test_dead_relays import segment
from tests.live.test_extensions import finish, live, opened, small

SLICES_AN_HOUR = 3600 // 120
SEGMENTS_AN_HOUR = 3600 // 15
WORDS_OF_SEGMENT = "so much is said in fifteen seconds " * 6


def meter_of(world: ServiceHarness) -> Meter:
    return Meter(world.dynamodb, RawClient(memory_client(world.where)))


def test_a_transcribed_hour_is_thirty_slices_and_a_unit_for_each_segment() -> None:
    world = small(welcome_credits=10)
    finish(world, opened(world), 1)
    meter = meter_of(world)
    session = opened(world)
    with meter.watch() as extended:
        job, _ = live(world).extend(session.job, session.seconds, session.caller)
    with meter.watch() as saved:
        live(world).save(job, segment(0, 15, WORDS_OF_SEGMENT))
    with meter.watch() as ended:
        finish(world, replace(session, job=job, seconds=240), 200)
    assert extended.calls == ["GetItem", "TransactGetItems", "TransactWriteItems"]
    # Wallet, entry, job, and the job's entry of the index taken and put.
    assert extended.writes == 2 + 2 + 2 + 2
    assert saved.calls.count("PutItem") == 1
    assert saved.writes <= 2
    assert ended.writes <= 9
    hour = SLICES_AN_HOUR * extended.writes + SEGMENTS_AN_HOUR * saved.writes + 17
    assert hour <= 740


def test_opening_a_session_costs_what_any_hold_with_a_key_does() -> None:
    world = small()
    finish(world, opened(world), 1)
    meter = meter_of(world)
    with meter.watch() as held:
        session = opened(world)
    assert isinstance(session, OpenSession)
    assert held.calls[-1] == "TransactWriteItems"
    assert held.writes == 7 + 2
