"""A small app with routes like the real ones, for tests of what is written about routes."""

from typing import Any, ClassVar

from flask import Blueprint, Flask, Response
from marshmallow import fields, validate

from service.core.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from service.core.principal import Principal
from service.web.docs.routes import docs_blueprint
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.openapi.document import About, build_document, openapi_blueprint
from service.web.openapi.errors import SharedErrors
from service.web.openapi.schemas import Document
from service.web.responses import json_response, success
from service.web.schemas import StrictSchema, Text


class NotSignedIn(Unauthenticated):
    code = "NOT_SIGNED_IN"
    summary = "Sign in first."


class TooPoor(Forbidden):
    code = "TOO_POOR"
    summary = "Not enough credits for this request."
    details_example: ClassVar[dict[str, object]] = {"required": 1, "available": 0}
    advice = "Offer the user a pack of credits."


class PromptUnknown(InvalidRequest):
    code = "PROMPT_UNKNOWN"
    summary = "There is no prompt with this key."


class Hasty(RateLimited):
    code = "HASTY"
    summary = "Too many requests at once."
    retry_after = 2


class Away(Unavailable):
    code = "AWAY"
    summary = "The provider cannot be reached. <b>Nothing</b> was charged & nothing is lost."
    retry_after = 60


class NoSuchJob(NotFound):
    code = "NO_SUCH_JOB"
    summary = "There is no such job."


class CreditsSchema(StrictSchema):
    held = fields.Integer(required=True, metadata={"description": "Set aside.", "example": 1})
    captured = fields.Integer(required=True, metadata={"description": "Paid.", "example": 0})


class JobSchema(StrictSchema):
    job_id = fields.String(
        required=True,
        data_key="jobId",
        metadata={"description": "Names the job.", "example": "job_01kbx3v9m2t7q8r5w6y4z1h0ce"},
    )
    status = fields.String(
        required=True, validate=validate.OneOf(["SUBMITTED", "SUCCEEDED", "FAILED"])
    )
    credits = fields.Nested(CreditsSchema, required=True)
    video_url = fields.URL(
        data_key="videoUrl", allow_none=True, metadata={"example": "https://cdn.example.com/v.mp4"}
    )
    parts = fields.List(
        fields.Nested(CreditsSchema), metadata={"description": "What it is made of."}
    )


class CropSchema(StrictSchema):
    width = fields.Integer(
        required=True, validate=validate.Range(1, 4096), metadata={"example": 640}
    )

    class Meta(StrictSchema.Meta):
        description = "What to cut out."


class VideoSchema(StrictSchema):
    image_url = Text(
        required=True,
        max_length=2048,
        data_key="imageUrl",
        metadata={
            "description": "A public https address of an image.",
            "example": "https://example.com/cat.jpg",
        },
    )
    prompt_key = Text(
        required=True,
        max_length=64,
        data_key="promptKey",
        metadata={"description": "See `GET /prompts`."},
    )
    crop = fields.Nested(CropSchema)


class WaitSchema(StrictSchema):
    wait = fields.Integer(
        load_default=0, validate=validate.Range(0, 20), metadata={"description": "Seconds to wait."}
    )
    part = Text(load_default=None, max_length=20)
    kind = fields.String(
        required=True, metadata={"description": "Which view of it.", "example": "short & sweet"}
    )


class HealthSchema(StrictSchema):
    status = fields.String(required=True, metadata={"example": "healthy"})


VIDEO_EXAMPLE: dict[str, Any] = {
    "imageUrl": "https://example.com/it's <b>a</b> cat.jpg",
    "promptKey": "foo_prompt",
}
VIDEO_ERRORS = (PromptUnknown, TooPoor, Away)
SHARED = SharedErrors(signed_in=(NotSignedIn, Hasty))
HEADERS = {
    "Idempotency-Key": "Names what the user wants.",
    "Authorization": "Described by the security scheme instead.",
    "X-Google-ID": "A Google id, outside production.",
    "Location": "The path of the job.",
}


def documented_app() -> Flask:
    """An app with `POST /videos`, `GET /jobs/<job_id>`, `DELETE /files/<int:number>`, `GET
    /health`; without the documentation."""
    app = Flask("documented", static_folder=None)
    app.register_blueprint(_routes())
    return app


def app_with(declaration: Endpoint, rule: str = "/things") -> Flask:
    """An app with that one route."""
    app = Flask("one", static_folder=None)
    app.get(rule)(endpoint(declaration)(lambda: ""))
    return app


def document_of(app: Flask, public_url: str = "") -> Document:
    return build_document(app, About(version="1.2.3", public_url=public_url), SHARED)


def served_app(public_url: str = "") -> Flask:
    """The same app with its documentation."""
    app = documented_app()
    document = document_of(app, public_url)
    app.register_blueprint(openapi_blueprint(lambda: document))
    app.register_blueprint(docs_blueprint(lambda: document))
    return app


def _routes() -> Blueprint:
    blueprint = Blueprint("routes", __name__)

    @blueprint.post("/videos")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Ask for a video",
            description="Holds the price and asks the provider **once**.",
            body=VideoSchema,
            response=JobSchema,
            errors=VIDEO_ERRORS,
            example=VIDEO_EXAMPLE,
            headers=HEADERS,
        )
    )
    def post_video(principal: Principal) -> Response:
        return success({})

    @blueprint.get("/jobs/<job_id>")
    @endpoint(
        Endpoint(
            access=Access.USER,
            summary="Look at a job",
            query=WaitSchema,
            response=JobSchema,
            errors=(NoSuchJob,),
        )
    )
    def get_job(principal: Principal, job_id: str) -> Response:
        return success({})

    @blueprint.delete("/files/<int:file_number>")
    @endpoint(Endpoint(access=Access.CALLBACK_TOKEN, summary="Throw a file away"))
    def delete_file(file_number: int) -> Response:
        return success(None)

    @blueprint.get("/health")
    @endpoint(
        Endpoint(
            access=Access.PUBLIC,
            summary="See whether all is well",
            response=HealthSchema,
            bare=True,
        )
    )
    def get_health() -> Response:
        return json_response({"status": "healthy"})

    return blueprint
