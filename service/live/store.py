"""Segments as items. Each is disposable: long before it disappears its session has a result."""

import json
from collections.abc import Iterator
from typing import Any

from service.jobs.entities import Job
from service.live import keys
from service.live.utterances import Segment, packed, unpacked
from service.storage.codec import Item
from service.storage.data_keys import DataKeys, DataUnreadable
from service.storage.keys import Key, user_partition
from service.storage.table import Table
from service.storage.writes import REPLACE, Delete, Put

CONTENT = "content"
KEEP_SECONDS = 7 * 24 * 3600
PAGE = 100
# Of one session: three hours of a segment each few seconds.
MAX_SEGMENTS = 10_000


def segment_write(data_keys: DataKeys, job: Job, segment: Segment, now: int) -> Put:
    """Encrypted and authenticated, bound to user, job and place: no one else can say what was
    relayed. Raises what `DataKeys.seal_bytes` raises."""
    key = keys.segment(job.payer, job.job_id, segment.number)
    plain = json.dumps(packed(segment), separators=(",", ":"), ensure_ascii=False).encode()
    item: Item = {
        CONTENT: data_keys.seal_bytes(job.actor, key, CONTENT, plain),
        "expiresAt": now // 1000 + KEEP_SECONDS,
    }
    return Put(key, item)


def read_segments(table: Table, data_keys: DataKeys, job: Job) -> Iterator[Segment]:
    """A session's segments in their order; none once the user's data key is destroyed. Raises
    `DataUnreadable` for what this service did not write so, and `StorageUnavailable`."""
    for item in _items(table, job.payer, keys.of_job(job.job_id)):
        key = Key.of_item(item)
        sealed: Any = item[CONTENT]
        plain = data_keys.open_bytes(job.actor, key, CONTENT, sealed)
        if plain is None:
            return
        try:
            yield unpacked(keys.number_of(key), json.loads(plain))
        except (KeyError, TypeError, ValueError):
            raise DataUnreadable from None


def segment_keys(table: Table, user_id: str, job_id: str = "") -> Iterator[Key]:
    """All segments of a user, or those of one session."""
    prefix = keys.of_job(job_id) if job_id else keys.SEGMENT_PREFIX
    return (Key.of_item(item) for item in _items(table, user_id, prefix))


def removal(key: Key) -> Delete:
    return Delete(key, REPLACE)


def _items(table: Table, user_id: str, prefix: str) -> Iterator[Item]:
    after = ""
    for _ in range(MAX_SEGMENTS):
        page = table.query(user_partition(user_id), prefix, limit=PAGE, after=after)
        yield from page.items
        if not page.more or not page.items:
            return
        after = str(page.items[-1]["SK"])
