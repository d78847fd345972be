"""Texts and transcriptions: what clients request of them, and what must hold when all is over: the
credits captured are what the rules say of the vendor's own books."""

import contextlib
from collections.abc import Mapping
from typing import Any

from service.catalog.entities import LIVE_BLOCK, LIVE_TRANSCRIPTION
from service.catch_up.entities import CATCH_UP
from service.core.amounts import Amount, amount_of
from service.core.errors import Unavailable
from service.core.principal import Principal
from service.jobs.entities import Failure, Job
from service.jobs.operations import Submission
from service.jobs.schemas import job_body
from service.live.block_sales import BlockSales
from service.providers.base import RejectionReason
from service.providers.generation import BrokenOff, Complete, Message, Refused, Role
from service.text.entities import NewText, TextBody, TextFailure
from service.text.event_schemas import has_begun, run_events
from service.text.operations import Text
from service.text.runs import Run as TextRun
from service.text.runs import Runs
from service.text.sweeps import Cancellations
from service.transcription.entities import NewTranscription, TranscriptionBody
from service.transcription.operations import Transcriptions
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration import blocks, catch_ups, live_sessions
from tests.faults.enumeration.recordings import job_of
from tests.faults.enumeration.stage import (
    DEVICE,
    RECORDINGS_ON,
    USER,
    NumberedIds,
    Scenario,
    SentRequest,
)
from tests.faults.enumeration.tables import Items, MemoryBehind
from tests.faults.enumeration.texts import USAGE, Book
from tests.faults.library.effects import Meanwhile
from tests.simulation.checks import plain, require

ANN = Principal("https://accounts.google.com", USER, f"{USER}@example.com")
PROMPT = "Describe a lighthouse."
# The prompt, and what frames it.
INPUT_BOUND = len(PROMPT) + 64 + 16
MAX_TOKENS = 9000
AUDIO = "https://audio.example.com/talk-90s.mp3"
UNUSABLE_AUDIO = "https://audio.example.com/noaudio.mp3"
LONG_AUDIO = "https://audio.example.com/talk-1800s.mp3"
MINUTES = 40
FIRST_JOB = f"job_{1:026d}"
_NOTHING = {"N": "0"}


def write(
    scenario: Scenario, key: str | None = None, step: str = "write", *, streamed: bool = False
) -> None:
    """A client's request for a text, whatever comes of it."""
    sent = SentRequest(step, key, "", NumberedIds(scenario.begun))
    scenario.sent.append(sent)
    if key is not None:
        scenario.run.others[Meanwhile.TWIN] = lambda: write(scenario, key, "twin")
    scenario.run.step(step, lambda: _write(scenario, sent, streamed))


def transcribe(
    scenario: Scenario, key: str | None = None, audio: str = AUDIO, step: str = "transcribe"
) -> None:
    """A client's request for a transcript, whatever comes of it."""
    sent = SentRequest(step, key, audio, NumberedIds(scenario.begun))
    scenario.sent.append(sent)
    if key is not None:
        scenario.run.others[Meanwhile.TWIN] = lambda: transcribe(scenario, key, audio, "twin")
    scenario.run.step(step, lambda: _transcribe(scenario, sent))


def buy_block(scenario: Scenario, key: str | None = None, step: str = "buy") -> None:
    """A client's request for a block of time, whatever comes of it."""
    sent = SentRequest(step, key, "", NumberedIds(scenario.begun))
    scenario.sent.append(sent)
    if key is not None:
        scenario.run.others[Meanwhile.TWIN] = lambda: buy_block(scenario, key, "twin")
    scenario.run.step(step, lambda: _buy_block(scenario, sent))


def catch_up(
    scenario: Scenario,
    key: str | None = None,
    step: str = "catch up",
    words_id: str = FIRST_JOB,
) -> None:
    """A client's request for a catch-up of the first job, or of an upload, whatever comes of it."""
    sent = SentRequest(step, key, words_id, NumberedIds(scenario.begun))
    scenario.sent.append(sent)
    if key is not None:
        scenario.run.others[Meanwhile.TWIN] = lambda: catch_up(scenario, key, "twin", words_id)
    scenario.run.step(step, lambda: _catch_up(scenario, sent))


