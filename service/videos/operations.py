"""The one verb on videos: make one."""

from service.catalog.entities import IMAGE_TO_VIDEO
from service.jobs.entities import JobRequest
from service.jobs.operations import Jobs, Submission
from service.videos.entities import NewVideo
from service.videos.images import checked

ROUTE = "POST /videos"


class Videos:
    """Makes videos from images."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def create(self, video: NewVideo) -> Submission:
        """Submits a job for the video. Raises `ImageUnusable` or `ImageTooLarge` before anything is
        read, `UnknownPromptKey`, `AddressRefused` or what `Uploads.source` raises before anything
        of the job is written, and what `Jobs.submit` raises, `ImageRejected` and `ContentRejected`
        among it."""
        body = checked(video.image, video.prompt_key, video.principal.subject)
        return self._jobs.submit(
            JobRequest(
                actor=video.principal,
                operation=IMAGE_TO_VIDEO,
                route=ROUTE,
                fingerprint=video.fingerprint,
                body=body,
                body_facts=(body.image, body.prompt_key),
                idempotency_key=video.idempotency_key,
                request_id=video.request_id,
            )
        )
