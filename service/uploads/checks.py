"""What the audit proves of uploads: what is ready names one version, and all of it is
disposable."""

from collections.abc import Iterator

from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.uploads import keys, store
from service.uploads.entities import CONTENT_TYPES, UploadKind, UploadStatus


def upload_checks() -> tuple[ItemCheck, ...]:
    return (ItemCheck(keys.UPLOAD, _upload_faults), ItemCheck(keys.USAGE, _usage_faults))


def _upload_faults(item: Item) -> Iterator[str]:
    upload = store.upload_from(item)
    if upload.content_type not in CONTENT_TYPES:
        yield "it is of a type that is not taken"
    is_open = upload.status is UploadStatus.OPEN
    if is_open is bool(upload.version_id):
        yield "its version does not fit its status"
    if (upload.status is UploadStatus.REFUSED) is not bool(upload.reason):
        yield "its reason does not fit its status"
    if upload.status is UploadStatus.READY:
        if not 0 < upload.size <= upload.max_bytes:
            yield "it is larger than announced, or empty"
        has_pixels = bool(upload.facts.width and upload.facts.height)
        if has_pixels is not (upload.kind is UploadKind.IMAGE):
            yield "what was found does not fit its type"


def _usage_faults(item: Item) -> Iterator[str]:
    usage = store.usage_from(item)
    if usage.version < 1 or usage.bytes_of_day < 0:
        yield "it counts what cannot be"
    if "expiresAt" not in item:
        yield "it is not disposable"
