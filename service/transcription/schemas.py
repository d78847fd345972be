"""What goes in and out of the transcription routes."""

from typing import Any, ClassVar

from marshmallow import fields, post_load, validate

from service.core.public_urls import MAX_URL
from service.jobs.entities import Failure
from service.jobs.schemas import (
    JobErrorFields,
    JobFields,
    google_id_field,
    required_fingerprint_field,
)
from service.transcription.entities import (
    DEFAULT_MINUTES,
    FAILURES,
    LANGUAGES,
    MAX_MINUTES,
    Transcript,
)
from service.transcription.subtitles import Format
from service.uploads.entities import EXAMPLE_ID, ID_PREFIX, reference_to
from service.web.schemas import (
    EitherSchema,
    Flag,
    IdInput,
    IntegerInput,
    StrictSchema,
    Text,
)

EXAMPLE_REQUEST = {
    "Fingerprint": "fp-4be1a2c09d",
    "audioUrl": "https://audio.example.com/interview.mp3",
    "maxMinutes": 30,
    "speakerLabels": True,
}
_EXAMPLE_URL = "/transcriptions/job_01kbz3c8e0q2m5v9s7t4x6y8z0"


class LanguageText(Text):
    """A language as AssemblyAI spells it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=2, max_length=5, **options)
        error = "Must be one of the listed codes, such as en or pt."
        self.validators.append(validate.OneOf(LANGUAGES, error=error))


class TranscriptionRequestSchema(EitherSchema):
    """The body of `POST /transcriptions`."""

    alternatives: ClassVar[tuple[str, str]] = ("audioUrl", "uploadId")

    google_id = google_id_field()
    fingerprint = required_fingerprint_field()
    audio_url = Text(
        data_key="audioUrl",
        load_default=None,
        allow_none=False,
        max_length=MAX_URL,
        metadata={
            "description": "A public https address of audio or video with sound, which can be "
            "downloaded without a sign-in: at most 5 GB and ten hours. Or a finished upload, as "
            "`upload:<uploadId>`.",
            "example": EXAMPLE_REQUEST["audioUrl"],
        },
    )
    upload_id = IdInput(
        ID_PREFIX,
        data_key="uploadId",
        load_default=None,
        allow_none=False,
        metadata={
            "description": "A finished upload of sound, instead of `audioUrl`.",
            "example": EXAMPLE_ID,
        },
    )
    max_minutes = IntegerInput(
        data_key="maxMinutes",
        load_default=DEFAULT_MINUTES,
        validate=validate.Range(1, MAX_MINUTES),
        metadata={
            "description": "No more than this is transcribed, from the beginning on. It decides "
            "what is held; charged is the length of the recording.",
            "example": 30,
        },
    )
    language = LanguageText(
        load_default=None,
        allow_none=False,
        metadata={
            "description": "The language that is spoken, by its code. Without it, it is detected.",
            "example": "en",
        },
    )
    speaker_labels = Flag(
        data_key="speakerLabels",
        load_default=False,
        metadata={"description": "Whether to tell speakers apart.", "example": True},
    )

    @post_load
    def as_audio(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """The same request, whichever field names the upload."""
        upload_id = data.pop("upload_id")
        return data | ({"audio_url": reference_to(upload_id)} if upload_id else {})


class TranscriptQuerySchema(StrictSchema):
    format = fields.String(
        load_default=None,
        validate=validate.OneOf([str(each) for each in Format]),
        metadata={
            "description": "How to return the transcript; it decides over `Accept`.",
            "example": "srt",
        },
    )


class TranscriptionErrorSchema(JobErrorFields):
    """Why a transcription failed."""

    code = fields.String(
        required=True,
        validate=validate.OneOf([str(code) for code in FAILURES]),
        metadata={
            "description": "A word for programs.",
            "example": Failure.GENERATION_FAILED.value,
        },
    )


class TranscriptionJobSchema(JobFields):
    """A transcription's job as its owner sees it."""

    transcript_url = fields.String(
        required=True,
        data_key="transcriptUrl",
        allow_none=True,
        metadata={
            "description": "Where the transcript is, once it is there.",
            "example": _EXAMPLE_URL,
        },
    )
    audio_seconds = fields.Integer(
        required=True,
        data_key="audioSeconds",
        allow_none=True,
        metadata={"description": "How long the whole recording is.", "example": 1804},
    )
    language = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The language, as given or detected.", "example": "en"},
    )
    words = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How many words were spoken.", "example": 4210},
    )
    error = fields.Nested(
        TranscriptionErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )


class WordSchema(StrictSchema):
    """One word."""

    text = fields.String(
        required=True, metadata={"description": "The word as it is written.", "example": "Hello,"}
    )
    start = fields.Integer(
        required=True, metadata={"description": "When it begins, in ms.", "example": 240}
    )
    end = fields.Integer(
        required=True, metadata={"description": "When it ends, in ms.", "example": 580}
    )
    speaker = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Who says it, if that was requested.", "example": "A"},
    )


class TranscriptSchema(StrictSchema):
    """What was said."""

    text = fields.String(
        required=True, metadata={"description": "All of it.", "example": "Hello, world."}
    )
    words = fields.List(
        fields.Nested(WordSchema),
        required=True,
        allow_none=True,
        metadata={"description": "Word by word; null where they were too many to be kept."},
    )


class TranscriptionSchema(TranscriptionJobSchema):
    """A transcription's job, and what it has delivered."""

    transcript = fields.Nested(
        TranscriptSchema,
        required=True,
        allow_none=True,
        metadata={
            "description": "Null until it is there, when the job failed, and once it was removed."
        },
    )


def transcript_body(transcript: Transcript | None) -> dict[str, object] | None:
    """The transcript as JSON."""
    if transcript is None:
        return None
    words = [
        {
            "text": word.text,
            "start": word.start,
            "end": word.end,
            "speaker": word.speaker or None,
        }
        for word in transcript.words or ()
    ]
    return {"text": transcript.text, "words": None if transcript.words is None else words}
