"""Uploads as items. Builds writes, sends none. All of them are disposable: the table deletes them
by itself when the files are gone."""

from typing import Any

from service.core.clock import from_iso, iso
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import user_of
from service.storage.table import Table
from service.storage.writes import Put, Update, When
from service.uploads import keys
from service.uploads.entities import DAY, Facts, Upload, UploadStatus, Usage

PAGE = 100
_FACTS = {"width": "width", "height": "height", "durationMs": "milliseconds"}


def upload_write(upload: Upload) -> Put:
    """A new upload."""
    item: dict[str, Value] = {
        "contentType": upload.content_type,
        "maxBytes": upload.max_bytes,
        "status": upload.status,
        "createdAt": iso(upload.created_at),
        "closesAt": iso(upload.closes_at),
        "expiresAt": upload.expires_at // 1000,
    }
    return Put(keys.upload(upload.user_id, upload.upload_id), item)


def outcome_write(upload: Upload) -> Update:
    """What was found, where nothing has been found yet."""
    changed: dict[str, Value] = {
        "status": upload.status,
        "versionId": upload.version_id,
        "size": upload.size,
    }
    for name, attribute in _FACTS.items():
        value = getattr(upload.facts, attribute)
        changed |= {} if value is None else {name: value}
    changed |= {"reason": upload.reason} if upload.reason else {}
    open_one = When(equals={"status": UploadStatus.OPEN})
    return Update(keys.upload(upload.user_id, upload.upload_id), open_one, set=changed)


def upload_from(item: Item) -> Upload:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that this code did not write."""
    fields: Any = item
    return Upload(
        user_id=user_of(fields["PK"]),
        upload_id=keys.upload_id_of(fields["SK"]),
        content_type=fields["contentType"],
        max_bytes=whole_number(fields["maxBytes"]),
        created_at=from_iso(fields["createdAt"]),
        closes_at=from_iso(fields["closesAt"]),
        expires_at=whole_number(fields["expiresAt"]) * 1000,
        status=UploadStatus(fields["status"]),
        version_id=fields.get("versionId", ""),
        size=whole_number(fields.get("size", 0)),
        facts=Facts(
            **{
                attribute: whole_number(fields[name])
                for name, attribute in _FACTS.items()
                if name in fields
            }
        ),
        reason=fields.get("reason", ""),
    )


def usage_write(user_id: str, before: Usage, after: Usage) -> Update:
    """Over the usage that was read. It is kept until its day is over and every form is closed."""
    kept_until = max((after.day + 1) * DAY, *after.open.values(), 0)
    return Update(
        keys.usage(user_id),
        When(equals={"version": before.version or None}),
        set={
            "version": after.version,
            "day": after.day,
            "bytes": after.bytes_of_day,
            "open": dict(after.open),
            "expiresAt": kept_until // 1000 + 1,
        },
    )


def usage_from(item: Item | None) -> Usage:
    """Without an item nothing was begun. Raises as `upload_from`."""
    if item is None:
        return Usage()
    fields: Any = item
    return Usage(
        whole_number(fields["version"]),
        whole_number(fields["day"]),
        whole_number(fields["bytes"]),
        {name: whole_number(at) for name, at in fields["open"].items()},
    )


def read_upload(table: Table, user_id: str, upload_id: str) -> Upload | None:
    item = table.get(keys.upload(user_id, upload_id))
    return upload_from(item) if item else None


def read_page(table: Table, user_id: str, after: str) -> tuple[list[Upload], str]:
    """Some uploads of a user behind that sort key, and the sort key to go on behind: empty when
    that was all."""
    page = table.query(keys.usage(user_id).pk, keys.UPLOAD_PREFIX, limit=PAGE, after=after)
    last = str(page.items[-1]["SK"]) if page.more and page.items else ""
    return [upload_from(item) for item in page.items], last
