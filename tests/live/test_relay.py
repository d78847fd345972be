"""A session through the relay: what is charged is what was relayed, whoever ends it."""

import asyncio
from decimal import Decimal

import pytest
from websockets.exceptions import InvalidStatus

from devstack.simulators.assemblyai.sockets import SpeechSockets
from service.jobs.entities import JobStatus
from service.transcription.operations import Transcriptions
from tests.live.relay_world import (
    SECOND_OF_SILENCE,
    SECOND_OF_SPEECH,
    Caller,
    RelayWorld,
    eventually,
    make_world,
)


def test_a_session_that_finishes_is_charged_by_the_second_and_leaves_its_transcript(
    world: RelayWorld,
) -> None:
    async def talk() -> str:
        async with world.serving(), world.caller(world.ticket()) as caller:
            job_id = await caller.ready()
            await caller.speak(50)
            done = await caller.finish()
            assert (done["audioSeconds"], done["captured"]) == (50, 0.009)
            assert await caller.closed() == 1000
            assert caller.socket.subprotocol == "farebox.live.v1"
            return job_id

    job = world.job(asyncio.run(talk()))
    assert job.status is JobStatus.SUCCEEDED
    assert world.books()["billed_seconds"] == 50
    transcript = world.harness.parts.get(Transcriptions).get("ann", job.job_id).transcript
    assert transcript is not None
    assert len(transcript.words or ()) == 100
    assert transcript.text.startswith("This is what was said")
    assert world.harness.wallet().captured == 9
    assert world.is_whole()


def test_a_session_is_extended_and_its_entries_add_up(world: RelayWorld) -> None:
    async def talk() -> str:
        async with world.serving(), world.caller(world.ticket()) as caller:
            job_id = await caller.ready()
            await caller.speak(95)
            assert (await caller.until("extended"))["secondsHeld"] == 240
            await caller.speak(120)
            assert (await caller.until("extended"))["secondsHeld"] == 360
            await caller.finish()
            return job_id

    job = world.job(asyncio.run(talk()))
    assert (job.held, job.captured) == (60, 36)
    kinds = [entry.kind.value for entry in world.harness.ledger.entries("ann")]
    assert kinds == ["INITIAL", "HOLD", "EXTEND", "EXTEND", "CAPTURE"]
    assert world.is_whole()


