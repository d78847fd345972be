"""What is held for a transcript, what is charged for it, and when."""

from typing import Any

import pytest

from service.core.amounts import SCALE
from service.jobs.entities import JobStatus, ProviderCost
from service.ledger.entities import InsufficientCredits
from service.providers.base import Indeterminate, Rejected, RejectionReason
from service.results import keys
from service.results.entities import packed, unpacked
from service.storage.table import StorageUnavailable
from service.transcription.entities import (
    AudioRejected,
    AudioUrlRefused,
    LanguageNotOffered,
    Transcript,
    TranscriptionFailure,
    Word,
    content_of,
    transcript_of,
)
from service.uploads.entities import Facts as UploadFacts
from service.uploads.entities import (
    UploadKind,
    UploadNotFound,
    UploadsNotConfigured,
    UploadSource,
)
from service.uploads.operations import Uploads
from tests.transcription.conftest import A_MINUTE, AUDIO, World, spoken, world_of


def test_the_minutes_that_were_requested_are_held_and_imposed(world: World) -> None:
    job = world.transcribe(minutes=30, language="en", speaker_labels=True).job
    assert job.held == 30 * A_MINUTE
    sent = world.vendor.requests[0]
    assert (sent.max_seconds, sent.language, sent.speaker_labels) == (1800, "en", True)
    assert sent.callback_url.startswith("https://farebox.example/callbacks/assemblyai/")
    assert AUDIO not in str(world.harness.items())


@pytest.mark.parametrize(
    ("seconds", "ends", "charged", "usage"),
    [
        (600, [1000, 599_000], 10 * A_MINUTE, {"milliseconds": 600_000}),
        (61, [60_900], 11, {"milliseconds": 61_000}),
        # Rounded up to a whole second by the vendor: the words end within it.
        (60, [60_999], A_MINUTE, {"milliseconds": 60_000}),
        # A recording in which no one speaks is transcribed, too.
        (600, [], 10 * A_MINUTE, {"milliseconds": 600_000}),
        # Longer than what was requested: up to the last word.
        (7200, [1_799_000], 300, {"milliseconds": 1_799_000, "estimated": 1}),
        (1801, [1_900_000], 300, {"milliseconds": 1_800_000, "estimated": 1}),
        # What cannot be: our own count.
        (None, [120_000], 2 * A_MINUTE, {"milliseconds": 120_000, "estimated": 1}),
        (0, [120_000], 2 * A_MINUTE, {"milliseconds": 120_000, "estimated": 1}),
        (0, [], 0, {"milliseconds": 0, "estimated": 1}),
        (-5, [120_000], 2 * A_MINUTE, {"milliseconds": 120_000, "estimated": 1}),
        (60, [61_000], 11, {"milliseconds": 61_000, "estimated": 1}),
        (1, [1_200_000], 20 * A_MINUTE, {"milliseconds": 1_200_000, "estimated": 1}),
        (None, [], 0, {"milliseconds": 0, "estimated": 1}),
    ],
)
def test_the_length_of_the_recording_is_charged_and_no_more_than_is_held(
    world: World, seconds: object, ends: list[int], charged: int, usage: dict[str, int]
) -> None:
    job = world.transcribe(minutes=30).job
    world.vendor.completes(job, seconds, spoken(*ends))
    done = world.settled(job)
    assert done.status is JobStatus.SUCCEEDED
    assert (done.captured, done.usage) == (charged, usage)
    assert done.returned == 30 * A_MINUTE - charged
    assert world.harness.wallet().credits == 3 * SCALE - charged
    assert world.violations() == []
    verdict = world.results.verdict("ann", job.job_id)
    assert verdict is not None
    assert verdict.usage == {"milliseconds": usage["milliseconds"]}