def talk(scenario: Scenario) -> None:
    """A live session, whatever comes of it."""
    sent = SentRequest("talk", None, "", NumberedIds(scenario.begun))
    scenario.sent.append(sent)
    scenario.run.step("talk", lambda: _talk(scenario, sent))


def call_back(scenario: Scenario) -> None:
    """AssemblyAI calls back about every transcript that has ended."""
    for task in scenario.recordings.tasks():
        if task["status"] in ("completed", "error"):
            token = task["webhook_url"].rpartition("/")[2]
            scenario.run.step("callback", lambda token=token: _receive(scenario, token))


def _write(scenario: Scenario, sent: SentRequest, streamed: bool) -> None:
    process = scenario.process(sent.ids)
    _let_others_end(scenario, process, sent)
    body = TextBody((Message(Role.USER, PROMPT),), None, MAX_TOKENS)
    text = process.parts.get(Text)
    try:
        begun = text.generate(NewText(ANN, DEVICE, body, sent.key))
        if isinstance(begun, TextRun):
            job = _read(scenario, process, begun) if streamed else text.finished(begun)
            sent.response = Submission(job, begun.remaining)
        else:
            text.checked(begun.job)
            sent.response = begun
    except Exception as error:
        sent.response = error


def _read(scenario: Scenario, process: ServiceHarness, run: TextRun) -> Any:
    """As the route does; what it writes is what the vendor wrote."""
    if not has_begun(run):
        return process.parts.get(Text).finished(run)

    def body(job: Job) -> Mapping[str, object]:
        return {**job_body(job, process.operations), **run.content}

    events = run_events(run, scenario.clock, body)
    written = "".join(events)
    require(written.startswith("event: start"), f"a stream that begins {written[:40]!r}")
    return run.job


def _let_others_end(scenario: Scenario, process: ServiceHarness, sent: SentRequest) -> None:
    """What its user and its container can do to the process that makes the call."""
    (sweep,) = [each for each in process.parts.web_sweeps() if isinstance(each, Cancellations)]

    def cancel() -> None:
        with contextlib.suppress(Unavailable):
            scenario.process().jobs.cancel(USER, sent.ids.made[-1])

    def read_wishes() -> None:
        with contextlib.suppress(Unavailable):
            sweep.run_once()

    def cancelled() -> None:
        scenario.run.step("cancel", cancel)
        scenario.run.step("read wishes", read_wishes)

    scenario.run.others[Meanwhile.USER] = cancelled
    scenario.run.others[Meanwhile.DRAIN] = process.parts.get(Runs).end_all


def _buy_block(scenario: Scenario, sent: SentRequest) -> None:
    try:
        sales = scenario.process(sent.ids).parts.get(BlockSales)
        sent.response = blocks.buy(sales, scenario.tokens, ANN, DEVICE, sent.key)
    except Exception as error:
        sent.response = error


def _catch_up(scenario: Scenario, sent: SentRequest) -> None:
    process = scenario.process(sent.ids)
    _let_others_end(scenario, process, sent)
    try:
        sent.response = catch_ups.begin(process, ANN, DEVICE, sent.image, sent.key)
    except Exception as error:
        sent.response = error


def _talk(scenario: Scenario, sent: SentRequest) -> None:
    try:
        live_sessions.talk(scenario.process(sent.ids), scenario.speech, ANN, DEVICE)
    except Exception as error:
        sent.response = error


def _transcribe(scenario: Scenario, sent: SentRequest) -> None:
    body = TranscriptionBody(sent.image, MINUTES)
    new = NewTranscription(ANN, DEVICE, body, sent.key)
    try:
        transcriptions = scenario.process(sent.ids).parts.get(Transcriptions)
        sent.response = transcriptions.create(new)
    except Exception as error:
        sent.response = error


def _receive(scenario: Scenario, token: str) -> None:
    headers, body = {"x-farebox-callback": "callback-secret"}, b'{"status": "completed"}'
    with contextlib.suppress(Unavailable):
        jobs = scenario.process().jobs
        jobs.handle_callback("assemblyai", token, headers, body, lambda _: True)


