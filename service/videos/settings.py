"""Whether videos are copied to our own bucket, and for how long they stay there."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import CoreSettings, Section, Sections, setting
from service.uploads.settings import MAX_KEEP_DAYS, UploadsSettings

MAX_COPY_MEGABYTES = 1024
MAX_COPY_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class VideosSettings(Section):
    videos_copy_days: int = setting(
        0,
        "how long a copy of each video is kept in UPLOADS_BUCKET, whose lifecycle must say the "
        "same; 0: videos stay with Kling, which deletes them after 30 days",
        minimum=0,
    )
    videos_copy_megabytes: int = setting(
        256, "size of the largest video that is copied, at most 1024"
    )
    videos_copy_seconds: int = setting(
        60, "how long one attempt to copy a video may take, at most 600"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        for name, value, bound in (
            ("VIDEOS_COPY_DAYS", self.videos_copy_days, MAX_KEEP_DAYS),
            ("VIDEOS_COPY_MEGABYTES", self.videos_copy_megabytes, MAX_COPY_MEGABYTES),
            ("VIDEOS_COPY_SECONDS", self.videos_copy_seconds, MAX_COPY_SECONDS),
        ):
            if value > bound:
                yield f"{name} must be at most {bound}"
        if not self.videos_copy_days:
            return
        if not settings.section(UploadsSettings).uploads_bucket:
            yield "VIDEOS_COPY_DAYS needs UPLOADS_BUCKET"
        if not settings.section(CoreSettings).public_url:
            yield "VIDEOS_COPY_DAYS needs PUBLIC_URL: the address of each video begins with it"
