"""The video routes: load, call one operation, dump."""

from flask import Blueprint, Response

from service.core.principal import Principal
from service.core.scopes import SessionScope
from service.identity.entities import check_google_id
from service.jobs.entities import (
    ContentRejected,
    ProviderSaturated,
    TooManyJobs,
)
from service.jobs.paid_routes import PAID_ERRORS, PAID_HEADERS, paid_headers
from service.jobs.schemas import job_body
from service.jobs.work import Operations
from service.videos.addresses import PATH
from service.videos.copies import Copies
from service.videos.entities import ImageRejected, NewVideo, VideoNotFound, VideoUnavailable
from service.videos.operations import Videos
from service.videos.schemas import JobSchema, VideoRequestSchema
from service.videos.work import VIDEO_FORM
from service.web.body import read_body
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.idempotency_key import (
    read_idempotency_key,
)
from service.web.request_log import current_request_id
from service.web.responses import success

POST_VIDEO = Endpoint(
    access=Access.USER,
    summary="Turn an image into a video",
    operation_id="createVideo",
    scope=SessionScope.CREATE_JOBS,
    description="Holds the price, sends one request to Kling, and returns the job. Credits are "
    "captured only when the video is delivered; a failure releases them. A repeated "
    "`Idempotency-Key` returns the same job.",
    body=VideoRequestSchema,
    response=JobSchema,
    checks_account=True,
    errors=(
        *VIDEO_FORM.errors,
        ImageRejected,
        ContentRejected,
        TooManyJobs,
        ProviderSaturated,
        *PAID_ERRORS,
    ),
    example=VIDEO_FORM.example,
    headers=PAID_HEADERS,
    max_body_bytes=VIDEO_FORM.max_body_bytes,
)

# Far less than a link lives: what plays a video comes back for each part of it.
_KEPT_BY_BROWSERS = "private, max-age=300"
GET_COPY = Endpoint(
    access=Access.CALLBACK_TOKEN,
    summary="Play or download a video",
    operation_id="getVideoFile",
    description="What `videoUrl` of a job names where videos are copied: redirects to the file, "
    "which a client that follows gets with 200. Needs no sign-in, since whoever has the address "
    "may play the video, until `videoExpiresAt`.",
    statuses=(200, 302),
    bare=True,
    errors=(VideoNotFound, VideoUnavailable),
)


def copies_blueprint(copies: Copies | None) -> Blueprint:
    """Without a bucket no address leads anywhere."""
    blueprint = Blueprint("video_copies", __name__)

    @blueprint.get(f"{PATH}/<token>")
    @endpoint(GET_COPY)
    def get_video_file(token: str) -> Response:
        if copies is None:
            raise VideoNotFound
        headers = {"Location": copies.link(token), "Cache-Control": _KEPT_BY_BROWSERS}
        return Response(status=302, headers=headers)

    return blueprint


def videos_blueprint(videos: Videos, operations: Operations) -> Blueprint:
    blueprint = Blueprint("videos", __name__)
    video_schema = VideoRequestSchema()

    @blueprint.post("/videos")
    @endpoint(POST_VIDEO)
    def post_video(principal: Principal) -> Response:
        body = read_body(video_schema)
        check_google_id(body["google_id"], principal)
        placed = videos.create(
            NewVideo(
                principal,
                body["fingerprint"],
                body["image"],
                body["prompt_key"],
                read_idempotency_key(),
                current_request_id(),
            )
        )
        headers = paid_headers(placed.job, replayed=placed.replayed)
        return success(job_body(placed.job, operations, placed.remaining), headers=headers)

    return blueprint
