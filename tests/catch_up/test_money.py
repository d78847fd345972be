"""What a catch-up costs, however it ends: the sum of its steps when the whole is delivered, and
nothing else."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from service.catalog.entities import LIVE_TRANSCRIPTION
from service.catch_up.passages import stamp
from service.catch_up.words import Library
from service.core.amounts import credits_number
from service.jobs.entities import Job, JobNotFound, JobStatus
from service.jobs.operations import Submission
from service.ledger.entities import IdempotencyKeyReused, InsufficientCredits
from service.providers.base import (
    Broadcast,
    FoundBroadcast,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
)
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    Output,
    Refused,
    TokenUsage,
    VendorFault,
)
from service.results.operations import Results
from service.transcription.entities import NewTranscription, NoTranscript, TranscriptionBody
from service.transcription.operations import Transcriptions
from tests.catch_up.conftest import (
    COST,
    LATE,
    LONG,
    USAGE,
    Broadcasts,
    World,
    principal,
    spoken,
    step,
    world_of,
)
from tests.transcription.conftest import AUDIO


def price_of(*usages: TokenUsage) -> int:
    """In thousandths: one sum, rounded up once."""
    millionths = sum(each.input_tokens * 2 + each.output_tokens * 8 for each in usages)
    return -(-millionths // 1000)


def price_of_bound(world: World, transcript_id: str) -> int:
    return price_of(TokenUsage(*world.bound(transcript_id)))


@pytest.fixture
def talk(world: World) -> str:
    return world.transcript()


def test_a_short_one_is_one_step_and_costs_what_that_used(world: World, talk: str) -> None:
    job = world.made(talk, step(*LATE))
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
    assert job.usage == {"inputTokens": 900, "outputTokens": 50}
    assert [(each["at"], each["text"]) for each in world.summary(job)] == [
        (20, "The lamp is lit."),
        (40, "A ship passes."),
    ]
    assert len(world.text.sent) == 1
    # gpt-4.1-mini's 0.40 and 1.60 for a million, in millionths.
    assert job.provider_cost is not None
    assert job.provider_cost.micros == 440
    world.require_clean()


def test_a_long_one_is_charged_for_all_of_its_steps_together(world: World) -> None:
    talk = world.transcript(**LONG)
    parts = len(world.body(talk).words.parts())
    assert parts > 3
    usages = [TokenUsage(901 + at, 101 + at) for at in range(parts + 1)]
    scripts = []
    for part, usage in zip(world.body(talk).words.parts(), usages, strict=False):
        at = part.lines[0].at
        scripts.append(step(f"[{stamp(at)}] Noted.", usage=usage))
    job = world.made(talk, *scripts, step("[0:00:00] It begins.", usage=usages[-1]))
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, price_of(*usages))
    assert job.usage["inputTokens"] == sum(each.input_tokens for each in usages)
    assert job.payload["parts"] == parts
    assert len(world.text.sent) == parts + 1
    world.require_clean()


def test_the_hold_covers_whatever_the_steps_may_use(world: World) -> None:
    talk = world.transcript(**LONG)
    job = world.made(talk, (Refused(RejectionReason.CONTENT),))
    assert job.held == price_of_bound(world, talk)
    assert (job.captured, world.harness.wallet().held) == (0, 0)


def test_no_step_is_sent_more_than_was_held_for_it(world: World) -> None:
    """Though titles and notes are as long as they may be, and in characters of four bytes."""
    talk = world.transcript(**LONG)
    inputs, outputs = world.bound(talk)
    wide = "\U0001f600" * 2000
    world.broadcasts.outcome = FoundBroadcast(Broadcast(wide, wide, "https://t.example"))
    parts = world.body(talk).words.parts()
    for part in parts:
        lines = [f"[{stamp(each.at)}] {wide}" for each in part.lines]
        world.text.scripts.append(step(*lines[:20]))
    job = world.made(talk, step("[0:00:00] All of it."))
    assert job.status is JobStatus.SUCCEEDED
    sent = world.text.sent
    size = sum(len(each.text.encode()) for request in sent for each in request.messages)
    assert size < inputs
    assert sum(each.max_output_tokens for each in sent) == outputs


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ((Refused(RejectionReason.CONTENT),), "CONTENT_REJECTED"),
        ((Refused(RejectionReason.CONTEXT),), "GENERATION_FAILED"),
        ((Refused(RejectionReason.BUSY),), "PROVIDER_BUSY"),
        ((Refused(RejectionReason.UNAVAILABLE),), "PROVIDER_UNAVAILABLE"),
        ((BrokenOff(VendorFault.STALLED),), "CATCH_UP_BROKE_OFF"),
        ((Complete(FinishReason.STOP, None),), "CATCH_UP_BROKE_OFF"),
        ((), "CATCH_UP_BROKE_OFF"),
    ],
)
def test_a_first_step_that_delivers_nothing_costs_nothing(
    world: World, talk: str, script: Any, failure: str
) -> None:
    job = world.made(talk, script)
    assert (job.status, job.failure, job.captured) == (JobStatus.FAILED, failure, 0)
    assert (job.house_loss, job.result) == (None, None)
    world.require_clean()


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ((Refused(RejectionReason.BUSY),), "CATCH_UP_BROKE_OFF"),
        ((Refused(RejectionReason.UNAVAILABLE),), "CATCH_UP_BROKE_OFF"),
        ((Refused(RejectionReason.CONTENT),), "CONTENT_REJECTED"),
        ((BrokenOff(VendorFault.OVERLOADED),), "CATCH_UP_BROKE_OFF"),
    ],
)
def test_a_later_step_that_fails_makes_the_whole_free(
    world: World, script: Any, failure: str
) -> None:
    """What the first step has cost is a loss of the house. Nothing may follow under its key: that
    would cost the house as much again."""
    talk = world.transcript(**LONG)
    job = world.made(talk, step("[0:00:00] It begins."), script, key="one")
    assert (job.status, job.failure, job.captured) == (JobStatus.FAILED, failure, 0)
    assert (job.house_loss, job.usage) == (COST, {"inputTokens": 900, "outputTokens": 50})
    assert not job.retryable
    assert world.summary(job) is None
    world.require_clean()


@pytest.mark.parametrize(
    "script",
    [
        (Output("[0:00:00] It beg"), BrokenOff(VendorFault.CONNECTION_CUT)),
        (Output("[0:00:00] It beg"), Complete(FinishReason.LENGTH, None, cut_by_us=True)),
        (Output("[0:00:00] It beg"), Refused(RejectionReason.BUSY)),
        (Output("[0:00:00] It beg"),),
        (Output("x" * 100_001),),
    ],
)
def test_a_step_that_breaks_off_makes_the_whole_free(world: World, talk: str, script: Any) -> None:
    job = world.made(talk, script)
    assert (job.failure, job.captured) == ("CATCH_UP_BROKE_OFF", 0)
    assert job.house_loss is not None
    assert job.house_loss > 0
    world.require_clean()


@pytest.mark.parametrize(
    "written",
    [
        "No times at all.",
        "[9:59:59] After everything that was said.",
        "[0:00:99] No such second.",
        "[0:00:20]",
        "0:00:20 without brackets",
    ],
)
def test_a_summary_without_a_time_of_the_transcript_is_free(
    world: World, talk: str, written: str
) -> None:
    job = world.made(talk, step(written))
    assert (job.failure, job.captured, job.house_loss) == ("SUMMARY_UNUSABLE", 0, COST)
    world.require_clean()


@pytest.mark.parametrize(
    ("outcome", "failure", "is_retryable"),
    [
        (NotFound(), "BROADCAST_NOT_FOUND", False),
        (Rejected(RejectionReason.BUSY), "PROVIDER_BUSY", True),
        (Rejected(RejectionReason.UNAVAILABLE), "PROVIDER_UNAVAILABLE", True),
        (Indeterminate(), "PROVIDER_UNAVAILABLE", True),
        (lambda: 1 / 0, "PROVIDER_UNAVAILABLE", True),
    ],
)
def test_without_the_broadcast_nothing_is_written_and_nothing_charged(
    world: World, talk: str, outcome: Any, failure: str, is_retryable: bool
) -> None:
    world.broadcasts.outcome = outcome
    job = world.made(talk)
    assert (job.failure, job.captured, job.retryable) == (failure, 0, is_retryable)
    assert world.text.sent == []
    world.require_clean()


@pytest.mark.parametrize(
    "usage",
    [None, TokenUsage(-1, 5), TokenUsage(0, 5), TokenUsage(900, 0), TokenUsage(10**9, 5)],
)
def test_usage_that_cannot_be_is_replaced_by_our_own_count(
    world: World, talk: str, usage: TokenUsage | None
) -> None:
    job = world.made(talk, step(*LATE, usage=usage))
    assert job.status is JobStatus.SUCCEEDED
    assert (job.result or {})["estimated"] is True
    assert job.usage["outputTokens"] == len("\n".join(LATE)) // 4
    assert 0 < job.captured <= job.held
    assert job.provider_cost is None
    world.require_clean()


def test_a_response_cut_at_its_length_still_counts(world: World, talk: str) -> None:
    script = (Output("[0:00:20] The lamp\n[0:00"), Complete(FinishReason.LENGTH, USAGE))
    job = world.made(talk, script)
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)


def test_the_same_key_is_the_same_catch_up(world: World, talk: str) -> None:
    first = world.made(talk, step(*LATE), key="one")
    again = world.begin(talk, key="one")
    assert isinstance(again, Submission)
    assert (again.job.job_id, again.replayed) == (first.job_id, True)
    with pytest.raises(IdempotencyKeyReused):
        world.begin(talk, key="one", since=5)
    assert len(world.text.sent) == 1


def test_a_key_stands_for_its_job_though_the_words_are_gone(world: World, talk: str) -> None:
    first = world.made(talk, step(*LATE), key="one")
    world.harness.parts.get(Results).erase_content("ann", talk)
    assert world.begin(talk, key="one").job.job_id == first.job_id
    with pytest.raises(NoTranscript):
        world.begin(talk, key="two")


def test_another_follows_under_the_key_of_one_that_was_never_sent(world: World, talk: str) -> None:
    world.broadcasts.outcome = Indeterminate()
    first = world.made(talk, key="one")
    world.broadcasts.outcome = Broadcasts().outcome
    second = world.made(talk, step(*LATE), key="one")
    assert (first.captured, second.captured) == (0, COST)
    assert first.job_id != second.job_id
    world.require_clean()


def test_what_costs_more_than_the_balance_is_refused() -> None:
    world = world_of(welcome_credits=Decimal("0.02"))
    new = NewTranscription(principal(), "phone", TranscriptionBody(AUDIO, 1))
    job = world.harness.parts.get(Transcriptions).create(new).job
    world.recordings.completes(job, 60, spoken(60))
    world.harness.work_until(60)
    before = len(world.harness.items())
    with pytest.raises(InsufficientCredits) as refused:
        world.begin(job.job_id)
    assert refused.value.details["available"] == 0.01
    assert refused.value.details["required"] == credits_number(price_of_bound(world, job.job_id))
    assert (world.broadcasts.sought, world.text.sent) == ([], [])
    assert len(world.harness.items()) == before
    world.require_clean()


def test_no_words_are_refused_and_nothing_is_written(world: World, talk: str) -> None:
    silent = world.transcript(document={"text": "", "words": []})
    untimed = world.transcript(document={"text": "much", "words": None})
    before = len(world.harness.items())
    for transcript_id, since in ((silent, 0), (untimed, 0), ("", 0), (talk, 61)):
        with pytest.raises(NoTranscript):
            world.begin(transcript_id, since=since)
    assert len(world.harness.items()) == before
    assert world.broadcasts.sought == []


@pytest.mark.parametrize(
    "wanted", ["job_01kbz3c8e0q2m5v9s7t4x6y8z0", "nonsense", "of another kind"]
)
def test_what_is_no_transcript_of_the_users_is_not_there(
    world: World, talk: str, wanted: str
) -> None:
    if wanted == "of another kind":
        wanted = world.made(talk, step(*LATE)).job_id
    before = len(world.harness.items())
    for user_id, transcript_id in (("ann", wanted), ("bob", talk)):
        with pytest.raises(JobNotFound):
            world.begin(transcript_id, user_id=user_id)
    assert len(world.harness.items()) == before


def test_what_was_transcribed_live_is_a_transcript_like_any_other(world: World, talk: str) -> None:
    class Jobs:
        def get(self, user_id: str, job_id: str) -> Job:
            return replace(world.harness.job(job_id, user_id), operation=LIVE_TRANSCRIPTION)

    library = Library(Jobs(), world.harness.parts.get(Results))  # type: ignore[arg-type]
    assert library.words("ann", talk, 0).parts() == world.body(talk).words.parts()


def test_one_that_is_not_transcribed_yet_is_named_with_its_status(world: World) -> None:
    new = NewTranscription(principal(), "phone", TranscriptionBody("https://a.example/b.mp3", 5))
    job = world.harness.parts.get(Transcriptions).create(new).job
    with pytest.raises(NoTranscript) as refused:
        world.begin(job.job_id)
    assert refused.value.details == {"status": "SUBMITTED"}


def test_words_before_since_are_neither_sent_nor_held_for(world: World) -> None:
    talk = world.transcript(seconds=600)
    whole = world.made(talk, step("[0:09:00] Late."))
    late = world.made(talk, step("[0:09:00] Late."), since=500)
    assert late.held < whole.held
    assert "word495" not in str(world.text.sent[-1].messages)
    assert "word500" in str(world.text.sent[-1].messages)
