"""A catch-up of an upload: its recording is transcribed within the one hold, quoted before, and
charged with the steps when the whole is delivered."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from service.admin.prices import Prices
from service.catalog.current_prices import CurrentPrices
from service.catalog.entities import PriceNotFound
from service.catalog.pricing import Metered, Price, Rate
from service.catch_up.bounds import limits_of_recording, max_parts
from service.catch_up.entities import (
    CATCH_UP,
    CatchUpBody,
    DurationUnknown,
    NewCatchUp,
    Recording,
    WordsNamedTwice,
)
from service.catch_up.operations import CatchUps
from service.core.errors import FareboxError
from service.jobs.entities import Job, JobStatus
from service.jobs.operations import Submission
from service.jobs.work import AnyWork
from service.providers.base import (
    Found,
    Indeterminate,
    NotFound,
    Rejected,
    RejectionReason,
    SoughtJob,
    Task,
    TaskLookup,
    TaskStatus,
    TranscriptionProvider,
)
from service.providers.generation import Refused
from service.text.feature import CLOSING_SECONDS
from service.text.runs import Runs
from service.text.verdicts import Stop
from service.transcription.entities import NoTranscript
from service.uploads.entities import Facts, UploadKind, UploadNotFound, UploadSource
from service.uploads.operations import Uploads
from tests.admin.actions import action
from tests.catch_up.conftest import LATE, MODEL, USAGE, World, principal, spoken, step, world_of
from tests.transcription.conftest import A_MINUTE, Vendor

UPLOAD = "upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
SECONDS = 90
COST = 18  # 15 thousandths for 90 seconds, and 900 x 2 + 50 x 8 millionths, in one sum
_USUAL = {"channel": None, "video_id": "7", "transcript_id": None, "upload_id": UPLOAD, "since": 0}
_RUNNING = Found(Task("t_1", TaskStatus.RUNNING))
_UNREADABLE = Found(Task("t_1", TaskStatus.SUCCEEDED, document={"text": 5}))


@dataclass
class Files:
    """Uploads of one user: each link is another, and what the file says of its length."""

    milliseconds: int | None = SECONDS * 1000
    links: int = 0

    def source(self, user_id: str, upload_id: str, kind: UploadKind) -> UploadSource:
        if (user_id, upload_id) != ("ann", UPLOAD):
            raise UploadNotFound
        assert kind is UploadKind.AUDIO
        self.links += 1
        url = f"https://files.example.com/{upload_id}?signature={self.links}"
        return UploadSource(url, kind, "audio/mpeg", 1000, Facts(milliseconds=self.milliseconds))

    def address(self, user_id: str, upload_id: str) -> str:
        return f"https://files.example.com/{upload_id}"


@dataclass
class Transcriber(Vendor):
    """Each task is found as `responses` say, one after the other, and then transcribed."""

    responses: list[TaskLookup | Callable[[], TaskLookup]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=lambda: spoken(SECONDS))
    seconds: object = SECONDS
    fetched: int = 0

    def fetch_task(self, task_id: str | None, job: SoughtJob) -> TaskLookup:
        self.sought.append(job)
        self.fetched += 1
        if self.fetched <= len(self.responses):
            response = self.responses[self.fetched - 1]
            return response() if callable(response) else response
        facts: dict[str, Any] = {"model": "universal-2", "audioSeconds": self.seconds}
        task = Task(f"t_{job.job_id}", TaskStatus.SUCCEEDED, facts, document=self.document)
        return Found(task)


@dataclass
class Recorded:
    world: World
    vendor: Transcriber
    files: Files

    @property
    def work(self) -> AnyWork:
        return self.world.harness.operations.known(CATCH_UP)

    def body(self, **fields: Any) -> CatchUpBody:
        given = {**_USUAL, "max_minutes": None, **fields}
        body: CatchUpBody = self.work.form.read(principal(), given)
        return body

    def begin(self, key: str | None = None, **fields: Any) -> Any:
        new = NewCatchUp(principal(), "phone", self.body(**fields), key)
        return self.world.harness.parts.get(CatchUps).begin(new)

    def made(self, *scripts: Any, **fields: Any) -> Job:
        self.world.text.scripts += scripts
        return self.world.harness.job(self.begin(**fields).job.job_id)


def recorded(**options: Any) -> Recorded:
    vendor, files = Transcriber(), Files()
    replacements = {TranscriptionProvider: vendor, Uploads: files}
    return Recorded(world_of(replacements=replacements, **options), vendor, files)


@pytest.fixture
def found() -> Recorded:
    return recorded()


def test_the_recording_and_the_steps_are_one_hold_and_one_charge(found: Recorded) -> None:
    job = found.made(step(*LATE))
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
    assert job.usage == {
        "milliseconds": SECONDS * 1000,
        "inputTokens": 900,
        "outputTokens": 50,
    }
    assert [each["at"] for each in found.world.summary(job)] == [20, 40]
    kinds = [entry.kind.value for entry in found.world.harness.ledger.entries("ann")]
    assert kinds == ["INITIAL", "HOLD", "CAPTURE"]
    # 0.0025 a minute to AssemblyAI, and the text.
    assert job.provider_cost is not None
    assert job.provider_cost.micros == 3750 + 440
    (request,) = found.vendor.requests
    assert (request.job_id, request.max_seconds) == (job.job_id, SECONDS)
    assert "/callbacks/assemblyai/" in request.callback_url
    assert found.vendor.deleted == [f"t_{job.job_id}"]
    assert "files.example.com" not in str(found.world.harness.items())
    found.world.require_clean()


def test_the_hold_is_what_all_of_it_can_cost_and_what_a_quote_says(found: Recorded) -> None:
    limits = limits_of_recording(SECONDS, MODEL)
    tokens = limits.input_tokens * 2 + limits.output_tokens * 8
    bound = -(-(SECONDS * A_MINUTE * 1000 // 60 + tokens) // 1000)
    quote = found.world.harness.jobs.quote(principal(), CATCH_UP, found.body())
    job = found.made((Refused(RejectionReason.CONTENT),))
    assert (quote.estimate.amount, job.held) == (bound, bound)


@pytest.mark.parametrize(
    ("claimed", "minutes", "seconds"),
    [(90_001, None, 91), (None, 3, 180), (90_000, 1, 60), (90_000, 600, 90), (1, None, 1)],
)
def test_what_is_transcribed_is_bound_by_the_file_and_by_the_request(
    found: Recorded, claimed: int | None, minutes: int | None, seconds: int
) -> None:
    found.files.milliseconds = claimed
    found.vendor.document, found.vendor.seconds = spoken(1), 1
    job = found.made(step("[0:00:00] It begins."), max_minutes=minutes)
    assert job.status is JobStatus.SUCCEEDED
    assert found.vendor.requests[0].max_seconds == seconds


def test_a_file_of_unknown_length_needs_a_limit_and_nothing_is_written(found: Recorded) -> None:
    found.files.milliseconds = None
    with pytest.raises(DurationUnknown):
        found.begin()
    assert (found.world.harness.items(), found.vendor.requests) == ([], [])


def test_without_a_price_by_the_minute_nothing_is_transcribed(found: Recorded) -> None:
    harness, of_words = found.world.harness, Metered({Rate.INPUT: 2_000_000})
    price = Price(CATCH_UP, of_words, harness.clock.now() + 3_600_000)
    harness.parts.get(Prices).schedule(action(name="schedule price", subject=None), price)
    harness.clock.advance(3601)
    harness.parts.get(CurrentPrices).refresh()
    before = harness.items()
    with pytest.raises(PriceNotFound):
        found.begin()
    assert (harness.items(), found.vendor.requests) == (before, [])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"upload_id": "upl_01kb7r3v6q8f2x0m4n5p6q7r8t"}, UploadNotFound),
        ({"transcript_id": "job_01kb7r3v6q8f2x0m4n5p6q7r8s"}, WordsNamedTwice),
        ({"since": SECONDS}, NoTranscript),
    ],
)
def test_what_cannot_be_transcribed_is_refused_and_nothing_is_written(
    found: Recorded, fields: dict[str, Any], error: type[FareboxError]
) -> None:
    with pytest.raises(error):
        found.begin(**fields)
    assert (found.world.harness.items(), found.vendor.requests) == ([], [])


def test_only_what_is_said_from_then_on_is_summarized_and_all_of_it_transcribed(
    found: Recorded,
) -> None:
    job = found.made(step("[0:01:00] Near the end."), since=60)
    assert job.usage["milliseconds"] == SECONDS * 1000
    assert "word55" not in found.world.text.sent[0].messages[-1].text
    assert "word60" in found.world.text.sent[0].messages[-1].text


def test_a_repeated_key_is_the_same_job_and_transcribes_nothing_again(found: Recorded) -> None:
    found.world.text.scripts.append(step(*LATE))
    first = found.begin("key")
    again = found.begin("key")
    assert isinstance(again, Submission)
    assert again.job.job_id == first.job.job_id
    assert len(found.vendor.requests) == 1


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        (RejectionReason.BUSY, "PROVIDER_BUSY"),
        (RejectionReason.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        (RejectionReason.AUDIO, "AUDIO_REJECTED"),
    ],
)
def test_a_recording_that_is_not_taken_costs_nothing(
    found: Recorded, reason: RejectionReason, failure: str
) -> None:
    found.vendor.refusal = Rejected(reason)
    job = found.made()
    assert (job.status, job.failure, job.captured, job.house_loss) == (
        *(JobStatus.FAILED, failure, 0, None),
    )
    assert found.world.text.sent == []
    found.world.require_clean()


@pytest.mark.parametrize(
    ("rejection", "failure"),
    [(RejectionReason.AUDIO, "AUDIO_REJECTED"), (None, "GENERATION_FAILED")],
)
def test_a_recording_that_cannot_be_transcribed_costs_no_one(
    found: Recorded, rejection: RejectionReason | None, failure: str
) -> None:
    found.vendor.responses = [Found(Task("t_1", TaskStatus.FAILED, rejection=rejection))]
    job = found.made()
    assert (job.failure, job.captured, job.house_loss) == (failure, 0, None)
    assert not job.retryable
    found.world.require_clean()


def test_a_running_task_is_fetched_again_and_one_of_a_lost_response_is_found(
    found: Recorded,
) -> None:
    found.vendor.refusal = Indeterminate()
    found.vendor.responses = [NotFound(), Indeterminate(), _RUNNING, _RUNNING]
    job = found.made(step(*LATE))
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
    assert len(found.vendor.requests) == 1
    assert found.vendor.sought[0].is_its_audio(found.vendor.requests[0].audio_url)
    found.world.require_clean()


@pytest.mark.parametrize(
    ("responses", "failure"),
    [([_RUNNING] * 1000, "CATCH_UP_BROKE_OFF"), ([_UNREADABLE], "GENERATION_FAILED")],
)
def test_one_without_a_usable_end_is_free_and_all_of_it_is_the_house_s_loss(
    found: Recorded, responses: list[Any], failure: str
) -> None:
    found.vendor.responses = responses
    job = found.made()
    assert (job.failure, job.captured, job.house_loss) == (failure, 0, 15)
    assert not job.retryable
    found.world.require_clean()


def test_a_cancelled_one_is_free_and_what_is_billed_is_counted(found: Recorded) -> None:
    def cancel() -> TaskLookup:
        for run in list(found.world.harness.parts.get(Runs)):
            run.end(Stop.CANCELLED)
        return _RUNNING

    found.vendor.responses = [cancel]
    job = found.made()
    assert (job.failure, job.captured, job.house_loss) == ("CANCELLED", 0, 15)
    found.world.require_clean()


def test_one_that_its_process_ends_is_settled_before_the_process_is_gone(found: Recorded) -> None:
    clock, ended_at = found.world.harness.clock, [0.0]

    def end() -> TaskLookup:
        ended_at[0] = clock.monotonic()
        found.world.harness.parts.get(Runs).end_all()
        return _RUNNING

    found.vendor.responses = [*[_RUNNING] * 40, end]
    assert found.made().house_loss == 15
    assert clock.monotonic() - ended_at[0] < CLOSING_SECONDS / 2


@pytest.mark.parametrize("script", [(Refused(RejectionReason.BUSY),), ()])
def test_steps_that_fail_after_it_make_the_whole_free(found: Recorded, script: Any) -> None:
    job = found.made(script)
    assert (job.failure, job.captured, job.house_loss) == ("CATCH_UP_BROKE_OFF", 0, 15)
    assert not job.retryable
    found.world.require_clean()


def test_a_recording_in_which_nothing_is_said_is_free(found: Recorded) -> None:
    found.vendor.document = {"text": "", "words": []}
    job = found.made()
    assert (job.failure, job.captured, job.house_loss) == ("NO_TRANSCRIPT", 0, 15)
    found.world.require_clean()


def test_more_words_than_anybody_speaks_are_not_charged(found: Recorded) -> None:
    found.vendor.document = spoken(SECONDS, "a-very-long-word-of-number-{at} " * 60, 1)
    assert max_parts(SECONDS) == 2
    for word in found.vendor.document["words"]:
        word["text"] = "w" * 60
    crowd = [
        {**word, "start": word["start"] + at, "end": word["start"] + at + 1}
        for word in found.vendor.document["words"]
        for at in range(10)
    ]
    found.vendor.document["words"] = crowd
    job = found.made()
    assert (job.failure, job.captured) == ("TRANSCRIPT_TOO_LONG", 0)
    assert found.world.text.sent == []


@pytest.mark.parametrize("reported", [None, 0, 10, "90"])
def test_a_duration_that_cannot_be_is_not_believed(found: Recorded, reported: object) -> None:
    """Words are said up to 85.4 seconds: that is our own count."""
    found.vendor.seconds = reported
    job = found.made(step(*LATE))
    assert job.status is JobStatus.SUCCEEDED
    assert job.usage["milliseconds"] == 85_400
    assert job.result is not None
    assert job.result["estimated"] is True


def test_a_process_that_dies_meanwhile_charges_nothing(found: Recorded) -> None:
    class Died(BaseException):
        """As `kill -9`: nothing runs after it."""

    def die() -> TaskLookup:
        raise Died

    found.vendor.responses = [die]
    with pytest.raises(Died):
        found.made()
    found.world.harness.work_until(900)
    (job,) = found.world.harness.jobs.page("ann", 20, None).jobs
    assert (job.failure, job.captured) == ("INTERRUPTED", 0)
    assert found.world.harness.wallet().held == 0


def test_a_callback_of_its_transcript_changes_nothing(found: Recorded) -> None:
    def call_back() -> TaskLookup:
        (request,) = found.vendor.requests
        token = request.callback_url.rpartition("/")[2]
        headers = {"x-farebox-callback": "secret"}
        found.world.harness.jobs.handle_callback(
            "assemblyai", token, headers, b"{}", lambda _: True
        )
        return _RUNNING

    found.vendor.responses = [call_back]
    job = found.made(step(*LATE))
    assert (job.status, job.captured) == (JobStatus.SUCCEEDED, COST)
    found.world.require_clean()


def test_the_bound_grows_with_the_recording_and_ends_at_what_is_offered() -> None:
    assert max_parts(3600) == 13
    assert max_parts(10 * 3600) == 48
    short, long = (limits_of_recording(each, MODEL) for each in (60, 36_000))
    assert short.input_tokens < long.input_tokens
    assert replace(short) == short


def test_the_recording_is_of_who_requests_it(found: Recorded) -> None:
    assert found.body().recording == Recording("ann", UPLOAD, 0)
    assert USAGE.input_tokens == 900