def test_what_the_vendor_bills_is_recorded(world: World) -> None:
    job = world.transcribe(minutes=30).job
    world.vendor.completes(job, 600, spoken(1000))
    assert world.settled(job).provider_cost == ProviderCost(25_000, "USD")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"text": None, "words": []},
        {"text": "a", "words": "none"},
        {"text": "a", "words": [{"text": "a", "start": 5, "end": 1}]},
        {"text": "a", "words": [{"text": "a", "start": 0.5, "end": 1}]},
        {"text": "a", "words": [{"start": 0, "end": 1}]},
        {"text": "a", "words": [[]]},
    ],
)
def test_what_is_no_transcript_charges_nothing_and_the_job_waits(
    world: World, document: dict[str, Any]
) -> None:
    job = world.transcribe().job
    world.vendor.completes(job, 60, document)
    assert world.settled(job).status is JobStatus.SUBMITTED
    assert world.results.verdict("ann", job.job_id) is None
    assert world.violations() == []


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        (RejectionReason.AUDIO, "AUDIO_REJECTED"),
        (RejectionReason.LANGUAGE, "LANGUAGE_NOT_OFFERED"),
        (None, "GENERATION_FAILED"),
    ],
)
def test_a_failed_transcription_is_free(
    world: World, reason: RejectionReason | None, failure: str
) -> None:
    job = world.transcribe().job
    world.vendor.fails(job, reason)
    done = world.settled(job)
    assert (done.status, done.failure) == (JobStatus.FAILED, failure)
    assert (done.captured, world.harness.wallet().credits) == (0, 3 * SCALE)
    assert world.violations() == []


def test_a_refusal_at_once_is_free_and_names_the_job(world: World) -> None:
    world.vendor.refusal = Rejected(RejectionReason.AUDIO)
    with pytest.raises(AudioRejected) as refused:
        world.transcribe()
    job = world.harness.job(str(refused.value.details["jobId"]))
    assert job.failure == TranscriptionFailure.AUDIO_REJECTED
    assert world.harness.wallet().credits == 3 * SCALE


def test_a_language_that_is_not_offered_is_the_requests_fault(world: World) -> None:
    world.vendor.refusal = Rejected(RejectionReason.LANGUAGE)
    with pytest.raises(LanguageNotOffered) as refused:
        world.transcribe(language="haw", speaker_labels=True)
    job = world.harness.job(str(refused.value.details["jobId"]))
    assert job.failure == TranscriptionFailure.LANGUAGE_NOT_OFFERED
    assert world.harness.wallet().credits == 3 * SCALE


def test_a_language_that_the_model_does_not_know_is_refused_before_anything_is_written() -> None:
    world = world_of(assemblyai_speech_model="universal-3-pro")
    before = world.harness.items()
    with pytest.raises(LanguageNotOffered):
        world.transcribe(language="haw")
    assert world.harness.items() == before
    assert world.vendor.requests == []
    world.transcribe(language="pt")


def test_an_unknown_outcome_is_found_out_by_the_worker(world: World) -> None:
    world.vendor.refusal = Indeterminate()
    job = world.transcribe().job
    assert job.status is JobStatus.SUBMITTING
    world.vendor.completes(job, 600, spoken(1000))
    done = world.settled(job)
    assert (done.status, done.captured) == (JobStatus.SUCCEEDED, 10 * A_MINUTE)


def test_nothing_is_charged_before_the_transcript_is_stored(world: World) -> None:
    job = world.transcribe().job
    world.vendor.completes(job, 600, spoken(1000))
    wire = world.harness.wire()
    wire.plan("PutItem", "lost-request", times=100)
    with pytest.raises(StorageUnavailable):
        world.harness.settlement.resolve("ann", job.job_id)
    assert world.harness.wallet().captured == 0
    wire.leave()
    assert world.settled(job).captured == 10 * A_MINUTE


def test_a_settlement_that_dies_after_storing_is_made_by_the_next(world: World) -> None:
    job = world.transcribe().job
    world.vendor.completes(job, 600, spoken(1000))
    wire = world.harness.wire()
    wire.plan("TransactWriteItems", "unreachable", times=1000)
    wire.before(lambda operation: world.harness.clock.advance(0.5))
    with pytest.raises(Exception):  # noqa: B017, PT011
        world.harness.settlement.resolve("ann", job.job_id)
    wire.leave()
    assert world.results.verdict("ann", job.job_id) is not None
    assert world.settled(job).captured == 10 * A_MINUTE
    assert world.violations() == []


