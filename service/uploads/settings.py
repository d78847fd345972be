"""Where users' files lie, and how much they may upload."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, Url, setting
from service.uploads.entities import MAX_POST_BYTES, MEGABYTE, UploadLimits

MAX_FORM_SECONDS = 3600
# What AWS signs for at most (Signature Version 4, query parameters).
MAX_LINK_SECONDS = 7 * 24 * 3600
MAX_KEEP_DAYS = 365
MAX_OPEN = 100
_MAX_MEGABYTES = MAX_POST_BYTES // MEGABYTE
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class UploadsSettings(Section):
    uploads_bucket: str = setting(
        "", "bucket of the files that users upload, versioned; without it nothing can be uploaded"
    )
    uploads_endpoint_url: Url = setting(
        Url(), "another address of S3; only outside production", development_only=True
    )
    uploads_public_url: Url = setting(
        Url(),
        "the same address as browsers and providers reach it, if that is another; only outside "
        "production",
        development_only=True,
    )
    uploads_max_audio_megabytes: int = setting(500, "size of the largest sound, at most 5120")
    uploads_open_limit: int = setting(20, "uploads that one user may have begun and not finished")
    uploads_daily_megabytes: int = setting(
        2048, "what one user may upload in a day (UTC), by the sizes announced"
    )
    uploads_form_seconds: int = setting(300, "how long a form may be used to upload, at most 3600")
    uploads_post_seconds: int = setting(
        900,
        "how long a file that was posted in time may take to arrive, at most 3600; an erasure "
        "waits for it",
    )
    uploads_link_seconds: int = setting(
        3600,
        "how long a provider may fetch a file; the link ends earlier if the credentials that "
        "signed it do",
    )
    uploads_days: int = setting(
        7, "how long files are kept; the bucket's lifecycle must say the same"
    )
    uploads_malware_scan: bool = setting(
        False, "use only what GuardDuty Malware Protection for S3 has found clean"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.uploads_bucket and not _BUCKET.fullmatch(self.uploads_bucket):
            yield "UPLOADS_BUCKET must be the name of a bucket"
        if self.uploads_public_url and not self.uploads_endpoint_url:
            yield "UPLOADS_PUBLIC_URL needs UPLOADS_ENDPOINT_URL"
        for name, value, bound in (
            ("UPLOADS_MAX_AUDIO_MEGABYTES", self.uploads_max_audio_megabytes, _MAX_MEGABYTES),
            ("UPLOADS_OPEN_LIMIT", self.uploads_open_limit, MAX_OPEN),
            ("UPLOADS_FORM_SECONDS", self.uploads_form_seconds, MAX_FORM_SECONDS),
            ("UPLOADS_POST_SECONDS", self.uploads_post_seconds, MAX_FORM_SECONDS),
            ("UPLOADS_LINK_SECONDS", self.uploads_link_seconds, MAX_LINK_SECONDS),
            ("UPLOADS_DAYS", self.uploads_days, MAX_KEEP_DAYS),
        ):
            if value > bound:
                yield f"{name} must be at most {bound}"

    @property
    def limits(self) -> UploadLimits:
        return UploadLimits(
            max_audio_bytes=self.uploads_max_audio_megabytes * MEGABYTE,
            max_open=self.uploads_open_limit,
            max_bytes_a_day=self.uploads_daily_megabytes * MEGABYTE,
            form_seconds=self.uploads_form_seconds,
            link_seconds=self.uploads_link_seconds,
            keep_days=self.uploads_days,
            waits_for_scan=self.uploads_malware_scan,
        )