def test_credits_that_end_in_the_middle_end_the_session_with_a_code_of_its_own(
    sockets: SpeechSockets,
) -> None:
    """0.025 credits are 150 seconds: a slice of 120, and 30 of the next."""
    world = make_world(sockets, welcome_credits=Decimal("0.025"))

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(92)
            assert (await caller.until("extended"))["secondsHeld"] == 150
            await caller.speak(30)
            assert (await caller.until("credits"))["secondsLeft"] > 0
            return await caller.speak_to_the_end()

    assert asyncio.run(talk()) == 4402
    (job,) = world.jobs()
    assert job.result is not None
    assert job.result["ending"] == "credits_ended"
    assert job.captured <= job.held == 25
    assert world.books()["audio_seconds"] <= 150
    assert job.captured == -(-int(str(job.result["audioSeconds"])) // 6)
    assert world.is_whole()


def test_a_day_s_limit_ends_the_session_with_another_code_than_a_lack_of_credits(
    sockets: SpeechSockets,
) -> None:
    world = make_world(sockets, max_credits_per_day=Decimal("0.021"))

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(100)
            assert (await caller.until("ending"))["secondsLeft"] > 0
            return await caller.speak_to_the_end()

    assert asyncio.run(talk()) == 4403
    (job,) = world.jobs()
    assert job.result is not None
    assert (job.result["ending"], job.held) == ("extension_refused", 20)
    assert world.is_whole()


def test_a_session_at_its_limit_is_not_extended_any_more(sockets: SpeechSockets) -> None:
    world = make_world(sockets, limits={"max_seconds": 120}, live_max_seconds=120)

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(118)
            return await caller.speak_to_the_end()

    assert asyncio.run(talk()) == 4413
    (job,) = world.jobs()
    assert job.result is not None
    assert (job.result["ending"], job.held) == ("too_long", 20)
    assert world.is_whole()


def test_without_credits_nothing_is_begun(sockets: SpeechSockets) -> None:
    world = make_world(sockets, welcome_credits=Decimal("0.002"))
    world.sessions.reset()

    async def talk() -> tuple[int, str]:
        async with world.serving(), world.caller(world.ticket()) as caller:
            code = await caller.closed()
            return code, caller.messages[0]["code"]

    assert asyncio.run(talk()) == (4402, "INSUFFICIENT_CREDITS")
    assert world.jobs() == []
    assert world.sessions.books() == []


@pytest.mark.parametrize(
    ("fault", "code", "failure"),
    [
        ("status:429", 4503, "PROVIDER_BUSY"),
        ("busy", 4503, "PROVIDER_BUSY"),
        ("refused", 4503, "PROVIDER_UNAVAILABLE"),
        ("status:500", 4503, "PROVIDER_UNAVAILABLE"),
    ],
)
def test_a_session_that_the_vendor_refuses_is_free(
    world: RelayWorld, fault: str, code: int, failure: str
) -> None:
    world.meets(fault)

    async def talk() -> tuple[int, str]:
        async with world.serving(), world.caller(world.ticket()) as caller:
            closed = await caller.closed()
            return closed, caller.messages[0]["code"]

    assert asyncio.run(talk()) == (code, failure)
    (job,) = world.jobs()
    assert (job.status, job.failure, job.captured) == (JobStatus.FAILED, failure, 0)
    assert world.is_whole()


@pytest.mark.parametrize("fault", ["cut", "error-event"])
def test_a_vendor_that_breaks_off_ends_the_session_and_what_was_relayed_is_charged(
    world: RelayWorld, fault: str
) -> None:
    world.meets(fault, seconds=20)

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(20)
            return await caller.closed()

    assert asyncio.run(talk()) == 4502
    (job,) = world.jobs()
    assert job.result is not None
    assert job.result["audioSeconds"] == world.books()["audio_seconds"] == 20
    assert job.captured == 4
    assert world.is_whole()


@pytest.mark.parametrize("fault", ["cut", "error-event"])
def test_a_vendor_that_breaks_off_before_a_word_is_free_and_a_loss_by_our_own_count(
    world: RelayWorld, fault: str
) -> None:
    world.meets(fault, seconds=20)

    async def talk() -> dict[str, object]:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(20, SECOND_OF_SILENCE)
            assert await caller.closed() == 4502
            return await caller.until("done")

    done = asyncio.run(talk())
    (job,) = world.jobs()
    assert (job.failure, job.captured, job.house_loss) == ("SESSION_BROKE_OFF", 0, 4)
    assert job.usage == {"milliseconds": 20_000}
    assert (done["status"], done["captured"], done["transcriptUrl"]) == ("FAILED", 0, None)
    transcription = world.harness.parts.get(Transcriptions).get("ann", job.job_id)
    assert transcription.transcript is None
    *_, last = world.harness.ledger.entries("ann")
    assert (last.kind.value, last.details["houseLoss"]) == ("RELEASE", "0.004")
    assert world.is_whole()


def test_a_vendor_that_stalls_is_left_after_a_minute_without_a_word(
    sockets: SpeechSockets,
) -> None:
    world = make_world(sockets, limits={"closing_seconds": 0.2})
    world.meets("stall", seconds=10)

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(10)
            return await caller.speak_to_the_end()

    assert asyncio.run(talk()) == 4410
    (job,) = world.jobs()
    assert job.result is not None
    assert job.result["audioSeconds"] <= world.books()["audio_seconds"]
    assert job.captured == -(-int(str(job.result["audioSeconds"])) // 6)
    assert world.is_whole()


def test_a_client_that_leaves_is_charged_for_what_was_relayed(world: RelayWorld) -> None:
    async def talk() -> None:
        async with world.serving():
            async with world.caller(world.ticket()) as caller:
                await caller.ready()
                await caller.speak(31)
            await eventually(lambda: not world.jobs()[0].is_open)

    asyncio.run(talk())
    (job,) = world.jobs()
    assert job.result is not None
    assert (job.result["ending"], job.result["audioSeconds"]) == ("client_gone", 31)
    assert (job.captured, world.books()["audio_seconds"]) == (6, 31)
    assert world.is_whole()


def test_a_client_that_leaves_at_once_is_free(world: RelayWorld) -> None:
    async def talk() -> None:
        async with world.serving():
            async with world.caller(world.ticket()) as caller:
                await caller.ready()
            await eventually(lambda: not world.jobs()[0].is_open)

    asyncio.run(talk())
    (job,) = world.jobs()
    assert (job.failure, job.captured) == ("NOTHING_RELAYED", 0)
    assert world.is_whole()


def test_a_client_that_sends_nothing_costs_the_house_what_the_vendor_bills(
    world: RelayWorld,
) -> None:
    """It pays nothing, but not for ever: the day's limit of losses counts it."""

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            world.clock.advance(31.0)
            return await caller.closed()

    assert asyncio.run(talk()) == 4408
    (job,) = world.jobs()
    wallet = world.harness.ledger.read_snapshot("ann").wallet
    assert (job.failure, job.captured, job.house_loss) == ("NOTHING_RELAYED", 0, 6)
    assert wallet is not None
    assert (wallet.held, wallet.loss_today) == (0, 6)
    assert world.is_whole()


def test_a_client_that_sends_faster_than_it_is_spoken_waits(world: RelayWorld) -> None:
    """Five seconds ahead, and no more: whatever a client says, time is the relay's."""

    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            sending = asyncio.ensure_future(_send(caller, 40))
            await caller.world_has(5)
            await asyncio.sleep(0.1)
            ahead = int(str(world.books()["audio_seconds"]))
            for seconds in range(10, 45, 5):
                world.clock.advance(5.0)
                await caller.world_has(seconds)
            await sending
            assert (await caller.finish())["audioSeconds"] == 40
            return ahead

    assert asyncio.run(talk()) == 5


async def _send(caller: Caller, seconds: int) -> None:
    for _ in range(seconds):
        await caller.socket.send(SECOND_OF_SPEECH)


def test_a_client_that_sends_nothing_is_left(world: RelayWorld) -> None:
    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(4)
            world.clock.advance(31.0)
            return await caller.closed()

    assert asyncio.run(talk()) == 4408
    (job,) = world.jobs()
    assert job.captured == 1
    assert world.is_whole()


def test_a_client_that_does_not_read_is_cut_off_and_its_transcript_is_stored(
    sockets: SpeechSockets,
) -> None:
    world = make_world(sockets, limits={"queue": 4, "send_seconds": 0.05})

    async def talk() -> None:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            (session,) = world.relay._sessions
            held = session._client.send

            async def never(message: str) -> None:
                del message
                await asyncio.sleep(3600)

            session._client.send = never  # type: ignore[method-assign]
            await caller.speak(10, is_awaited=False)
            await eventually(lambda: not world.jobs()[0].is_open)
            session._client.send = held  # type: ignore[method-assign]

    asyncio.run(talk())
    (job,) = world.jobs()
    assert job.result is not None
    assert job.result["ending"] == "slow_client"
    assert world.is_whole()


@pytest.mark.parametrize("said", ["hello", '{"type": "stop"}', "[" * 900])
def test_whatever_is_neither_audio_nor_the_end_ends_the_session(
    world: RelayWorld, said: str
) -> None:
    async def talk() -> int:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.socket.send(said)
            return await caller.closed()

    assert asyncio.run(talk()) == 4400
    assert world.is_whole()


def test_a_relay_that_ends_settles_its_sessions_and_says_to_connect_again(
    world: RelayWorld,
) -> None:
    async def talk() -> tuple[int, int]:
        async with world.serving():
            async with world.caller(world.ticket()) as caller:
                await caller.ready()
                await caller.speak(12)
                await world.relay.drain()
                code = await caller.closed()
            with pytest.raises(InvalidStatus) as refused:
                async with world.caller(world.ticket()):
                    raise AssertionError("it drains")
            return code, refused.value.response.status_code

    assert asyncio.run(talk()) == (1012, 503)
    (job,) = world.jobs()
    assert job.captured == 2
    assert world.is_whole()


@pytest.mark.parametrize(("fault", "seconds"), [("zero-duration", 18), ("no-duration", 18)])
def test_a_report_that_cannot_be_is_not_believed(
    world: RelayWorld, fault: str, seconds: int
) -> None:
    world.meets(fault)

    async def talk() -> dict[str, object]:
        async with world.serving(), world.caller(world.ticket()) as caller:
            await caller.ready()
            await caller.speak(18)
            return await caller.finish()

    assert asyncio.run(talk())["audioSeconds"] == seconds
    assert world.is_whole()
