"""A catch-up as a kind of work: one hold by the most that all of its steps can cost, one charge for
what they did cost.

In a file of its own because `jobs` calls it, while the routes call `operations`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from service.catalog.operations import Catalog
from service.catalog.pricing import Counter, Usage
from service.catch_up.bounds import limits_of
from service.catch_up.checks import payload_faults, result_faults
from service.catch_up.entities import (
    CATCH_UP,
    FAILURES,
    BroadcastUnnamed,
    CatchUpBody,
    TranscriptTooLong,
)
from service.catch_up.schemas import (
    EXAMPLE_REQUEST,
    CatchUpJobSchema,
    CatchUpRequestSchema,
    content_body,
)
from service.catch_up.stored import COUNTERS, CatchUpResults, CatchUpVerdict
from service.catch_up.words import Library
from service.core.amounts import Amount, credits_number
from service.core.principal import Principal
from service.jobs.entities import Job, JobNotFound, ProviderCost
from service.jobs.work import Charge, Estimate, Facts, RequestForm, Verdict, estimate_by, price_of
from service.ledger.entities import GET_MORE, InsufficientCredits
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.text.models import TextModel
from service.transcription.entities import NoTranscript

MAX_BODY_BYTES = 8 * 1024
MAX_FAULT_CHARACTERS = 40


def catch_up_form(library: Library) -> RequestForm:
    """The body of the route."""

    def read(principal: Principal, fields: Mapping[str, Any]) -> CatchUpBody:
        """Raises `BroadcastUnnamed`."""
        channel, video_id = fields["channel"], fields["video_id"]
        if bool(channel) == bool(video_id):
            raise BroadcastUnnamed
        since, transcript_id = fields["since"], fields["transcript_id"] or ""
        words = library.words(principal.subject, transcript_id, since)
        return CatchUpBody((channel or "").lower(), video_id or "", since, transcript_id, words)

    return RequestForm(
        schema=CatchUpRequestSchema,
        read=read,
        errors=(
            *(BroadcastUnnamed, TranscriptTooLong, NoTranscript, JobNotFound),
            *(StorageUnavailable, DataKeyUnavailable, DataUnreadable),
        ),
        example=EXAMPLE_REQUEST,
        max_body_bytes=MAX_BODY_BYTES,
    )


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
    ) -> None:
        self.model = model
        self.provider = model.provider
        self.form = form
        self.limit_seconds = limit_seconds
        self.grace_seconds = grace_seconds
        self.is_cancellable = not model.hides_reasoning
        self._catalog = catalog
        self._results = results

    def validate(self, body: CatchUpBody) -> None:
        """Reads the words, once: what they cost depends on them. Raises what `Words.parts`
        raises."""
        body.words.parts()

    def estimate(self, body: CatchUpBody) -> Estimate:
        """Raises `PriceNotFound` or `PricesUnavailable`, and what `validate` raises."""
        limits = limits_of(body.words.parts(), self.model)
        bound: Usage = {
            Counter.INPUT_TOKENS: limits.input_tokens,
            Counter.OUTPUT_TOKENS: limits.output_tokens,
        }
        return estimate_by(self._catalog.quote(self.operation), bound)

    def fitted(self, body: CatchUpBody, affordable: Amount) -> CatchUpBody:
        """Leaves nothing open. Raises `InsufficientCredits`, and what `estimate` raises."""
        cost = self.estimate(body).amount
        if cost > affordable:
            raise InsufficientCredits(
                details={
                    "required": credits_number(cost),
                    "available": credits_number(affordable),
                    "action": GET_MORE,
                }
            )
        return body

    def payload(self, body: CatchUpBody) -> Facts:
        """What was watched is the user's own matter: it is kept with the result, encrypted."""
        return {
            "model": self.model.name,
            "transcriptId": body.transcript_id,
            "since": body.since,
            "parts": len(body.words.parts()),
        }

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
            "since": payload.get("since", 0),
            "parts": payload.get("parts", 0),
            "estimated": bool(result.get("estimated", False)),
        }

    def content(self, job: Job) -> Mapping[str, object]:
        """The summary, once there is one. Raises what the store of results raises."""
        return content_body(self._results.read(job) if job.result else None)

    def _provider_cost(self, usage: Usage) -> ProviderCost | None:
        cost = self._catalog.provider_cost(self.operation, self.model.model_id, usage)
        return ProviderCost(cost.micros, cost.currency) if cost else None
