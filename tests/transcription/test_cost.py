"""What a transcript costs in DynamoDB: calls and units (docs/performance.md)."""

import pytest

from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.raw_client import RawClient
from tests.transcription.conftest import World, spoken, world_of

WORDS_AN_HOUR = 9000


@pytest.fixture
def world() -> World:
    """Whose user has an account, and a data key."""
    world = world_of()
    world.transcribe()
    return world


def test_a_transcribed_hour_costs_what_a_video_does_and_a_unit_for_each_kilobyte(
    world: World,
) -> None:
    meter = Meter(world.harness.dynamodb, RawClient(memory_client(world.harness.where)))
    with meter.watch() as held:
        job = world.transcribe().job
    words = spoken(*range(400, 3_600_000, 3_600_000 // WORDS_AN_HOUR))
    world.vendor.completes(job, 3600, words)
    with meter.watch() as captured:
        world.harness.settlement.resolve("ann", job.job_id)
    assert held.calls == ["GetItem", "TransactWriteItems", "UpdateItem"]
    assert held.writes == 7 + 1
    assert captured.calls == [
        *("GetItem", "GetItem", "PutItem", "PutItem", "PutItem"),
        *("TransactGetItems", "TransactWriteItems"),
    ]
    # The record, its index entry and the head; one chunk; the capture.
    chunk = -(-captured.max_bytes["CHUNK"] // 1024)
    assert captured.writes == 2 + 1 + chunk + 7
    assert chunk <= 110


def test_a_short_transcript_lies_in_its_head(world: World) -> None:
    meter = Meter(world.harness.dynamodb, RawClient(memory_client(world.harness.where)))
    job = world.transcribe().job
    world.vendor.completes(job, 60, spoken(*range(400, 60_000, 400)))
    with meter.watch() as captured:
        world.harness.settlement.resolve("ann", job.job_id)
    head = -(-captured.max_bytes["RESULT"] // 1024)
    assert captured.calls.count("PutItem") == 1
    assert captured.writes == head + 7
    assert head <= 3
