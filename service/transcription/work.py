"""Transcription as a kind of work. What is held is the price of the minutes that were requested,
and imposed on the vendor; what is charged is the recording's length.

In a file of its own because `jobs` calls it, while the routes call `operations`."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from service.catalog.entities import TRANSCRIPTION
from service.catalog.operations import Catalog
from service.catalog.pricing import Counter
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.core.public_urls import AddressRefused, check_public_url
from service.core.urls import in_lower_case
from service.identity.entities import GoogleIdMismatch, check_google_id
from service.jobs.entities import Failure, Job, ProviderCost
from service.jobs.work import Charge, Estimate, Facts, RequestForm, estimate_by, price_of
from service.providers.base import (
    CallbackEvent,
    Created,
    Rejected,
    RejectionReason,
    SoughtJob,
    Task,
    TaskLookup,
    TranscriptionProvider,
    TranscriptionRequest,
    audio_digest,
    link_digest,
)
from service.results.entities import Owner, ResultTooLarge, Verdict
from service.results.operations import Results
from service.storage.codec import Value
from service.transcription.checks import payload_faults, result_faults
from service.transcription.entities import (
    FAILURE_OF_REJECTION,
    FAILURES,
    AudioUrlRefused,
    LanguageNotOffered,
    Transcript,
    TranscriptionBody,
    billed_milliseconds,
    content_of,
    languages_of,
    own_count,
    transcript_from,
)
from service.transcription.schemas import (
    EXAMPLE_REQUEST,
    TranscriptionJobSchema,
    TranscriptionRequestSchema,
)
from service.uploads.entities import (
    UploadKind,
    UploadNotFound,
    UploadNotScanned,
    UploadsNotConfigured,
    UploadsUnavailable,
    UploadUnusable,
    is_reference,
    upload_id_of,
)
from service.uploads.operations import Uploads

log = structlog.get_logger()

MAX_BODY_BYTES = 32 * 1024


def read_transcription(principal: Principal, fields: Mapping[str, Any]) -> TranscriptionBody:
    """The request of a body that `TranscriptionRequestSchema` has loaded. Raises
    `GoogleIdMismatch`."""
    check_google_id(fields["google_id"], principal)
    return TranscriptionBody(
        in_lower_case(fields["audio_url"]),
        fields["max_minutes"],
        fields["language"],
        fields["speaker_labels"],
        principal.subject,
    )


TRANSCRIPTION_FORM = RequestForm(
    schema=TranscriptionRequestSchema,
    read=read_transcription,
    errors=(
        *(AudioUrlRefused, LanguageNotOffered, GoogleIdMismatch, UploadsNotConfigured),
        *(UploadNotFound, UploadUnusable, UploadNotScanned, UploadsUnavailable),
    ),
    example=EXAMPLE_REQUEST,
    max_body_bytes=MAX_BODY_BYTES,
)


class Transcribing:
    """See `service.jobs.work.AsynchronousWork` for what its methods promise."""

    operation = TRANSCRIPTION
    form = TRANSCRIPTION_FORM
    schema = TranscriptionJobSchema
    failures = FAILURES

    def __init__(
        self,
        catalog: Catalog,
        vendor: TranscriptionProvider,
        results: Results,
        uploads: Uploads,
        submit_seconds: float,
        speech_model: str,
    ) -> None:
        self._catalog = catalog
        self._vendor = vendor
        self._results = results
        self._uploads = uploads
        self._speech_model = speech_model
        self.provider = vendor.name
        self.submit_seconds = submit_seconds

    def validate(self, body: TranscriptionBody) -> None:
        """The address is checked, never fetched: the vendor fetches it. Raises
        `LanguageNotOffered`, `AudioUrlRefused`, or what `Uploads.source` raises."""
        if body.language and body.language not in languages_of(self._speech_model):
            raise LanguageNotOffered
        if is_reference(body.audio_url):
            self._uploaded(body)
            return
        try:
            check_public_url(body.audio_url)
        except AddressRefused:
            raise AudioUrlRefused from None

    def estimate(self, body: TranscriptionBody) -> Estimate:
        """Raises `PriceNotFound` or `PricesUnavailable`."""
        limits = {Counter.MILLISECONDS.value: body.max_seconds * 1000}
        return estimate_by(self._catalog.quote(self.operation), limits)

    def payload(self, body: TranscriptionBody) -> Facts:
        """The address may hold a secret: it is kept as its hash."""
        facts: dict[str, Any] = {
            "audioHash": audio_digest(body.audio_url),
            "maxMinutes": body.max_minutes,
            "speakerLabels": body.speaker_labels,
        }
        facts |= self._upload_facts(body) if is_reference(body.audio_url) else {}
        return facts | ({"language": body.language} if body.language else {})

    def _upload_facts(self, body: TranscriptionBody) -> Facts:
        """An upload is sent as a link that is not stored: what stays the same of each is, as its
        hash, so that a transcript whose create got no response is found by it."""
        address = self._uploads.address(body.owner, upload_id_of(body.audio_url))
        return {"isUpload": True} | ({"linkHash": link_digest(address)} if address else {})

    def submit(
        self, job: Job, body: TranscriptionBody, callback_url: str | None, until: float
    ) -> Created:
        """Nothing is sent without an address of the job's own, by which it is found again; and
        whatever keeps an upload from being read happens before anything is sent."""
        if callback_url is None:
            return Rejected(RejectionReason.UNAVAILABLE)
        try:
            audio_url = self._audio(body)
        except FareboxError as error:
            log.warning("upload_not_read", job_id=job.job_id, reason=error.code)
            return Rejected(RejectionReason.UNAVAILABLE)
        request = TranscriptionRequest(
            job.job_id,
            audio_url,
            body.max_seconds,
            callback_url,
            body.language,
            body.speaker_labels,
        )
        return self._vendor.create(request, until)

    def fetch_task(self, job: Job) -> TaskLookup:
        is_upload = bool(job.payload.get("isUpload"))
        digest = job.payload.get("linkHash" if is_upload else "audioHash")
        sought = SoughtJob(
            job.job_id,
            job.created_at,
            job.submit_until or job.created_at,
            digest if isinstance(digest, str) else None,
            is_link=is_upload,
        )
        return self._vendor.fetch_task(job.task_id, sought)

    def judge(self, task: Task) -> Facts | None:
        """How much was said. A recording in which no one speaks is transcribed, too."""
        facts: dict[str, Value] = {"words": len(transcript_from(task.document).words or ())}
        seconds, language = task.facts.get("audioSeconds"), task.facts.get("language")
        if type(seconds) is int and seconds >= 0:
            facts["audioSeconds"] = seconds
        return facts | ({"language": language} if isinstance(language, str) else {})

    def is_kept_slowly(self, job: Job) -> bool:
        del job
        return False

    def keep(self, job: Job, task: Task, result: Facts) -> Facts:
        """Stores the transcript, before it is charged. A second process that stores it at the same
        time loses, and both go on. Where the words are too many, the text alone is kept."""
        owner = Owner(job.payer, job.actor, job.job_id)
        transcript = transcript_from(task.document)
        verdict = Verdict({Counter.MILLISECONDS.value: self._milliseconds(job, task, transcript)})
        try:
            self._results.store(owner, verdict, content_of(transcript))
        except ResultTooLarge:
            log.warning("transcript_without_words", job_id=job.job_id)
            text_alone = Transcript(transcript.text, None)
            self._results.store(owner, verdict, content_of(text_alone))
        return result

    def charge(self, job: Job, task: Task) -> Charge:
        """Raises `UsageUnusable`. Of a recording that is longer than what was requested, our own
        count is charged: the vendor reports the length of all of it."""
        transcript = transcript_from(task.document)
        seconds = task.facts.get("audioSeconds")
        milliseconds = billed_milliseconds(seconds, _max_seconds(job), transcript)
        if milliseconds is None:
            return self._charge_of(job, task, own_count(_max_seconds(job), transcript), True)
        return self._charge_of(job, task, milliseconds, False)

    def charge_by_own_count(self, job: Job, task: Task) -> Charge:
        """Up to the end of the last word."""
        count = own_count(_max_seconds(job), transcript_from(task.document))
        return self._charge_of(job, task, count, True)

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return payload_faults(payload)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return result_faults(result)

    def render(self, job: Job) -> Mapping[str, object]:
        result: Any = job.result or {}
        return {
            "transcriptUrl": f"/transcriptions/{job.job_id}" if result else None,
            "audioSeconds": result.get("audioSeconds"),
            "language": result.get("language"),
            "words": result.get("words"),
        }

    def failure_of(self, reason: RejectionReason) -> str:
        return FAILURE_OF_REJECTION.get(reason, Failure.PROVIDER_UNAVAILABLE)

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        return self._vendor.read_callback(headers, body, now)

    def _audio(self, body: TranscriptionBody) -> str:
        """What the vendor fetches: for an upload, a fresh link to the version that was checked."""
        return self._uploaded(body) if is_reference(body.audio_url) else body.audio_url

    def _uploaded(self, body: TranscriptionBody) -> str:
        upload_id = upload_id_of(body.audio_url)
        return self._uploads.source(body.owner, upload_id, UploadKind.AUDIO).url

    def _milliseconds(self, job: Job, task: Task, transcript: Transcript) -> int:
        """What is going to be charged for."""
        try:
            return self.charge(job, task).usage[Counter.MILLISECONDS]
        except ValueError:
            return own_count(_max_seconds(job), transcript)

    def _charge_of(self, job: Job, task: Task, milliseconds: int, is_estimated: bool) -> Charge:
        usage = {Counter.MILLISECONDS.value: milliseconds}
        amount = price_of(job).terms.cost(usage)
        marked = usage | ({"estimated": 1} if is_estimated else {})
        return Charge(amount, marked, self._cost(task, usage))

    def _cost(self, task: Task, usage: Mapping[str, int]) -> ProviderCost | None:
        model = str(task.facts.get("model", self._speech_model))
        cost = self._catalog.provider_cost(self.operation, model, usage)
        return ProviderCost(cost.micros, cost.currency) if cost else None


def _max_seconds(job: Job) -> int:
    return int(str(job.payload["maxMinutes"])) * 60
