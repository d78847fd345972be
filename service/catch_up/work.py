"""A catch-up as a kind of work: one hold by the most that all of its steps can cost, one charge for
what they did cost.

In a file of its own because `jobs` calls it, while the routes call `operations`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from service.catalog.entities import TRANSCRIPTION, PriceNotFound
from service.catalog.operations import Catalog
from service.catalog.pricing import Counter, Metered, Usage
from service.catch_up.bounds import limits_of, limits_of_recording, max_parts
from service.catch_up.checks import payload_faults, result_faults
from service.catch_up.entities import (
    CATCH_UP,
    FAILURES,
    BroadcastUnnamed,
    CatchUpBody,
    DurationUnknown,
    Recording,
    TranscriptTooLong,
    WordsNamedTwice,
)
from service.catch_up.schemas import (
    EXAMPLE_REQUEST,
    CatchUpJobSchema,
    CatchUpRequestSchema,
    content_body,
)
from service.catch_up.stored import COUNTERS, CatchUpResults, CatchUpVerdict
from service.catch_up.words import Library
from service.core.amounts import Amount
from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.identity.entities import ScopeMissing
from service.jobs.entities import Job, JobNotFound, ProviderCost
from service.jobs.work import Charge, Estimate, Facts, RequestForm, Verdict, estimate_by, price_of
from service.ledger.movements import too_few
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.text.models import TextModel
from service.transcription.entities import AudioRejected, NoTranscript
from service.uploads.entities import (
    UploadNotFound,
    UploadNotScanned,
    UploadsNotConfigured,
    UploadsUnavailable,
    UploadUnusable,
)

MAX_BODY_BYTES = 8 * 1024
MAX_FAULT_CHARACTERS = 40


class Lengths(Protocol):
    def seconds(self, recording: Recording) -> int: ...


def catch_up_form(library: Library, lengths: Lengths) -> RequestForm:
    """The body of the route."""

    def read(principal: Principal, fields: Mapping[str, Any]) -> CatchUpBody:
        """Raises `BroadcastUnnamed`, `WordsNamedTwice`, and `ScopeMissing` where the session may
        not read the transcript: its summary shows what was said."""
        channel, video_id = fields["channel"], fields["video_id"]
        if bool(channel) == bool(video_id):
            raise BroadcastUnnamed
        since, transcript_id = fields["since"], fields["transcript_id"] or ""
        if transcript_id and not principal.may(SessionScope.READ_JOBS):
            raise ScopeMissing(SessionScope.READ_JOBS)
        words = library.words(principal.subject, transcript_id, since)
        body = CatchUpBody((channel or "").lower(), video_id or "", since, transcript_id, words)
        if not fields["upload_id"]:
            return body
        if transcript_id:
            raise WordsNamedTwice
        minutes = fields["max_minutes"] or 0
        recording = Recording(principal.subject, fields["upload_id"], minutes)
        return replace(body, recording=recording, length=OwnLength(lengths, recording))

    return RequestForm(
        schema=CatchUpRequestSchema,
        read=read,
        errors=(
            *(BroadcastUnnamed, TranscriptTooLong, NoTranscript, JobNotFound),
            *(WordsNamedTwice, DurationUnknown, AudioRejected, UploadsNotConfigured),
            *(UploadNotFound, UploadUnusable, UploadNotScanned, UploadsUnavailable),
            *(StorageUnavailable, DataKeyUnavailable, DataUnreadable),
        ),
        example=EXAMPLE_REQUEST,
        max_body_bytes=MAX_BODY_BYTES,
    )


class OwnLength:
    """See `service.catch_up.entities.Length`."""

    def __init__(self, lengths: Lengths, recording: Recording) -> None:
        self._lengths = lengths
        self._recording = recording
        self._seconds: int | None = None

    def seconds(self) -> int:
        if self._seconds is None:
            self._seconds = self._lengths.seconds(self._recording)
        return self._seconds


class CatchUp:
    """See `service.jobs.work.Call` for what its methods promise."""

    operation = CATCH_UP
    schema = CatchUpJobSchema
    failures = FAILURES

    def __init__(
        self,
        model: TextModel,
        form: RequestForm,
        catalog: Catalog,
        results: CatchUpResults,
        limit_seconds: float,
        grace_seconds: float,
        speech_model: str = "",
    ) -> None:
        self.model = model
        self.provider = model.provider
        self.form = form
        self.limit_seconds = limit_seconds
        self.grace_seconds = grace_seconds
        self.is_cancellable = not model.hides_reasoning
        self._catalog = catalog
        self._results = results
        self._speech_model = speech_model

    def validate(self, body: CatchUpBody) -> None:
        """Reads the words, or how long they are, once: what they cost depends on it. Raises what
        `Words.parts` and `Length.seconds` raise, and `NoTranscript` for a recording that ends
        before."""
        if body.length is None:
            body.words.parts()
        elif body.since >= body.length.seconds():
            raise NoTranscript("It ends before that second.")

    def estimate(self, body: CatchUpBody) -> Estimate:
        """Raises `PriceNotFound`, also for a recording where minutes have no price, or
        `PricesUnavailable`, and what `validate` raises."""
        price = self._catalog.quote(self.operation)
        seconds = body.length.seconds() if body.length else 0
        if seconds and isinstance(price.terms, Metered):
            _require_minutes(price.terms)
        if body.length:
            limits = limits_of_recording(seconds - body.since, self.model)
        else:
            limits = limits_of(body.words.parts(), self.model)
        bound: Usage = {
            Counter.MILLISECONDS: seconds * 1000,
            Counter.INPUT_TOKENS: limits.input_tokens,
            Counter.OUTPUT_TOKENS: limits.output_tokens,
        }
        return estimate_by(price, bound)

    def fitted(self, body: CatchUpBody, affordable: Amount) -> CatchUpBody:
        """Leaves nothing open. Raises `InsufficientCredits`, and what `estimate` raises."""
        cost = self.estimate(body).amount
        if cost > affordable:
            raise too_few(cost, affordable)
        return body

    def payload(self, body: CatchUpBody) -> Facts:
        """What was watched is the user's own matter: it is kept with the result, encrypted."""
        facts: Facts = {
            "model": self.model.name,
            "transcriptId": body.transcript_id,
            "since": body.since,
        }
        if body.recording is None or body.length is None:
            return {**facts, "parts": len(body.words.parts())}
        count = max_parts(body.length.seconds() - body.since)
        return {**facts, "uploadId": body.recording.upload_id, "parts": count}

    def verdict(self, job: Job) -> Verdict | None:
        """Raises what the store of results raises."""
        found = self._results.verdict(job)
        return self.judged(job, found) if found else None

    def judged(self, job: Job, verdict: CatchUpVerdict) -> Verdict:
        """What such an end means for the job: the sum of its steps' usage, priced once."""
        usage = {str(counter): verdict.usage.get(counter, 0) for counter in COUNTERS}
        is_complete = verdict.failure is None
        amount = price_of(job).terms.cost(usage, is_complete=is_complete)
        charge = Charge(amount, {name: count for name, count in usage.items() if count})
        if not verdict.estimated:
            charge = replace(charge, provider_cost=self._provider_cost(usage))
        result: Facts = {"points": verdict.points, "estimated": verdict.estimated}
        return Verdict(charge, result, verdict.failure, verdict.fault[:MAX_FAULT_CHARACTERS])

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return payload_faults(payload)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return result_faults(result)

    def render(self, job: Job) -> Mapping[str, object]:
        payload: Any = job.payload
        result: Any = job.result or {}
        return {
            "model": payload.get("model", self.model.name),
            "transcriptId": payload.get("transcriptId", ""),
            "uploadId": payload.get("uploadId"),
            "since": payload.get("since", 0),
            "parts": payload.get("parts", 0),
            "estimated": bool(result.get("estimated", False)),
        }

    def content(self, job: Job) -> Mapping[str, object]:
        """The summary, once there is one. Raises what the store of results raises."""
        return content_body(self._results.read(job) if job.result else None)

    def _provider_cost(self, usage: Usage) -> ProviderCost | None:
        """Of all vendors together; None where one has no rate, or another currency."""
        cost = self._catalog.provider_cost(self.operation, self.model.model_id, usage)
        if cost is None or not usage[Counter.MILLISECONDS]:
            return ProviderCost(cost.micros, cost.currency) if cost else None
        audio = self._catalog.provider_cost(TRANSCRIPTION, self._speech_model, usage)
        if audio is None or audio.currency != cost.currency:
            return None
        return ProviderCost(cost.micros + audio.micros, cost.currency)


def _require_minutes(terms: Metered) -> None:
    """Nothing is free by omission: an operator's price may be older than recordings are. Raises
    `PriceNotFound`."""
    if Counter.MILLISECONDS not in terms.counters:
        raise PriceNotFound(
            "Recordings have no price here. Send a `transcriptId` instead of `uploadId`.",
            details={"operation": CATCH_UP},
        )