def test_a_transcript_of_too_many_words_is_kept_as_text(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.results.entities.MAX_CONTENT_BYTES", 5000)
    job = world.transcribe().job
    world.vendor.completes(job, 600, spoken(*range(1000, 301_000, 1000)))
    assert world.settled(job).captured == 10 * A_MINUTE
    result = world.results.read("ann", job.job_id)
    assert result is not None
    assert result.content is not None
    assert result.content["words"] is None
    assert len(result.content["text"].split()) == 300


def test_ten_hours_of_quick_speech_keep_the_time_of_each_word() -> None:
    """180 words a minute, of six letters and two bytes each, by one of two speakers."""
    words = tuple(
        Word(at * 333, at * 333 + 300, "\u00e9" * 6, "AB"[at % 2]) for at in range(10 * 60 * 180)
    )
    said = Transcript(" ".join(word.text for word in words), words)
    assert transcript_of(unpacked(packed(content_of(said)))) == said


def test_a_late_transcript_of_a_released_job_is_given_and_stored(world: World) -> None:
    world.vendor.refusal = Indeterminate()
    job = world.transcribe().job
    requests, world.vendor.requests = world.vendor.requests, []
    world.harness.work_until(3600, step=60)
    released = world.harness.job(job.job_id)
    assert (released.status, released.captured) == (JobStatus.FAILED, 0)
    world.vendor.requests = requests
    world.vendor.completes(job, 600, spoken(1000))
    world.harness.work_until(7200, step=600)
    given = world.harness.job(job.job_id)
    assert (given.house_loss, given.captured) == (10 * A_MINUTE, 0)
    result = world.results.read("ann", job.job_id)
    assert result is not None
    assert world.violations() == []


@pytest.mark.parametrize(
    "audio",
    [
        "http://audio.example.com/a.mp3",
        "https://127.0.0.1/a.mp3",
        "https://user@audio.example.com/",
        "ftp://a.example.com",
        "uploads",
    ],
)
def test_an_address_that_is_not_public_is_refused_and_nothing_is_written(
    world: World, audio: str
) -> None:
    before = world.harness.items()
    with pytest.raises(AudioUrlRefused):
        world.transcribe(audio=audio)
    assert (world.harness.items(), world.vendor.requests) == (before, [])


def test_more_minutes_than_credits_are_refused(world: World) -> None:
    world.transcribe(minutes=1)
    before = world.harness.items()
    with pytest.raises(InsufficientCredits):
        world.transcribe(minutes=600)
    assert (world.harness.items(), len(world.vendor.requests)) == (before, 1)


def test_the_same_key_is_the_same_job_and_another_body_is_refused(world: World) -> None:
    first = world.transcribe(key="k")
    again = world.transcribe(key="k")
    assert (again.job.job_id, again.replayed) == (first.job.job_id, True)
    assert len(world.vendor.requests) == 1


def test_an_erasure_removes_what_was_said(world: World) -> None:
    job = world.transcribe().job
    world.vendor.completes(job, 600, spoken(1000))
    world.settled(job)
    world.harness.table.get(keys.head("ann", job.job_id))
    assert world.results.erase_content("ann", job.job_id)
    assert world.violations() == []


def test_an_upload_that_is_not_there_is_refused_and_nothing_is_written(world: World) -> None:
    before = world.harness.items()
    with pytest.raises(UploadsNotConfigured):
        world.transcribe(audio="upload:upl_00000000000000000000000000")
    with pytest.raises(UploadNotFound):
        world.transcribe(audio="upload:none")
    assert (world.harness.items(), world.vendor.requests) == (before, [])


class Files:
    """One upload, whose link is another each time."""

    links = 0

    def source(self, user_id: str, upload_id: str, kind: UploadKind) -> UploadSource:
        self.links += 1
        url = f"{self.address(user_id, upload_id)}?X-Amz-Signature={self.links}"
        return UploadSource(url, kind, "audio/mpeg", 1000, UploadFacts(milliseconds=1000))

    def address(self, user_id: str, upload_id: str) -> str:
        return f"https://files.example.com/uploads/{user_id}/{upload_id}"


def test_an_upload_is_sought_by_its_link_without_the_signature() -> None:
    world = world_of(replacing={Uploads: Files()})
    world.vendor.refusal = Indeterminate()
    upload = "upload:upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
    job = world.transcribe(audio=upload, owner="ann").job
    world.harness.work_until(60)
    sent, sought = world.vendor.requests[0].audio_url, world.vendor.sought[-1]
    assert sought.is_its_audio(sent)
    assert sought.is_its_audio(sent.replace("Signature=", "Signature=9"))
    assert not sought.is_its_audio(sent.replace("upl_", "other_"))
    assert "files.example.com" not in str(world.harness.items())
    assert world.harness.job(job.job_id).payload["isUpload"] is True
    assert world.violations() == []
