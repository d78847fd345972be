"""The vendor's copy of a transcript goes with the account of its user."""

from service.erasure.operations import Erasures
from tests.transcription.conftest import World, spoken


def erased(world: World) -> None:
    world.harness.parts.get(Erasures).request("ann", "req_01kb7r3v6q8f2x0m4n5p6q7r8s")
    world.harness.work_until(60)


def delivered(world: World) -> str:
    job = world.transcribe().job
    world.vendor.completes(job, 60, spoken(1000))
    world.settled(job)
    return f"t_{job.job_id}"


def test_an_erasure_deletes_every_transcript_at_the_vendor(world: World) -> None:
    tasks = {delivered(world), delivered(world)}
    erased(world)
    assert set(world.vendor.deleted) == tasks
    assert world.violations() == []


def test_an_erasure_waits_for_the_vendor_and_is_repeated(world: World) -> None:
    """The other steps are done meanwhile: the id of the transcript outlives them."""
    task = delivered(world)
    world.vendor.is_down = True
    erased(world)
    assert world.vendor.deleted == []
    erasure = world.harness.parts.get(Erasures).read("ann")
    assert dict(erasure.held_up) == {"transcripts_at_vendor": "TranscriptNotDeleted"}
    assert "job_content" in erasure.done
    world.vendor.is_down = False
    world.harness.work_until(3600)
    assert world.vendor.deleted == [task]
