"""Deletions of transcripts as items. Builds writes, and reads."""

from collections.abc import Iterator, Sequence
from typing import Any

from service.core.clock import from_iso, iso
from service.storage.codec import Item
from service.storage.keys import GSI2, Key, due_time, user_of, user_partition
from service.storage.table import IndexHit, Table
from service.storage.writes import REPLACE, Delete, Put, Update, When
from service.transcription import keys
from service.transcription.entities import Deletion

PAGE = 100


def request_write(deletion: Deletion) -> Put:
    """Where none is under way."""
    item: Item = {
        "requestedAt": iso(deletion.requested_at),
        "mac": deletion.mac,
        **keys.DUE_DELETIONS.index(deletion.job_id, deletion.due_at),
    }
    return Put(_key(deletion), item)


def claim_write(deletion: Deletion, claimed: Deletion) -> Update:
    """Moves the next attempt at one that stands as it was read."""
    was = When(equals={"GSI2SK": due_time(deletion.due_at)})
    return Update(_key(deletion), was, set={"GSI2SK": due_time(claimed.due_at)})


def postpone_write(hit: IndexHit, due_at: int) -> Update:
    """Likewise, of one that cannot be read."""
    return Update(hit.key, When(equals={"GSI2SK": hit.sort}), set={"GSI2SK": due_time(due_at)})


def removal(key: Key) -> Delete:
    return Delete(key, REPLACE)


def read_due(table: Table, partition: str, now: int, limit: int) -> Sequence[IndexHit]:
    """Those that are to be carried on by then, oldest first: hints, the index lags."""
    return table.query_index(GSI2, partition, limit=limit, up_to=due_time(now))


def keys_of_user(table: Table, user_id: str) -> Iterator[Key]:
    """The deletions of a user that are under way."""
    after, more = "", True
    while more:
        page = table.query(user_partition(user_id), keys.DELETION_PREFIX, limit=PAGE, after=after)
        found = [Key.of_item(item) for item in page.items]
        yield from found
        more = page.more and bool(found)
        after = found[-1].sk if found else ""


def deletion_from(item: Item) -> Deletion:
    """Raises `KeyError`, `TypeError` or `ValueError` for what no version of this code wrote."""
    fields: Any = item
    return Deletion(
        user_id=user_of(fields["PK"]),
        job_id=keys.job_of(Key.of_item(item)),
        requested_at=from_iso(fields["requestedAt"]),
        due_at=int(fields["GSI2SK"]),
        mac=fields["mac"],
    )


def _key(deletion: Deletion) -> Key:
    return keys.deletion(deletion.user_id, deletion.job_id)
