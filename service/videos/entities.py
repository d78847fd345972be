"""A request for a video, what may go wrong with it, and which result can be handed over. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import urlsplit

from service.catalog.pricing import Counter
from service.core.errors import InvalidRequest, NotFound, TooLarge, Unavailable
from service.core.principal import Principal
from service.jobs.entities import ContentRejected, Failure, ProviderBusy, ProviderUnavailable
from service.jobs.work import FailureText
from service.ledger.entities import EXAMPLE_JOB
from service.media.pictures import MAX_ASPECT_RATIO, MIN_SIDE_PIXELS
from service.providers.base import RejectionReason, Task

MAX_RESULT_URL = 1024
RESULT_MILLISECONDS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True)
class VideoBody:
    """What a client requests. `image` is an address, base64, or the name of an upload of `owner`,
    normalised (`service.videos.images`)."""

    image: str
    prompt_key: str
    owner: str = ""


@dataclass(frozen=True)
class VideoModel:
    """What every video is made with: `name` finds its cost in the catalog."""

    name: str
    seconds: int

    @property
    def usage(self) -> Mapping[str, int]:
        """What one video uses, as prices count it."""
        return {Counter.MILLISECONDS: self.seconds * 1000, Counter.IMAGES: 1}


@dataclass(frozen=True)
class NewVideo:
    """A request for one video, from one device of one user."""

    principal: Principal
    fingerprint: str
    image: str
    prompt_key: str
    idempotency_key: str | None = None
    request_id: str = ""


@dataclass(frozen=True)
class Copied:
    """A copy of a video in our own bucket: its size in bytes, and until when it is kept (epoch
    milliseconds)."""

    size: int
    expires_at: int


def copied_from(result: Mapping[str, Any]) -> Copied | None:
    """The copy that the result of a job names, None without one."""
    if "copyBytes" not in result:
        return None
    return Copied(result["copyBytes"], result["copyExpiresAt"])


class VideoFailure(StrEnum):
    """Why a video's job ended without being charged, beyond what can happen to any job."""

    IMAGE_REJECTED = "IMAGE_REJECTED"
    CONTENT_REJECTED = "CONTENT_REJECTED"


class ImageRejected(InvalidRequest):
    code = VideoFailure.IMAGE_REJECTED.value
    summary = "The provider cannot use this image. Nothing was charged."
    details_example: ClassVar[Mapping[str, object]] = EXAMPLE_JOB


class ImageUnusable(InvalidRequest):
    """Neither an address nor a JPEG or PNG in base64, or one that the provider would reject. The
    message says what is wrong."""

    code = "IMAGE_UNUSABLE"
    summary = (
        "imageUrl must be a public https address, an upload, or a JPEG or PNG in base64 with at "
        "least "
        f"{MIN_SIDE_PIXELS} pixels on each side and an aspect ratio from 1:{MAX_ASPECT_RATIO} to "
        f"{MAX_ASPECT_RATIO}:1."
    )


class ImageTooLarge(TooLarge):
    code = "IMAGE_TOO_LARGE"
    summary = "An image in the body may be at most 10 MB."


class VideoNotFound(NotFound):
    code = "VIDEO_NOT_FOUND"
    summary = "There is no video at this address."
    advice = "Addresses end with `videoExpiresAt` of the job."


class VideoUnavailable(Unavailable):
    code = "VIDEO_UNAVAILABLE"
    summary = "The video cannot be fetched right now."
    retry_after = 5


FAILURES: Mapping[str, FailureText] = {
    VideoFailure.IMAGE_REJECTED: FailureText(ImageRejected.summary, ImageRejected),
    VideoFailure.CONTENT_REJECTED: FailureText(ContentRejected.summary, ContentRejected),
    Failure.PROVIDER_BUSY: FailureText(ProviderBusy.summary, ProviderBusy),
    Failure.PROVIDER_UNAVAILABLE: FailureText(ProviderUnavailable.summary, ProviderUnavailable),
    Failure.GENERATION_FAILED: FailureText(
        "The provider could not make this video. Nothing was charged."
    ),
    Failure.PROVIDER_UNRESOLVED: FailureText(
        "The provider did not report an outcome. Nothing was charged; if the video arrives later, "
        "it is free."
    ),
}

FAILURE_OF_REJECTION: Mapping[RejectionReason, str] = {
    RejectionReason.IMAGE: VideoFailure.IMAGE_REJECTED,
    RejectionReason.AUDIO: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.LANGUAGE: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.CONTENT: VideoFailure.CONTENT_REJECTED,
    RejectionReason.CONTEXT: Failure.PROVIDER_UNAVAILABLE,
    RejectionReason.BUSY: Failure.PROVIDER_BUSY,
    RejectionReason.UNAVAILABLE: Failure.PROVIDER_UNAVAILABLE,
}


def deliverable(url: str | None, plain_links: bool) -> bool:
    """Whether a result link may be handed to a user: bounded, whole, https (plain http only where
    simulators are used). It is never fetched."""
    if not url or len(url) > MAX_RESULT_URL:
        return False
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        schemes = ("https", "http") if plain_links else ("https",)
        return parts.scheme in schemes and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def usage_of(task: Task) -> dict[str, int]:
    """What a finished task used: one video, and its length as Kling states it (a decimal number of
    seconds), where it does."""
    videos: Any = task.facts.get("videos") or ({},)
    try:
        milliseconds = int(Decimal(str(videos[0].get("duration"))) * 1000)
    except (ArithmeticError, ValueError):
        return {"videos": 1}
    if not 0 < milliseconds < 3_600_000:
        return {"videos": 1}
    return {"videos": 1, "milliseconds": milliseconds}
