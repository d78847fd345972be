"""The transcription routes: load, call one operation, dump."""

from flask import Blueprint, Response, request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.jobs.entities import (
    JobNotFound,
    ProviderSaturated,
    TooManyJobs,
)
from service.jobs.paid_routes import PAID_ERRORS, PAID_HEADERS, paid_headers
from service.jobs.schemas import job_body
from service.jobs.work import Operations
from service.storage.data_keys import DataUnreadable
from service.storage.table import StorageUnavailable
from service.storage.wrapping import DataKeyUnavailable
from service.transcription.entities import (
    AudioRejected,
    NewTranscription,
    NoTranscript,
    TranscriptionNotEnded,
)
from service.transcription.operations import Transcription, Transcriptions
from service.transcription.schemas import (
    TranscriptionJobSchema,
    TranscriptionRequestSchema,
    TranscriptionSchema,
    TranscriptQuerySchema,
    transcript_body,
)
from service.transcription.subtitles import MEDIA_TYPES, Format, rendered
from service.transcription.work import TRANSCRIPTION_FORM
from service.web.body import read_body, read_query
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import (
    read_idempotency_key,
)
from service.web.request_log import current_request_id
from service.web.responses import success

POST_TRANSCRIPTION = Endpoint(
    access=Access.USER,
    summary="Transcribe a recording",
    operation_id="createTranscription",
    scope=SessionScope.CREATE_JOBS,
    description="Holds the price of `maxMinutes`, sends one request to AssemblyAI, and returns the "
    "job. Charged is the length of the recording, once the transcript is stored; a failure "
    "releases all of it. A repeated `Idempotency-Key` returns the same job.",
    body=TranscriptionRequestSchema,
    response=TranscriptionJobSchema,
    checks_account=True,
    errors=(
        *TRANSCRIPTION_FORM.errors,
        AudioRejected,
        TooManyJobs,
        ProviderSaturated,
        *PAID_ERRORS,
    ),
    example=TRANSCRIPTION_FORM.example,
    headers=PAID_HEADERS,
    max_body_bytes=TRANSCRIPTION_FORM.max_body_bytes,
)
GET_TRANSCRIPTION = Endpoint(
    access=Access.USER,
    summary="Get a transcript",
    operation_id="getTranscription",
    scope=SessionScope.READ_JOBS,
    description="As JSON, with the job and every word; or as plain text, SubRip or WebVTT, by "
    "`?format=` or `Accept`. Those return 409 until the transcript is there.",
    query=TranscriptQuerySchema,
    response=TranscriptionSchema,
    formats=tuple(MEDIA_TYPES[each] for each in Format if each is not Format.JSON),
    errors=(
        JobNotFound,
        NoTranscript,
        StorageUnavailable,
        DataKeyUnavailable,
        DataUnreadable,
    ),
)
DELETE_TRANSCRIPTION = Endpoint(
    access=Access.USER,
    summary="Delete a transcript",
    operation_id="deleteTranscription",
    description="Deletes what was transcribed, in every form, and AssemblyAI's copy soon after. "
    "The job and what it cost stay; its transcript is null from then on. Again without effect.",
    errors=(JobNotFound, TranscriptionNotEnded, StorageUnavailable, DataUnreadable),
)


def transcription_blueprint(transcriptions: Transcriptions, operations: Operations) -> Blueprint:
    blueprint = Blueprint("transcription", __name__)
    blueprint.record(_add_converter)
    request_schema, query_schema = TranscriptionRequestSchema(), TranscriptQuerySchema()

    @blueprint.post("/transcriptions")
    @endpoint(POST_TRANSCRIPTION)
    def post_transcription(principal: Principal) -> Response:
        fields = read_body(request_schema)
        placed = transcriptions.create(
            NewTranscription(
                principal,
                fields["fingerprint"],
                TRANSCRIPTION_FORM.read(principal, fields),
                read_idempotency_key(),
                current_request_id(),
            )
        )
        headers = paid_headers(placed.job, replayed=placed.replayed)
        return success(job_body(placed.job, operations, placed.remaining), headers=headers)

    @blueprint.get("/transcriptions/<transcript:job_id>")
    @endpoint(GET_TRANSCRIPTION)
    def get_transcription(principal: Principal, job_id: str) -> Response:
        form = _requested_form(read_query(query_schema)["format"])
        found = transcriptions.get(principal.subject, job_id)
        if form is Format.JSON:
            body = job_body(found.job, operations)
            return success(body | {"transcript": transcript_body(found.transcript)})
        return _as_text(found, form)

    @blueprint.delete("/transcriptions/<transcript:job_id>")
    @endpoint(DELETE_TRANSCRIPTION)
    def delete_transcription(principal: Principal, job_id: str) -> Response:
        transcriptions.delete(principal.subject, job_id)
        return success(None)

    return blueprint


class _TranscriptId(BaseConverter):
    """An id, and none of the names that are routes of their own next to it: what these allow
    (`OPTIONS`, 405) is not what a transcript does."""

    regex = "(?!(?:stream|catch-up)$)[^/]+"


def _add_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["transcript"] = _TranscriptId


def _requested_form(named: str | None) -> Format:
    if named is not None:
        return Format(named)
    accepted = request.accept_mimetypes.best_match(list(MEDIA_TYPES.values()), "application/json")
    return next(form for form, media_type in MEDIA_TYPES.items() if media_type == accepted)


def _as_text(found: Transcription, form: Format) -> Response:
    text = rendered(found.transcript, form) if found.transcript is not None else None
    if text is None:
        raise NoTranscript(details={"status": found.job.status.value})
    response = Response(text, content_type=f"{MEDIA_TYPES[form]}; charset=utf-8")
    # What was said is the user's: a browser must not take it for a page.
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