def text_price(input_tokens: int, output_tokens: int) -> Amount:
    """In thousandths: 2 and 8 credits for a million tokens, at least a thousandth."""
    return max(1, -(-(2 * input_tokens + 8 * output_tokens) // 1000))


def charge_of(book: Book) -> Amount:
    """What the rules say of a call that wrote something: the vendor's report if it is possible, or
    else the input as it was held and a token for four bytes."""
    usage = book.last.usage if isinstance(book.last, Complete) else None
    if usage is not None and usage.output_tokens <= MAX_TOKENS:
        return text_price(usage.input_tokens, usage.output_tokens)
    return text_price(INPUT_BOUND, min(len(book.text) // 4, MAX_TOKENS))


class WorkVerdict:
    """The end of one run, for jobs that are no videos."""

    def __init__(self, scenario: Scenario, items: Items) -> None:
        self._scenario = scenario
        self._items = items
        self._calls = scenario.texts.calls
        self._tasks = {str(job_of(task["webhook_url"])): task for task in self._all_tasks()}

    def check(self, job_id: str, job: Mapping[str, Any]) -> None:
        """Raises `Violation`."""
        if plain(job["operation"]).endswith(":text"):
            self._text(job_id, job)
        elif plain(job["operation"]) == CATCH_UP:
            self._catch_up(job_id, job)
        elif plain(job["operation"]) == LIVE_TRANSCRIPTION:
            self._live(job_id, job)
        elif plain(job["operation"]) == LIVE_BLOCK:
            blocks.check(job_id, job, self._scenario.tokens)
        else:
            self._transcription(job_id, job)

    def check_books(self, jobs: Mapping[str, Any]) -> None:
        """What a vendor did belongs to a job, and was requested once. Raises `Violation`."""
        for job_id, calls in self._calls.items():
            sends, steps = sum(call.sends for call in calls), self._scenario.habits.steps
            require(sends <= max(1, len(steps)), f"{job_id} was sent {sends} times")
            require(job_id in jobs, f"{job_id} was sent and does not exist")
        require(len(self._tasks) == len(self._all_tasks()), "two transcripts for one job")
        require(self._tasks.keys() <= jobs.keys(), "a transcript of no job")

    def _all_tasks(self) -> list[dict[str, Any]]:
        return self._scenario.recordings.tasks()

    def _text(self, job_id: str, job: Mapping[str, Any]) -> None:
        book = self._calls[job_id][-1] if job_id in self._calls else None
        captured, loss = _amount(job, "captured"), _amount(job, "houseLoss")
        if plain(job["status"]) == "SUCCEEDED":
            require(book is not None and book.text != "", f"{job_id} was charged and wrote nothing")
            if book is not None:
                require(not isinstance(book.last, BrokenOff), f"{job_id} is charged for a fault")
                rule = min(_amount(job, "held"), charge_of(book))
                require(captured == rule, f"{job_id} captured {captured} instead of {rule}")
                self._delivered(job_id, book.text)
            return
        require(captured == 0, f"{job_id} failed and was charged {captured}")
        self._failed(job_id, str(plain(job.get("error"))), book, loss)
        if loss and book is not None and book.text:
            self._delivered(job_id, book.text)

    def _live(self, job_id: str, job: Mapping[str, Any]) -> None:
        disturbed = bool(self._scenario.run.met)
        live_sessions.check(job_id, job, self._scenario.speech, was_disturbed=disturbed)
        if plain(job["status"]) == "SUCCEEDED":
            found = self._reader().parts.get(Transcriptions).get(USER, job_id).transcript
            text = found.text if found is not None else ""
            require("word0" in text, f"{job_id} delivers {text!r}")

    def _catch_up(self, job_id: str, job: Mapping[str, Any]) -> None:
        reader = self._reader()
        catch_ups.CatchUpVerdict(
            job_id,
            job,
            self._calls.get(job_id, ()),
            len(self._scenario.habits.steps),
            reader.operations.content(reader.job(job_id)),
            bool(self._scenario.run.met),
            "uploadId" in job["payload"]["M"],
        ).check()

    def _failed(self, job_id: str, failure: str, book: Book | None, loss: Amount) -> None:
        """Why it failed is what its vendor says, and what the vendor bills is counted."""
        text, last = (book.text, book.last) if book else ("", None)
        own_count = text_price(INPUT_BOUND, len(text) // 4)
        match failure:
            case TextFailure.PROVIDER_BROKE_OFF:
                require(bool(text) and isinstance(last, BrokenOff), f"{job_id} broke off: {last}")
                require(loss == own_count, f"{job_id} lost {loss} instead of {own_count}")
            case TextFailure.NO_RESPONSE:
                require(not text, f"{job_id} wrote {text!r} and has no response")
                billed = isinstance(last, Complete) and last.usage is not None
                rule = text_price(USAGE.input_tokens, USAGE.output_tokens) if billed else 0
                require(loss == rule, f"{job_id} lost {loss} instead of {rule}")
            case Failure.CANCELLED:
                require(not text, f"{job_id} wrote {text!r} and is cancelled")
                require(loss == text_price(INPUT_BOUND, 0), f"{job_id} lost {loss} by a cancel")
            case Failure.INTERRUPTED:
                require(bool(self._scenario.run.met), f"{job_id} was interrupted by no one")
                broke = isinstance(last, BrokenOff)
                rule = own_count if broke or book is None else charge_of(book)
                require(loss in (0, rule), f"{job_id} lost {loss}, not {rule}")
            case Failure.PROVIDER_BUSY:
                require(last == Refused(RejectionReason.BUSY), f"{job_id} was not busy: {last}")
            case Failure.PROVIDER_UNAVAILABLE:
                require(book is None or not book.sends, f"{job_id} was sent")
            case _:
                require(False, f"{job_id} failed with {failure}")

    def _delivered(self, job_id: str, text: str) -> None:
        """What was written can be read to its last letter."""
        reader = self._reader()
        found = reader.operations.content(reader.job(job_id)).get("text")
        require(found == text, f"{job_id} delivers {str(found)[:40]!r} instead of {text[:40]!r}")

    def _transcription(self, job_id: str, job: Mapping[str, Any]) -> None:
        task, failure = self._tasks.get(job_id), plain(job.get("error"))
        status = task["status"] if task else None
        billed = int(task["billed_seconds"]) if task else 0
        # A hundredth of a credit a minute.
        rule = min(_amount(job, "held"), -(-billed * 10 // 60))
        captured, loss = _amount(job, "captured"), _amount(job, "houseLoss")
        if plain(job["status"]) == "SUCCEEDED":
            require(status == "completed", f"{job_id} was charged and not transcribed")
            require(captured == rule, f"{job_id} captured {captured} instead of {rule}")
            transcriptions = self._reader().parts.get(Transcriptions)
            require(
                transcriptions.get(USER, job_id).transcript is not None, f"{job_id} has no words"
            )
            return
        require(captured == 0, f"{job_id} failed and was charged {captured}")
        if status == "completed":
            require(loss == rule and "result" in job, f"{job_id} was delivered and is lost")
        if failure == Failure.GENERATION_FAILED or failure == "AUDIO_REJECTED":
            require(status == "error", f"{job_id} was reported as failed, and did not fail")

    def _reader(self) -> ServiceHarness:
        """A process over the end as it stands still, which meets no fault."""
        connected = memory_client(MemoryBehind(self._items))
        habits = self._scenario.habits
        options = {
            **(RECORDINGS_ON if habits.recordings else {}),
            **(catch_ups.SETTINGS if habits.steps else {}),
            **(live_sessions.SETTINGS if habits.live else {}),
        }
        return ServiceHarness(
            None,
            self._scenario.stage.table.name,
            clock=self._scenario.clock,
            connected=connected,
            public_url="https://farebox.example.com",
            replacements=self._scenario.vendors(),
            **options,
        )


def _amount(job: Mapping[str, Any], name: str) -> Amount:
    return amount_of(plain(job.get(name, _NOTHING)))
