"""What goes in and out of the video routes."""

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
from service.media.pictures import MAX_ASPECT_RATIO, MIN_SIDE_PIXELS
from service.uploads.entities import EXAMPLE_ID, ID_PREFIX, reference_to
from service.videos.entities import FAILURES
from service.videos.images import without_whitespace
from service.web.schemas import EitherSchema, IdInput, Text

MAX_IMAGE_CHARACTERS = 15 * 1024 * 1024
# No control characters but those that break base64 into lines.
TEXT_OR_LINES = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"


class ImageText(Text):
    """An image as text. Base64 may be broken into lines; an address may not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        return (without_whitespace(text) or text) if isinstance(text, str) else text


class VideoRequestSchema(EitherSchema):
    """The body of `POST /videos`. Apps depend on these names and their spelling."""

    alternatives: ClassVar[tuple[str, str]] = ("imageUrl", "uploadId")

    google_id = google_id_field()
    fingerprint = required_fingerprint_field()
    image = ImageText(
        data_key="imageUrl",
        load_default=None,
        allow_none=False,
        max_length=MAX_IMAGE_CHARACTERS,
        metadata={
            "description": f"A public https address of a JPEG or PNG (up to {MAX_URL:,} "
            "characters), a finished upload as `upload:<uploadId>`, or the image itself in base64 "
            "(up to 10 MB; line breaks and a `data:` "
            f"prefix are removed). Each side must have at least {MIN_SIDE_PIXELS} pixels, and the "
            f"aspect ratio must be from 1:{MAX_ASPECT_RATIO} to {MAX_ASPECT_RATIO}:1.",
            "pattern": TEXT_OR_LINES,
            "example": "https://images.example.com/astronaut.jpg",
        },
    )
    upload_id = IdInput(
        ID_PREFIX,
        data_key="uploadId",
        load_default=None,
        allow_none=False,
        metadata={
            "description": "A finished upload of a JPEG or PNG, instead of `imageUrl`.",
            "example": EXAMPLE_ID,
        },
    )
    prompt_key = Text(
        data_key="promptKey",
        required=True,
        max_length=64,
        metadata={
            "description": "One of the keys that GET /prompts lists.",
            "example": "foo_prompt",
        },
    )

    @post_load
    def as_image(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """The same request, whichever field names the upload."""
        upload_id = data.pop("upload_id")
        return data | ({"image": reference_to(upload_id)} if upload_id else {})


class JobErrorSchema(JobErrorFields):
    """Why a job failed."""

    code = fields.String(
        required=True,
        validate=validate.OneOf([str(code) for code in FAILURES]),
        metadata={
            "description": "A word for programs.",
            "example": Failure.GENERATION_FAILED.value,
        },
    )
    message = fields.String(
        required=True,
        metadata={
            "description": "The same for people.",
            "example": FAILURES[Failure.GENERATION_FAILED].message,
        },
    )


class JobSchema(JobFields):
    """A job as its owner sees it."""

    prompt_key = fields.String(
        required=True,
        data_key="promptKey",
        metadata={"description": "The prompt that was requested.", "example": "foo_prompt"},
    )
    provider = fields.Dict(
        required=True,
        allow_none=True,
        metadata={
            "description": "Kling's own data on the task; null until Kling has said that it took "
            "the job.",
            "example": {"task_id": "867283741759111202", "task_status": "succeed"},
        },
    )
    video_url = fields.URL(
        required=True,
        data_key="videoUrl",
        allow_none=True,
        metadata={
            "description": "Where the video is, once it is there.",
            "example": "https://cdn.example.com/video.mp4",
        },
    )
    video_expires_at = fields.DateTime(
        required=True,
        data_key="videoExpiresAt",
        allow_none=True,
        metadata={
            "description": "Save the video before then.",
            "example": "2026-12-21T09:00:00.000Z",
        },
    )
    error = fields.Nested(
        JobErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why a FAILED job failed, in our words."},
    )
