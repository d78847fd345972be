"""A relay that dies anywhere: nothing is held for ever, and nothing is charged that was not
relayed. Here it dies by doing nothing further; the worker does the rest."""

import asyncio

import pytest

from service.jobs.entities import JobStatus
from service.ledger.entities import StaleRead
from service.live.entities import OpenSession
from service.live.operations import Outcome
from service.live.utterances import Segment, transcript_of_segments
from service.providers.speech import SpokenWord, Utterance
from service.transcription.operations import Transcriptions
from tests.live.relay_world import RelayWorld, eventually


def said(number: int, text: str) -> Utterance:
    return Utterance(number, text, (SpokenWord(0, 400, text),), is_final=True)


def segment(number: int, seconds: int, *texts: str) -> Segment:
    return Segment(number, seconds, tuple(said(at, each) for at, each in enumerate(texts)))


def opened(world: RelayWorld) -> OpenSession:
    return world.live.open(world.ticket())


def test_after_the_hold_all_of_it_is_released(world: RelayWorld) -> None:
    job_id = opened(world).job.job_id
    world.worker()
    job = world.job(job_id)
    assert (job.status, job.failure, job.captured) == (JobStatus.FAILED, "INTERRUPTED", 0)
    assert world.is_whole()


def test_until_a_minute_after_the_last_slice_the_worker_leaves_it_alone(world: RelayWorld) -> None:
    session = opened(world)
    world.live.save(session.job, segment(0, 15, "one"))
    world.harness.settlement.resolve("ann", session.job.job_id)
    world.harness.work_until(170, step=10)
    assert world.job(session.job.job_id).is_open
    world.live.save(session.job, segment(1, 90, "one", "two"))
    world.harness.work_until(20, step=10)
    assert world.job(session.job.job_id).captured == 15


def test_after_segments_what_they_say_is_charged_and_delivered(world: RelayWorld) -> None:
    session = opened(world)
    world.live.save(session.job, segment(0, 15, "one"))
    world.live.save(session.job, segment(1, 31, "one", "two"))
    world.worker()
    job = world.job(session.job.job_id)
    assert job.result is not None
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, 6)
    assert (job.result["ending"], job.result["audioSeconds"]) == ("interrupted", 31)
    found = world.harness.parts.get(Transcriptions).get("ann", job.job_id).transcript
    assert found is not None
    assert found.text == "one\ntwo"
    assert world.is_whole()


def test_after_segments_without_a_word_nothing_is_charged(world: RelayWorld) -> None:
    session = opened(world)
    world.live.save(session.job, segment(0, 15))
    world.worker()
    job = world.job(session.job.job_id)
    assert (job.failure, job.captured) == ("INTERRUPTED", 0)
    assert world.is_whole()


@pytest.mark.parametrize("has_segment", [False, True])
def test_after_an_extension_all_that_is_held_comes_to_its_end(
    world: RelayWorld, has_segment: bool
) -> None:
    session = opened(world)
    job, seconds = world.live.extend(session.job, session.seconds, session.caller)
    assert (seconds, job.held, job.hard_at - session.job.hard_at) == (120, 40, 120_000)
    if has_segment:
        world.live.save(job, segment(0, 200, "one"))
    world.harness.work_until(170, step=10)
    assert world.job(job.job_id).is_open
    world.worker()
    assert world.job(job.job_id).captured == (34 if has_segment else 0)
    assert world.is_whole()


def test_after_the_result_the_worker_charges_by_it(world: RelayWorld) -> None:
    session = opened(world)
    words = transcript_of_segments([segment(0, 40, "all of it")])
    world.live.save(session.job, segment(0, 30, "a part"))
    world.live._work.store(session.job, "finished", 40, words)
    world.worker()
    job = world.job(session.job.job_id)
    assert job.result is not None
    assert (job.captured, job.result["audioSeconds"]) == (7, 40)
    assert world.is_whole()


def test_a_relay_that_wakes_up_after_the_worker_changes_nothing(world: RelayWorld) -> None:
    session = opened(world)
    world.live.save(session.job, segment(0, 15, "one"))
    world.worker()
    before = world.job(session.job.job_id)
    late = Outcome("finished", 100, transcript_of_segments([segment(0, 100, "late")]))
    assert world.live.conclude(session.job, late) == before
    with pytest.raises(StaleRead):
        world.live.extend(session.job, session.seconds, session.caller)
    assert world.is_whole()


def test_a_relay_that_wakes_up_after_a_release_delivers_for_nothing(world: RelayWorld) -> None:
    session = opened(world)
    world.worker(250)
    late = Outcome("finished", 100, transcript_of_segments([segment(0, 100, "late")]))
    ended = world.live.conclude(session.job, late)
    assert (ended.status, ended.captured, ended.house_loss) == (JobStatus.FAILED, 0, 17)
    assert ended.result is not None
    assert world.is_whole()


def test_what_a_vendor_broke_off_without_a_word_is_lost_once(world: RelayWorld) -> None:
    session = opened(world)
    world.live.lose(session.job, "vendor_fault", 90)
    lost = world.job(session.job.job_id)
    assert (lost.failure, lost.captured, lost.house_loss) == ("SESSION_BROKE_OFF", 0, 15)
    assert world.live.lose(session.job, "vendor_fault", 90) == lost
    world.worker()
    assert world.job(lost.job_id) == lost
    assert world.is_whole()


def test_a_vendor_that_breaks_off_before_a_second_was_relayed_costs_no_one(
    world: RelayWorld,
) -> None:
    job = world.live.lose(opened(world).job, "vendor_fault", 0)
    assert (job.failure, job.house_loss, job.result) == ("SESSION_BROKE_OFF", None, None)
    assert world.is_whole()


def test_segments_that_the_relay_stored_are_what_was_relayed(world: RelayWorld) -> None:
    """A process that is killed while audio flows: its handler never gets to its end."""

    async def talk() -> str:
        async with world.serving(), world.caller(world.ticket()) as caller:
            job_id = await caller.ready()
            await caller.speak(20)
            (session,) = world.relay._sessions
            await eventually(lambda: session._segments > 0)
            session._live = Dead()  # type: ignore[assignment]
            return job_id

    job_id = asyncio.run(talk())
    assert world.job(job_id).is_open
    relayed = int(str(world.books()["audio_seconds"]))
    world.worker()
    job = world.job(job_id)
    assert job.result is not None
    assert 10 <= int(str(job.result["audioSeconds"])) <= relayed
    assert world.is_whole()


class Dead:
    """Nothing that a killed process would still do is done."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("killed")
