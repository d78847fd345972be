"""Image-to-video as a kind of work. What is held is what a video costs: a price by the second
follows the length that was requested, which is the length that is delivered.

In a file of its own because `jobs` calls it, while the routes call `operations`."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from service.catalog.entities import IMAGE_TO_VIDEO, UnknownPromptKey
from service.catalog.operations import Catalog
from service.core.clock import Clock, iso
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.core.public_urls import AddressRefused
from service.core.urls import in_lower_case
from service.identity.entities import GoogleIdMismatch, check_google_id
from service.jobs.entities import Job, ProviderCost
from service.jobs.work import Charge, Estimate, Facts, NotDelivered, RequestForm, estimate_by
from service.providers.base import (
    CallbackEvent,
    Created,
    Provider,
    Rejected,
    RejectionReason,
    Task,
    TaskLookup,
    VideoRequest,
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
from service.videos.checks import payload_faults, result_faults
from service.videos.copies import Copies
from service.videos.entities import (
    FAILURE_OF_REJECTION,
    FAILURES,
    RESULT_MILLISECONDS,
    ImageTooLarge,
    ImageUnusable,
    VideoBody,
    VideoModel,
    copied_from,
    deliverable,
    usage_of,
)
from service.videos.images import check_address, checked
from service.videos.schemas import JobSchema, VideoRequestSchema

log = structlog.get_logger()

MAX_VIDEO_BODY_BYTES = 15 * 1024 * 1024


def read_video(principal: Principal, fields: Mapping[str, Any]) -> VideoBody:
    """The request of a body that `VideoRequestSchema` has loaded. Raises `GoogleIdMismatch`,
    `ImageUnusable` or `ImageTooLarge`."""
    check_google_id(fields["google_id"], principal)
    return checked(fields["image"], fields["prompt_key"], principal.subject)


VIDEO_FORM = RequestForm(
    schema=VideoRequestSchema,
    read=read_video,
    errors=(
        *(UnknownPromptKey, AddressRefused, ImageUnusable, ImageTooLarge, GoogleIdMismatch),
        *(UploadsNotConfigured, UploadNotFound, UploadUnusable, UploadNotScanned),
        UploadsUnavailable,
    ),
    example={
        "Fingerprint": "fp-4be1a2c09d",
        "imageUrl": "https://images.example.com/astronaut.jpg",
        "promptKey": "foo_prompt",
    },
    max_body_bytes=MAX_VIDEO_BODY_BYTES,
)


class ImageToVideo:
    """See `service.jobs.work.AsynchronousWork` for what its methods promise."""

    operation = IMAGE_TO_VIDEO
    form = VIDEO_FORM
    schema = JobSchema
    failures = FAILURES

    def __init__(
        self,
        catalog: Catalog,
        uploads: Uploads,
        kling: Provider,
        clock: Clock,
        submit_seconds: float,
        plain_links: bool,
        model: VideoModel,
        copies: Copies | None,
    ) -> None:
        self._catalog = catalog
        self._uploads = uploads
        self._kling = kling
        self._clock = clock
        self._plain_links = plain_links
        self._model = model
        self._copies = copies
        self.provider = kling.name
        self.submit_seconds = submit_seconds

    def validate(self, body: VideoBody) -> None:
        """Raises `UnknownPromptKey`, `AddressRefused`, or what `Uploads.source` raises."""
        self._catalog.prompt(body.prompt_key)
        check_address(body.image)
        if is_reference(body.image):
            self._uploads.source(body.owner, upload_id_of(body.image), UploadKind.IMAGE)

    def estimate(self, body: VideoBody) -> Estimate:
        """Raises `PriceNotFound` or `PricesUnavailable`."""
        del body
        return estimate_by(self._catalog.quote(self.operation), self._model.usage)

    def payload(self, body: VideoBody) -> Facts:
        """The image is kept as its hash and length, never whole."""
        return {
            "promptKey": body.prompt_key,
            "imageHash": hashlib.sha256(body.image.encode()).hexdigest()[:22],
            "imageLength": len(body.image),
        }

    def submit(self, job: Job, body: VideoBody, callback_url: str | None, until: float) -> Created:
        """Whatever keeps an upload from being read happens before anything is sent."""
        prompt = self._catalog.prompt(body.prompt_key)
        try:
            image = self._image(body)
        except FareboxError as error:
            log.warning("upload_not_read", job_id=job.job_id, reason=error.code)
            return Rejected(RejectionReason.UNAVAILABLE)
        return self._kling.create(VideoRequest(job.job_id, image, prompt.text, callback_url), until)

    def _image(self, body: VideoBody) -> str:
        """What the provider receives: for an upload, a fresh link to the version that was
        checked."""
        if not is_reference(body.image):
            return body.image
        upload_id = upload_id_of(body.image)
        return self._uploads.source(body.owner, upload_id, UploadKind.IMAGE).url

    def fetch_task(self, job: Job) -> TaskLookup:
        return self._kling.fetch_task(job.task_id, job.job_id)

    def judge(self, task: Task) -> Facts | None:
        """The link, if it can be handed over, and the time by which to save the video."""
        if not task.result_url or not deliverable(task.result_url, self._plain_links):
            return None
        expires_at = self._clock.now() + RESULT_MILLISECONDS
        return {"videoUrl": in_lower_case(task.result_url), "videoExpiresAt": expires_at}

    def is_kept_slowly(self, job: Job) -> bool:
        return self._copies is not None and self._copies.is_due(job)

    def keep(self, job: Job, task: Task, result: Facts) -> Facts:
        """A video stays with Kling unless it is to be copied. Kling's own link is kept besides: it
        is what is handed over where no copy can be made in time. Raises `NotDelivered` where by
        then there is no video at it."""
        del task
        if self._copies is None or not self._copies.are_made:
            return result
        if not self._copies.is_due(job):
            if job.is_open:
                self._copies.abandon(job)
                if self._copies.is_missing(str(result["videoUrl"])):
                    raise NotDelivered("there is no video at its address")
            return result
        copied = self._copies.make(job, str(result["videoUrl"]))
        if copied is None:
            self._copies.abandon(job)
            return result
        return {**result, "copyBytes": copied.size, "copyExpiresAt": copied.expires_at}

    def charge(self, job: Job, task: Task) -> Charge:
        return Charge(job.held, usage_of(task), self._cost(task))

    def charge_by_own_count(self, job: Job, task: Task) -> Charge:
        """A delivery is one video."""
        del task
        return Charge(job.held, {"videos": 1})

    def _cost(self, task: Task) -> ProviderCost | None:
        """By the units that Kling says it deducted, else by what was requested."""
        cost = self._catalog.provider_cost(
            self.operation, self._model.name, self._model.usage, task.units
        )
        return ProviderCost(cost.micros, cost.currency) if cost else None

    def payload_faults(self, payload: Facts) -> Iterable[str]:
        return payload_faults(payload)

    def result_faults(self, result: Facts) -> Iterable[str]:
        return result_faults(result)

    def render(self, job: Job) -> Mapping[str, object]:
        url, expires_at = self._place(job)
        return {
            "promptKey": job.payload.get("promptKey", "unknown"),
            "provider": dict(self._kling.show(job.facts, job.job_id)) if job.facts else None,
            "videoUrl": url,
            "videoExpiresAt": iso(expires_at) if expires_at else None,
        }

    def _place(self, job: Job) -> tuple[str | None, int | None]:
        """Where the video is, and until when: the copy, or with Kling."""
        result: Any = job.result or {}
        copied = copied_from(result)
        if copied is None or self._copies is None:
            return result.get("videoUrl"), result.get("videoExpiresAt")
        return self._copies.url(job, copied), copied.expires_at

    def failure_of(self, reason: RejectionReason) -> str:
        return FAILURE_OF_REJECTION[reason]

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, now: int
    ) -> CallbackEvent | None:
        return self._kling.read_callback(headers, body, now)
