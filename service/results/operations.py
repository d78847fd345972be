"""Storing, reading and removing results."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import structlog

from service.core.clock import Clock
from service.core.ids import Ids
from service.results import keys, store
from service.results.entities import (
    MAX_CHUNKS,
    Content,
    ContentDamaged,
    Head,
    Owner,
    Result,
    Unfinished,
    Verdict,
    chunks_of,
    digest_of,
    packed,
    unpacked,
)
from service.storage.codec import Item
from service.storage.data_keys import DataKeys, DataUnreadable
from service.storage.keys import GSI2, Key, due_time, user_of, user_partition
from service.storage.table import (
    ConditionFailed,
    NotApplied,
    StorageRefused,
    StorageUnavailable,
    Table,
)
from service.storage.writes import Write

log = structlog.get_logger()

CONTENT = "content"
WRITE_TRIES = 3
# Within it a result gets its head, or none: far less than the time after which a sweep removes
# chunks that have none.
STORE_SECONDS = 120.0
UNFINISHED_MILLISECONDS = 60 * 60 * 1000
PAGE = 25


@dataclass(frozen=True)
class ResultPage:
    """Some of a user's results by job id, and before which job the next page begins (None: that was
    all)."""

    results: list[tuple[str, Result]]
    next_before: str | None


class Results:
    """The results of jobs. A result is there once its head is: `store` writes that last.

    Every method raises `StorageUnavailable`; those that seal or open content also raise
    `DataKeyUnavailable` and `DataUnreadable`, the latter for what this service did not write so."""

    def __init__(
        self, table: Table, data_keys: DataKeys, clock: Clock, ids: Ids, mac_key: bytes
    ) -> None:
        self._table = table
        self._data_keys = data_keys
        self._clock = clock
        self._ids = ids
        self._mac_key = mac_key

    def store(self, owner: Owner, verdict: Verdict, content: Content) -> Verdict:
        """Stores the result of a job that has none. Returns the verdict that is stored: another's
        if another process was first, whose result stays.

        Write units: one for each KB of the head, which is content and about 500 bytes; above 16 KB
        of content one for each KB of the chunks, 1 for the head and 4 to record them as unfinished
        meanwhile. After an error nothing is there, or all of it: storing again is safe.

        Raises `ResultTooLarge`, and `DataErased` for an erased user."""
        until = self._clock.monotonic() + STORE_SECONDS
        head = self._head(owner, verdict, packed(content))
        chunks = chunks_of(head.sealed or b"")
        stored = self._store_chunks(head, chunks, until) if chunks else self._put(head, until)
        return stored.verdict

    def read(self, payer: str, job_id: str) -> Result | None:
        """One call, and one for each MB of chunks; None if there is no result."""
        head = self._read(payer, job_id)
        if head is None:
            return None
        content = None if head.erased_at is not None else self._content(head)
        return Result(head.verdict, head.created_at, content)

    def verdict(self, payer: str, job_id: str) -> Verdict | None:
        """What is to be charged, without opening the content; None if there is no result."""
        head = self._read(payer, job_id)
        return head.verdict if head else None

    def erase_content(self, payer: str, job_id: str) -> bool:
        """Removes what was delivered and keeps the verdict, which the audit compares with the job.
        Returns whether there is a result. Again without effect.

        Write units: one for each KB of the head; 4 with chunks, which the sweep removes by then."""
        for _ in range(WRITE_TRIES):
            head = self._read(payer, job_id)
            if head is None or head.erased_at is not None:
                return head is not None
            after = store.sealed(head.without_content(self._clock.now()), self._mac_key)
            if head.chunks:
                self._write(store.unfinished_write(self._unfinished(head, head.chunks)))
            try:
                self._table.write(store.erased_write(head, after))
            except ConditionFailed:
                continue
            if head.chunks:
                at_once = replace(self._unfinished(head, head.chunks), due_at=self._clock.now())
                self._write(store.unfinished_write(at_once))
            return True
        raise NotApplied

    def remove(self, head: Head) -> None:
        """Removes a result altogether: for erasures alone, since web processes may not delete."""
        unfinished = self._unfinished(head, head.chunks)
        if head.chunks:
            self._write(store.unfinished_write(unfinished))
        self._write(store.removal(head))
        if head.chunks:
            self._write_all(store.removals(unfinished))

    def of_user(self, user_id: str, after: str = "") -> tuple[list[Head], str | None]:
        """A page of a user's results, and where the next one begins (None: that was all)."""
        page = self._table.query(
            user_partition(user_id), keys.RESULT_PREFIX, limit=PAGE, after=after
        )
        heads = [store.head_from(item) for item in page.items]
        return heads, str(page.items[-1]["SK"]) if page.more and page.items else None

    def newest(
        self, user_id: str, limit: int, before: str, wanted: Callable[[Verdict], bool]
    ) -> "ResultPage":
        """The wanted ones among that many of a user's results before that job ("": all), newest
        first: one call, and those that open them. Damaged ones are passed over, which the log
        says."""
        page = self._table.query(
            user_partition(user_id),
            keys.RESULT_PREFIX,
            limit=limit,
            after=keys.head(user_id, before or "~").sk,
            ascending=False,
        )
        results = [found for item in page.items for found in self._opened(item, wanted)]
        last = keys.job_of(Key.of_item(page.items[-1])) if page.more and page.items else None
        return ResultPage(results, last)

    def due(self, partition: str, limit: int) -> list[Key]:
        """Unfinished results whose time is over, oldest first: hints, the index lags."""
        now = due_time(self._clock.now())
        return [hit.key for hit in self._table.query_index(GSI2, partition, limit=limit, up_to=now)]

    def finish(self, key: Key) -> None:
        """Removes chunks that have no head; of those that have one only the record."""
        item = self._table.get(key)
        if item is None:
            return
        unfinished = store.unfinished_from(item)
        if unfinished.due_at > self._clock.now():
            return
        head = self._read(unfinished.payer, unfinished.job_id)
        removals = store.removals(unfinished)
        has_head = head is not None and head.attempt == unfinished.attempt and head.chunks > 0
        self._write_all(removals[-1:] if has_head else removals)

    def _head(self, owner: Owner, verdict: Verdict, plain: bytes) -> Head:
        key = keys.head(owner.payer, owner.job_id)
        content = self._data_keys.seal_bytes(owner.actor, key, CONTENT, plain)
        now = self._clock.now()
        attempt = self._ids.new("att", now)
        return Head(owner, verdict, attempt, now, digest_of(content), sealed=content)

    def _store_chunks(self, head: Head, chunks: tuple[bytes, ...], until: float) -> Head:
        """The record first, so that whoever dies anywhere leaves nothing for ever. The sweep takes
        it away, and the chunks of whoever was not first: web processes may not delete."""
        self._write(store.unfinished_write(self._unfinished(head, len(chunks))))
        for number, part in enumerate(chunks):
            self._write(store.chunk_write(head.owner, head.attempt, number, part))
        return self._put(replace(head, sealed=None, chunks=len(chunks)), until)

    def _put(self, head: Head, until: float) -> Head:
        """Writes the head, if there is none. Returns the one that is there."""
        sealed = store.sealed(head, self._mac_key)
        for _ in range(WRITE_TRIES):
            if self._clock.monotonic() > until:
                break
            try:
                self._table.write(store.head_write(sealed))
                return sealed
            except StorageRefused:
                raise
            except (ConditionFailed, StorageUnavailable):
                found = self._read(head.owner.payer, head.owner.job_id)
            if found is not None:
                return found
        raise NotApplied

    def _unfinished(self, head: Head, chunks: int) -> Unfinished:
        due_at = self._clock.now() + UNFINISHED_MILLISECONDS
        return Unfinished(head.owner.payer, head.owner.job_id, head.attempt, chunks, due_at)

    def _write_all(self, writes: Sequence[Write]) -> None:
        for write in writes:
            self._write(write)

    def _write(self, write: Write) -> None:
        """For writes that may be repeated at will."""
        for _ in range(WRITE_TRIES - 1):
            try:
                return self._table.write(write)
            except StorageRefused:
                raise
            except StorageUnavailable:
                continue
        return self._table.write(write)

    def _read(self, payer: str, job_id: str) -> Head | None:
        item = self._table.get(keys.head(payer, job_id))
        return None if item is None else self._read_head(item)

    def _read_head(self, item: Item) -> Head:
        key = Key.of_item(item)
        try:
            head = store.head_from(item)
        except (KeyError, TypeError, ValueError, AttributeError):
            _damaged(user_of(key.pk), keys.job_of(key))
        if not store.is_sealed(head, self._mac_key):
            _damaged(user_of(key.pk), keys.job_of(key))
        return head

    def _opened(
        self, item: Item, wanted: Callable[[Verdict], bool]
    ) -> Iterator[tuple[str, Result]]:
        """The result with its job's id, if it is wanted and can be read."""
        try:
            head = self._read_head(item)
            if wanted(head.verdict):
                content = None if head.erased_at is not None else self._content(head)
                yield head.owner.job_id, Result(head.verdict, head.created_at, content)
        except DataUnreadable:
            key = Key.of_item(item)
            log.warning("result_passed_over", user_id=user_of(key.pk), job_id=keys.job_of(key))

    def _content(self, head: Head) -> Content | None:
        """None if the user's data key has been destroyed."""
        payer, job_id = head.owner.payer, head.owner.job_id
        sealed = self._chunks(head) if head.chunks else head.sealed or b""
        if digest_of(sealed) != head.digest:
            _damaged(payer, job_id)
        key = keys.head(payer, job_id)
        plain = self._data_keys.open_bytes(head.owner.actor, key, CONTENT, sealed)
        try:
            return None if plain is None else unpacked(plain)
        except ContentDamaged:
            _damaged(payer, job_id)

    def _chunks(self, head: Head) -> bytes:
        """A page of a query ends at 1 MB."""
        first = keys.chunk(head.owner.job_id, head.attempt, 0)
        prefix, parts, after = keys.chunks_of(head.attempt), b"", ""
        for _ in range(MAX_CHUNKS):
            page = self._table.query(first.pk, prefix, limit=MAX_CHUNKS, after=after)
            for item in page.items:
                part, after = item["part"], str(item["SK"])
                parts += part if isinstance(part, bytes) else b""
            if not page.more:
                break
        return parts


def _damaged(payer: str, job_id: str) -> NoReturn:
    log.error("result_unreadable", user_id=payer, job_id=job_id)
    raise DataUnreadable
