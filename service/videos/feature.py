"""Image-to-video: a kind of work for `jobs`, and `POST /videos`."""

import socket
from dataclasses import dataclass

from service.catalog.operations import Catalog
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.outbound.addresses import public_only
from service.outbound.network import Network
from service.providers.base import Provider
from service.providers.downloads import Downloads
from service.providers.kling.settings import KlingSettings
from service.storage.media_bucket import MediaBucket
from service.uploads.entities import MEGABYTE
from service.uploads.operations import Uploads
from service.uploads.settings import UploadsSettings
from service.videos.addresses import CopyAddresses
from service.videos.copies import Copies
from service.videos.entities import VideoModel
from service.videos.operations import Videos
from service.videos.personal_data import CopyData
from service.videos.routes import copies_blueprint, videos_blueprint
from service.videos.settings import VideosSettings
from service.videos.work import ImageToVideo

# For the last part of a copy and its end, once its attempt is over.
STORE_SECONDS = 60


@dataclass(frozen=True)
class _Copying:
    """What deals with copies of videos, those of the time when they were made among them."""

    copies: Copies
    data: CopyData


def build(core: Core, parts: Parts) -> Feature:
    operations, kling = parts.get(Operations), core.section(KlingSettings)
    has_place = core.section(UploadsSettings).uploads_bucket and core.settings.core.public_url
    copying = _copying(core, parts) if has_place else None
    operations.register(
        ImageToVideo(
            parts.get(Catalog),
            parts.get(Uploads),
            parts.get(Provider),
            core.clock,
            kling.kling_create_seconds,
            plain_links=not core.settings.production,
            model=VideoModel(
                f"{kling.kling_model_name}/{kling.kling_mode}", int(kling.kling_duration)
            ),
            copies=copying.copies if copying else None,
        )
    )
    videos = Videos(parts.get(Jobs))
    return Feature(
        operations={Videos: videos},
        blueprints=lambda: (
            videos_blueprint(videos, operations),
            copies_blueprint(copying.copies if copying else None),
        ),
        erasure=copying.data.steps if copying else (),
        exports=copying.data.exports if copying else (),
    )


def _copying(core: Core, parts: Parts) -> _Copying:
    settings, bucket = core.section(VideosSettings), parts.get(MediaBucket)
    addresses = CopyAddresses(core.keyring.mac_key, core.settings.core.public_url)
    downloads = parts.replaced(Downloads, _downloads(core, settings))
    copies = Copies(
        bucket,
        downloads,
        addresses,
        core.clock,
        core.metrics,
        settings.videos_copy_seconds,
        settings.videos_copy_days,
    )
    data = CopyData(parts.get(Jobs), bucket, addresses, core.clock, _late_seconds(core, settings))
    return _Copying(copies, data)


def _late_seconds(core: Core, settings: VideosSettings) -> int | None:
    """A copy of a job that is watched may be under way when the job is emptied."""
    if not settings.videos_copy_days:
        return None
    arrival = core.section(UploadsSettings).uploads_post_seconds
    return max(arrival, settings.videos_copy_seconds + STORE_SECONDS)


def _downloads(core: Core, settings: VideosSettings) -> Downloads:
    """In production the vendor's links lead to public addresses, or nowhere."""
    resolve = socket.getaddrinfo
    network = Network(core.clock, public_only(resolve) if core.settings.production else resolve)
    return Downloads(network, core.tls, core.clock, settings.videos_copy_megabytes * MEGABYTE)


VIDEOS = Declaration(name="videos", build=build, settings=VideosSettings)
