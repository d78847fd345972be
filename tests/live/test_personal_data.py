"""What is said in a session is its user's alone, and goes with them."""

import pytest

from service.erasure.operations import Erasures
from service.live.keys import SEGMENT_PREFIX
from service.storage.keys import Key
from service.storage.writes import Update, When
from service.transcription.entities import TranscriptionNotEnded
from service.transcription.operations import Transcriptions
from tests.live.relay_world import RelayWorld
from tests.live.test_dead_relays import opened, segment


def segments(world: RelayWorld) -> list[dict[str, dict[str, object]]]:
    return [
        item for item in world.harness.items() if str(item["SK"]["S"]).startswith(SEGMENT_PREFIX)
    ]


def test_what_is_said_is_encrypted_and_disposable(world: RelayWorld) -> None:
    session = opened(world)
    world.live.save(session.job, segment(0, 15, "a secret word"))
    world.live.save(session.job, segment(0, 15, "a secret word"))
    (item,) = segments(world)
    assert "secret" not in str(item)
    assert int(str(item["expiresAt"]["N"])) > world.clock.now() // 1000 + 6 * 86_400


def test_a_segment_that_was_edited_charges_nothing_and_calls_an_operator(
    world: RelayWorld,
) -> None:
    """Its seconds are sealed with its words, and bound to their place."""
    session = opened(world)
    world.live.save(session.job, segment(0, 15, "one"))
    world.live.save(session.job, segment(1, 30, "two"))
    first, second = segments(world)
    key = Key(str(first["PK"]["S"]), str(first["SK"]["S"]))
    content = second["content"]["B"]
    raw = content if isinstance(content, bytes) else bytes(str(content), "ascii")
    world.harness.table.write(Update(key, When(), set={"content": raw}))
    world.worker(300)
    assert world.job(session.job.job_id).is_open
    assert world.harness.wallet().captured == 0


def test_an_erasure_waits_for_an_open_session_and_takes_its_segments(world: RelayWorld) -> None:
    session = opened(world)
    world.live.save(session.job, segment(0, 20, "one"))
    world.harness.parts.get(Erasures).request("ann", "req_01kb7r3v6q8f2x0m4n5p6q7r8s")
    world.harness.work_until(60)
    assert world.job(session.job.job_id).is_open
    world.harness.work_until(3600)
    assert segments(world) == []
    job = world.job(session.job.job_id)
    assert (job.captured, job.erased_at is not None) == (4, True)
    assert [each.what for each in world.harness.audit().violations] == []


def test_a_deleted_session_leaves_neither_transcript_nor_segments(world: RelayWorld) -> None:
    """What is said in another session stays."""
    transcriptions = world.harness.parts.get(Transcriptions)
    sessions = [opened(world), opened(world)]
    for session in sessions:
        world.live.save(session.job, segment(0, 20, "one"))
    job_id, other = (session.job.job_id for session in sessions)
    with pytest.raises(TranscriptionNotEnded):
        transcriptions.delete("ann", job_id)
    world.worker(300)
    job = world.job(job_id)
    assert (job.is_open, transcriptions.get("ann", job_id).transcript is None) == (False, False)
    assert len(segments(world)) == 2
    transcriptions.delete("ann", job_id)
    assert transcriptions.get("ann", job_id).transcript is None
    world.worker(60)
    assert [other in str(item["SK"]) for item in segments(world)] == [True]
    assert transcriptions.get("ann", other).transcript is not None
    assert world.job(job_id) == job
    assert [each.what for each in world.harness.audit().violations] == []
