"""What goes in and out of the routes of uploads."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from service.core.clock import iso
from service.uploads.entities import (
    CONTENT_TYPES,
    EXAMPLE_ID,
    FILE_NAME,
    MAX_FILE_NAME,
    MAX_POST_BYTES,
    Upload,
    UploadKind,
    file_name_fault,
)
from service.uploads.operations import Begun
from service.web.schemas import IntegerInput, StrictSchema, Text


class FileName(Text):
    """The name of a file, without a path."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        fault = file_name_fault(text)
        if fault:
            raise ValidationError(fault)
        return text


class UploadRequestSchema(StrictSchema):
    """The file that is to be uploaded."""

    filename = FileName(
        required=True,
        max_length=MAX_FILE_NAME,
        metadata={
            "description": "The file's own name, without a path. It is checked and not kept.",
            "pattern": FILE_NAME.pattern,
            "example": "astronaut.jpg",
        },
    )
    content_type = fields.String(
        required=True,
        data_key="contentType",
        validate=validate.OneOf(CONTENT_TYPES),
        metadata={
            "description": "What the file is. It is checked against the file itself.",
            "example": "image/jpeg",
        },
    )
    size = IntegerInput(
        required=True,
        validate=validate.Range(1, MAX_POST_BYTES),
        metadata={
            "description": "Its length in bytes: the form takes no more. An image may have up to "
            "10 MB, sound what the operator allows.",
            "example": 482113,
        },
    )


class UploadFormSchema(StrictSchema):
    """Where and how to post the file."""

    upload_id = fields.String(
        required=True,
        data_key="uploadId",
        metadata={
            "description": "Names the upload: `uploadId` of a paid request.",
            "example": EXAMPLE_ID,
        },
    )
    reference = fields.String(
        required=True,
        metadata={
            "description": "`imageUrl` or `audioUrl` of a paid request, instead of `uploadId`.",
            "example": f"upload:{EXAMPLE_ID}",
        },
    )
    url = fields.URL(
        required=True,
        require_tld=False,
        metadata={
            "description": "Post the form to this address as `multipart/form-data`.",
            "example": "https://farebox-uploads.s3.us-east-1.amazonaws.com/",
        },
    )
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        data_key="fields",
        metadata={
            "description": "The form's fields, all of them and unchanged, in front of the file, "
            "which is the last field and named `file`.",
            "example": {"key": f"uploads/1f/{EXAMPLE_ID}", "Content-Type": "image/jpeg"},
        },
    )
    closes_at = fields.DateTime(
        required=True,
        data_key="closesAt",
        metadata={
            "description": "Until when the form may be used.",
            "example": "2026-11-21T09:05:00.000Z",
        },
    )


class UploadSchema(StrictSchema):
    """A file that was received and checked."""

    upload_id = fields.String(
        required=True,
        data_key="uploadId",
        metadata={
            "description": "Names the upload: `uploadId` of a paid request.",
            "example": EXAMPLE_ID,
        },
    )
    reference = fields.String(
        required=True,
        metadata={
            "description": "`imageUrl` or `audioUrl` of a paid request, instead of `uploadId`.",
            "example": f"upload:{EXAMPLE_ID}",
        },
    )
    kind = fields.String(
        required=True,
        validate=validate.OneOf([str(kind) for kind in UploadKind]),
        metadata={"description": "What it can be used as.", "example": "image"},
    )
    content_type = fields.String(
        required=True,
        data_key="contentType",
        validate=validate.OneOf(CONTENT_TYPES),
        metadata={"description": "What it is.", "example": "image/jpeg"},
    )
    size = fields.Integer(
        required=True, metadata={"description": "Its length in bytes.", "example": 482113}
    )
    width = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "In pixels; null for sound.", "example": 1024},
    )
    height = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "In pixels; null for sound.", "example": 768},
    )
    duration_ms = fields.Integer(
        required=True,
        allow_none=True,
        data_key="durationMs",
        metadata={
            "description": "How long the sound lasts by what the file says, in milliseconds; null "
            "for images, and where it does not say.",
            "example": None,
        },
    )
    expires_at = fields.DateTime(
        required=True,
        data_key="expiresAt",
        metadata={
            "description": "When the file is deleted.",
            "example": "2026-11-28T09:00:00.000Z",
        },
    )


def form_body(begun: Begun) -> dict[str, object]:
    """As `UploadFormSchema` describes it."""
    return {
        "uploadId": begun.upload.upload_id,
        "reference": begun.upload.reference,
        "url": begun.form.url,
        "fields": dict(begun.form.fields),
        "closesAt": iso(begun.upload.closes_at),
    }


def upload_body(upload: Upload) -> dict[str, object]:
    """As `UploadSchema` describes it."""
    return {
        "uploadId": upload.upload_id,
        "reference": upload.reference,
        "kind": upload.kind,
        "contentType": upload.content_type,
        "size": upload.size,
        "width": upload.facts.width,
        "height": upload.facts.height,
        "durationMs": upload.facts.milliseconds,
        "expiresAt": iso(upload.expires_at),
    }
