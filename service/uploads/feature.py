"""Uploads: files of users for paid work."""

from typing import Any

from service.feature import Core, Declaration, Feature, Parts
from service.ledger.entities import WalletStatus
from service.ledger.operations import Ledger
from service.storage.media_bucket import MediaBucket
from service.uploads import keys
from service.uploads.checks import upload_checks
from service.uploads.operations import UploadKeys, Uploads
from service.uploads.personal_data import UploadData
from service.uploads.routes import uploads_blueprint
from service.uploads.settings import UploadsSettings


def build(core: Core, parts: Parts) -> Feature:
    ledger = parts.get(Ledger)

    def is_closing(user_id: str) -> bool:
        wallet = ledger.read_snapshot(user_id).wallet
        return wallet is not None and wallet.status is WalletStatus.CLOSING

    settings, object_keys = core.section(UploadsSettings), UploadKeys(core.keyring.mac_key)
    bucket = _bucket(core, settings)
    uploads = Uploads(
        core.table, bucket, object_keys, settings.limits, core.clock, core.ids, is_closing
    )
    data = UploadData(core.table, bucket, object_keys, core.clock, settings.uploads_post_seconds)
    published: dict[type[Any], object] = {Uploads: uploads}
    return Feature(
        # Features that keep files of their own keep them here too.
        operations=published | ({MediaBucket: bucket} if bucket else {}),
        blueprints=lambda: (uploads_blueprint(uploads),),
        checks=upload_checks(),
        erasure=data.steps,
        exports=data.exports,
    )


def _bucket(core: Core, settings: UploadsSettings) -> MediaBucket | None:
    if not settings.uploads_bucket:
        return None
    return MediaBucket.of(
        core.settings.core.aws_region,
        settings.uploads_bucket,
        settings.uploads_endpoint_url,
        settings.uploads_public_url,
    )


UPLOADS = Declaration(name="uploads", build=build, settings=UploadsSettings, items=keys.ITEMS)
