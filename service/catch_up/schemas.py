"""What goes in and out of the catch-up's route."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from service.catch_up.entities import FAILURES, MAX_SINCE_SECONDS, CatchUpFailure, Summary
from service.catch_up.passages import stamp
from service.core.clock import iso
from service.jobs.schemas import JobErrorFields, JobFields, fingerprint_field
from service.transcription.entities import MAX_MINUTES
from service.uploads.entities import EXAMPLE_ID, ID_PREFIX
from service.web.schemas import IdInput, IntegerInput, StrictSchema, Text

EXAMPLE_TRANSCRIPT = "job_01kbz3c8e0q2m5v9s7t4x6y8z0"
EXAMPLE_REQUEST = {"channel": "lighthousetv", "transcriptId": EXAMPLE_TRANSCRIPT}
EXAMPLE_URL = "https://www.twitch.tv/videos/2000000002"
MAX_ID = 60
_CHANNEL = "^[A-Za-z0-9_]+$"
_VIDEO = "^[0-9]+$"


class PatternText(Text):
    """A text of one form."""

    def __init__(self, *, pattern: str, error: str, max_length: int, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)
        self.validators.append(validate.Regexp(pattern, error=error))


class CatchUpRequestSchema(StrictSchema):
    """The body of `POST /transcriptions/catch-up`: either `channel` or `videoId`."""

    channel = PatternText(
        load_default=None,
        allow_none=False,
        pattern=_CHANNEL,
        error="Must be a channel's name as in its address.",
        max_length=25,
        metadata={
            "description": "A channel at Twitch, by its name as in its address: what it shows, or "
            "else the newest recording of what it has shown.",
            "example": "lighthousetv",
        },
    )
    video_id = PatternText(
        data_key="videoId",
        load_default=None,
        allow_none=False,
        pattern=_VIDEO,
        error="Must be a number, as in the video's address.",
        max_length=20,
        metadata={
            "description": "A video at Twitch, by the number in its address.",
            "example": "2000000002",
        },
    )
    transcript_id = Text(
        data_key="transcriptId",
        load_default=None,
        allow_none=False,
        max_length=MAX_ID,
        metadata={
            "description": "The job of your transcript of it: Twitch has no words. Without it or "
            "`uploadId` the response is 409.",
            "example": EXAMPLE_TRANSCRIPT,
        },
    )
    upload_id = IdInput(
        ID_PREFIX,
        data_key="uploadId",
        load_default=None,
        allow_none=False,
        metadata={
            "description": "A finished upload of its sound, instead of `transcriptId`: it is "
            "transcribed first, within the same hold.",
            "example": EXAMPLE_ID,
        },
    )
    max_minutes = IntegerInput(
        data_key="maxMinutes",
        load_default=None,
        allow_none=False,
        validate=validate.Range(1, MAX_MINUTES),
        metadata={
            "description": "Of an upload: no more than this is transcribed, from its beginning on. "
            "Needed where the file does not say how long it is. Only with `uploadId`.",
            "example": 180,
        },
    )
    since = IntegerInput(
        load_default=0,
        validate=validate.Range(0, MAX_SINCE_SECONDS),
        metadata={
            "description": "Only what was said from this second of the transcript on is "
            "summarized.",
            "example": 0,
        },
    )
    fingerprint = fingerprint_field()

    @validates_schema
    def check_minutes(self, data: Mapping[str, Any], **_: Any) -> None:
        """A limit that would limit nothing is a mistake of the caller."""
        if data["max_minutes"] is not None and data["upload_id"] is None:
            raise ValidationError("Is for uploads only.", "maxMinutes")


class CatchUpErrorSchema(JobErrorFields):
    """Why a catch-up was not charged."""

    code = fields.String(
        required=True,
        validate=validate.OneOf([str(code) for code in FAILURES]),
        metadata={"description": "A word for programs.", "example": "SUMMARY_UNUSABLE"},
    )
    message = fields.String(
        required=True,
        metadata={
            "description": "The same for people.",
            "example": FAILURES[CatchUpFailure.SUMMARY_UNUSABLE].message,
        },
    )


class BroadcastSchema(StrictSchema):
    """What was broadcast, as Twitch describes it. Titles are the streamer's own words."""

    channel = fields.String(
        required=True,
        metadata={"description": "The channel's name as it is shown.", "example": "LighthouseTV"},
    )
    title = fields.String(
        required=True,
        metadata={"description": "May be empty.", "example": "Live from the lantern room"},
    )
    url = fields.Url(
        required=True, metadata={"description": "Where it is shown.", "example": EXAMPLE_URL}
    )
    video_id = fields.String(
        required=True,
        data_key="videoId",
        allow_none=True,
        metadata={"description": "Of a recording.", "example": "2000000002"},
    )
    started_at = fields.DateTime(
        required=True,
        data_key="startedAt",
        allow_none=True,
        metadata={"description": "When it began (UTC).", "example": "2026-11-21T09:00:00.000Z"},
    )
    seconds = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How long the recording is.", "example": 11_313},
    )
    is_live = fields.Boolean(
        required=True,
        data_key="isLive",
        metadata={"description": "Whether it was on the air when it was summarized."},
    )


class PointSchema(StrictSchema):
    """One thing that happened."""

    at = fields.Integer(
        required=True,
        metadata={
            "description": "The second of the transcript; something is said there.",
            "example": 754,
        },
    )
    time = fields.String(
        required=True, metadata={"description": "The same for people.", "example": "0:12:34"}
    )
    text = fields.String(
        required=True,
        metadata={"description": "What happened.", "example": "The lamp is lit."},
    )


class CatchUpJobSchema(JobFields):
    """The job of a catch-up."""

    model = fields.String(
        required=True,
        metadata={"description": "Which model writes it.", "example": "gpt-4.1-mini"},
    )
    transcript_id = fields.String(
        required=True,
        data_key="transcriptId",
        metadata={
            "description": "Whose words they are; empty for those of an upload.",
            "example": EXAMPLE_TRANSCRIPT,
        },
    )
    upload_id = fields.String(
        required=True,
        data_key="uploadId",
        allow_none=True,
        metadata={"description": "The upload whose words they are.", "example": None},
    )
    since = fields.Integer(
        required=True,
        metadata={"description": "From which second of the transcript on.", "example": 0},
    )
    parts = fields.Integer(
        required=True,
        metadata={"description": "In how many parts the words are read.", "example": 3},
    )
    estimated = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether `receipt.usage` is in part our own count, because the vendor "
            "reported none that can be used."
        },
    )
    broadcast = fields.Nested(
        BroadcastSchema,
        allow_none=True,
        metadata={"description": "Null until it is whole. Not in lists."},
    )
    summary = fields.List(
        fields.Nested(PointSchema),
        allow_none=True,
        metadata={
            "description": "In the order of their times; null until it is whole. Not in lists."
        },
    )
    error = fields.Nested(
        CatchUpErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )


def content_body(summary: Summary | None) -> dict[str, object]:
    """What a catch-up delivers, as JSON."""
    if summary is None:
        return {"broadcast": None, "summary": None}
    shown = summary.broadcast
    points = [
        {"at": point.at, "time": stamp(point.at), "text": point.text} for point in summary.points
    ]
    broadcast = {
        "channel": shown.channel,
        "title": shown.title,
        "url": shown.url,
        "videoId": shown.video_id,
        "startedAt": None if shown.started_at is None else iso(shown.started_at),
        "seconds": shown.seconds,
        "isLive": shown.is_live,
    }
    return {"broadcast": broadcast, "summary": points}
