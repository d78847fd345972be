"""Image-to-video: a kind of work for `jobs`, and `POST /videos`."""

from service.catalog.operations import Catalog
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.providers.base import Provider
from service.providers.kling.settings import KlingSettings
from service.uploads.operations import Uploads
from service.videos.entities import VideoModel
from service.videos.operations import Videos
from service.videos.routes import videos_blueprint
from service.videos.work import ImageToVideo


def build(core: Core, parts: Parts) -> Feature:
    operations, kling = parts.get(Operations), core.section(KlingSettings)
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
        )
    )
    videos = Videos(parts.get(Jobs))
    return Feature(
        operations={Videos: videos}, blueprints=lambda: (videos_blueprint(videos, operations),)
    )


VIDEOS = Declaration(name="videos", build=build)
