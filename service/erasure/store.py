"""Erasures as items. Builds writes, sends none."""

from typing import Any

from service.core.clock import from_iso, iso
from service.erasure import keys
from service.erasure.entities import Erasure
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import DUE_INDEX_ATTRIBUTES, user_of
from service.storage.writes import ABSENT, Put, Update, When

NOTICE = "notice"


def request_write(before: Erasure | None, erasure: Erasure) -> Put:
    """A new erasure over nothing, or over one as it was read that has ended."""
    guard = ABSENT if before is None else When(equals={"version": before.version})
    erasure_item = _item(erasure) | _index(erasure)
    return Put(keys.erasure(erasure.user_id), erasure_item, guard)


def change_write(before: Erasure, after: Erasure) -> Update:
    """What has become of an erasure that stands as it was read."""
    guard = When(equals={"version": before.version, "mac": before.mac})
    gone = () if after.due_at is not None else (*DUE_INDEX_ATTRIBUTES, NOTICE)
    changed = {name: value for name, value in _item(after).items() if value is not None}
    return Update(keys.erasure(after.user_id), guard, set={**changed, **_index(after)}, remove=gone)


def erasure_from(item: Item) -> Erasure:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    return Erasure(
        user_id=user_of(fields["PK"]),
        requested_at=from_iso(fields["requestedAt"]),
        requested_by=fields["requestedBy"],
        entry=whole_number(fields["entry"]),
        due_at=int(fields["GSI2SK"]) if "GSI2SK" in fields else None,
        done={name: from_iso(at) for name, at in fields["done"].items()},
        held_up=dict(fields["heldUp"]),
        finished_at=from_iso(fields["finishedAt"]) if "finishedAt" in fields else None,
        version=whole_number(fields["version"]),
        mac=fields["mac"],
        notice=fields.get(NOTICE),
    )


def _item(erasure: Erasure) -> dict[str, Value]:
    ended = erasure.finished_at
    return {
        "requestedAt": iso(erasure.requested_at),
        "requestedBy": erasure.requested_by,
        "entry": erasure.entry,
        "done": {name: iso(at) for name, at in erasure.done.items()},
        "heldUp": dict(erasure.held_up),
        "finishedAt": None if ended is None else iso(ended),
        "version": erasure.version,
        "mac": erasure.mac,
        NOTICE: erasure.notice,
    }


def _index(erasure: Erasure) -> dict[str, str]:
    if erasure.due_at is None:
        return {}
    return keys.DUE_ERASURES.index(erasure.user_id, erasure.due_at)
