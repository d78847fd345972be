"""A live session as a kind of work: what its slices hold, and what it did cost.

In a file of its own because `jobs` calls it, while routes and relay call `operations`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from service.catalog.entities import LIVE_TRANSCRIPTION
from service.catalog.operations import Catalog
from service.catalog.pricing import Counter, Terms
from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.principal import Principal
from service.identity.entities import GoogleIdMismatch, check_google_id
from service.jobs.entities import Job, ProviderCost
from service.jobs.work import Charge, Estimate, Facts, RequestForm, Verdict, estimate_by, price_of
from service.ledger.movements import too_few
from service.live.checks import payload_faults, result_faults
from service.live.entities import (
    FAILURES,
    MIN_SECONDS,
    Ending,
    LiveBody,
    has_transcript,
)
from service.live.schemas import EXAMPLE_REQUEST, LiveJobSchema, LiveRequestSchema
from service.live.slices import affordable_seconds, cost_of
from service.live.store import read_segments
from service.live.utterances import transcript_of_segments
from service.providers.speech import Encoding, SpeechProvider
from service.results.entities import Owner, ResultTooLarge
from service.results.entities import Verdict as StoredVerdict
from service.results.operations import Results
from service.storage.data_keys import DataKeys
from service.storage.table import Table
from service.transcription.entities import Transcript, content_of

MAX_BODY_BYTES = 8 * 1024
KIND = "live"
INTERRUPTED = "interrupted"


def read_live(principal: Principal, fields: Mapping[str, Any]) -> LiveBody:
    """The request of a body that `LiveRequestSchema` has loaded. Raises `GoogleIdMismatch`."""
    check_google_id(fields["google_id"], principal)
    return LiveBody(fields["sample_rate"], Encoding(fields["encoding"]), fields["languages"])


LIVE_FORM = RequestForm(
    schema=LiveRequestSchema,
    read=read_live,
    errors=(GoogleIdMismatch,),
    example=EXAMPLE_REQUEST,
    max_body_bytes=MAX_BODY_BYTES,
)


class LiveTranscribing:
    """See `service.jobs.work.Session` for what its methods promise."""

    operation = LIVE_TRANSCRIPTION
    form = LIVE_FORM
    schema = LiveJobSchema
    failures = FAILURES
    is_cancellable = False

    def __init__(
        self,
        catalog: Catalog,
        vendor: SpeechProvider,
        results: Results,
        table: Table,
        data_keys: DataKeys,
        clock: Clock,
        slice_seconds: int,
        limit_seconds: float,
        grace_seconds: float,
    ) -> None:
        self.provider = vendor.name
        self.limit_seconds = limit_seconds
        self.grace_seconds = grace_seconds
        self._catalog = catalog
        self._vendor = vendor
        self._results = results
        self._table = table
        self._data_keys = data_keys
        self._clock = clock
        self._slice_seconds = slice_seconds

    def lease_seconds(self, body: LiveBody) -> float:
        return float(body.slice_seconds or self._slice_seconds)

    def validate(self, body: LiveBody) -> None:
        """Its schema has checked all of it."""
        del body

    def estimate(self, body: LiveBody) -> Estimate:
        """The price of the first slice. Raises `PriceNotFound` or `PricesUnavailable`."""
        seconds = body.slice_seconds or self._slice_seconds
        limits = {Counter.MILLISECONDS.value: seconds * 1000}
        return estimate_by(self._catalog.quote(self.operation), limits)

    def fitted(self, body: LiveBody, affordable: Amount) -> LiveBody:
        """As much of a slice as the balance affords. Raises `InsufficientCredits` for less than
        `MIN_SECONDS`, and what `estimate` raises."""
        terms = self.terms()
        seconds = affordable_seconds(terms, 0, 0, self._slice_seconds, affordable)
        if not seconds:
            raise too_few(cost_of(terms, MIN_SECONDS), affordable)
        return body.lasting(seconds)

    def terms(self) -> Terms:
        """Of the price that is in effect. Raises `PriceNotFound` or `PricesUnavailable`."""
        return self._catalog.quote(self.operation).terms

    def payload(self, body: LiveBody) -> Facts:
        return {
            "sampleRate": body.sample_rate,
            "encoding": body.encoding.value,
            "language": body.language,
        }

    def store(
        self, job: Job, ending: str, seconds: int, transcript: Transcript, fault: str = ""
    ) -> StoredVerdict:
        """Stores what a session came to. Returns the verdict that is stored: another's if another
        was first. Raises what `Results.store` raises, but `ResultTooLarge`: of a transcript that is
        too long with its words the text alone is kept."""
        owner = Owner(job.payer, job.actor, job.job_id)
        facts: dict[str, str | int] = {
            "kind": KIND,
            "ending": ending,
            "words": len(transcript.words or ()) or len(transcript.text.split()),
        }
        facts |= {"fault": fault[:40]} if fault else {}
        verdict = StoredVerdict({Counter.MILLISECONDS.value: seconds * 1000}, "", facts)
        try:
            return self._results.store(owner, verdict, content_of(transcript))
        except ResultTooLarge:
            text_alone = Transcript(transcript.text, None)
            return self._results.store(owner, verdict, content_of(text_alone))

    def verdict(self, job: Job) -> Verdict | None:
        """Past its hard limit, when its relay is gone, a session without a result gets that of its
        segments: up to the last of them it was relayed. Raises what the store of results raises."""
        found = self._results.verdict(job.payer, job.job_id)
        if found is None and self._clock.now() >= job.hard_at:
            found = self._of_segments(job)
        return self.judged(job, found) if found else None

    def _of_segments(self, job: Job) -> StoredVerdict | None:
        segments = list(read_segments(self._table, self._data_keys, job))
        seconds = max((each.seconds for each in segments), default=0)
        transcript = transcript_of_segments(segments)
        if not seconds or not transcript.text:
            return None
        return self.store(job, INTERRUPTED, seconds, transcript)

    def judged(self, job: Job, stored: StoredVerdict) -> Verdict:
        """What such an end means for the session's job: whole seconds are charged, by whomever it
        was ended."""
        facts: Mapping[str, Any] = stored.facts
        milliseconds = (stored.usage or {}).get(Counter.MILLISECONDS, 0)
        usage = {Counter.MILLISECONDS.value: milliseconds}
        is_complete = facts.get("ending") == Ending.FINISHED
        amount = price_of(job).terms.cost(usage, is_complete=is_complete)
        result: Facts = {
            "audioSeconds": milliseconds // 1000,
            "words": facts.get("words", 0),
            "ending": facts.get("ending", INTERRUPTED),
        }
        charge = Charge(amount, usage, self._provider_cost(job, usage))
        return Verdict(charge, result, None, str(facts.get("fault", "")))

    def lost(self, job: Job, ending: str, seconds: int, failure: str) -> Verdict:
        """What so much of a vendor's time means that brought its user nothing: free, and a loss of
        the house by our own count. It is not stored: a worker that settles instead of a dead relay
        returns the credits, too."""
        usage = {Counter.MILLISECONDS.value: seconds * 1000}
        verdict = self.judged(job, StoredVerdict(usage, "", {"ending": ending}))
        return replace(verdict, failure=failure)

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return payload_faults(payload)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return result_faults(result)

    def render(self, job: Job) -> Mapping[str, object]:
        result: Any = job.result or {}
        return {
            "transcriptUrl": f"/transcriptions/{job.job_id}" if has_transcript(job) else None,
            "audioSeconds": result.get("audioSeconds"),
            "language": job.payload.get("language"),
            "words": result.get("words"),
            "ending": result.get("ending"),
        }

    def content(self, job: Job) -> Mapping[str, object]:
        """The transcript has a route of its own."""
        del job
        return {}

    def _provider_cost(self, job: Job, usage: Mapping[str, int]) -> ProviderCost | None:
        model = self._vendor.model_of(str(job.payload.get("language", "")))
        cost = self._catalog.provider_cost(self.operation, model, usage)
        return ProviderCost(cost.micros, cost.currency) if cost else None
