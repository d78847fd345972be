"""What the audit proves of results: each head is as this service wrote it, has its job and its
chunks, and charges nothing that its verdict does not allow; no chunk is left without a head."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.results import keys, store
from service.results.entities import MAX_CHUNKS, MAX_INLINE_BYTES, Head
from service.storage.checks import (
    AccountCheck,
    Check,
    ItemCheck,
    PartitionReader,
    PrefixCheck,
    Violation,
    item_name,
)
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, Key

UNSEALED = "is not as this service wrote it (its MAC does not hold)"
# Jobs are a feature above this one.
_JOB_PREFIX = "JOB#"


class ResultJob(Protocol):
    """The part of a job that these checks read."""

    @property
    def job_id(self) -> str: ...

    @property
    def captured(self) -> int: ...


class ResultRecords(Protocol):
    """The part of an account that they read."""

    @property
    def user_id(self) -> str: ...

    @property
    def jobs(self) -> Sequence[ResultJob]: ...

    @property
    def items(self) -> Mapping[str, Sequence[Item]]: ...

    @property
    def linked(self) -> Mapping[Key, Item | None]: ...

    def is_there(self, sk: str, present: Iterable[str]) -> bool: ...


def result_checks(mac_key: bytes) -> tuple[Check, ...]:
    def head_faults(item: Item) -> Iterator[str]:
        head = store.head_from(item)
        if not store.is_sealed(head, mac_key):
            yield UNSEALED
        yield from _head_faults(head)

    return (
        ItemCheck(keys.HEAD, head_faults),
        ItemCheck(keys.CHUNK, _chunk_faults),
        ItemCheck(keys.UNFINISHED, _unfinished_faults),
        AccountCheck(
            (keys.HEAD.name,), _account_faults, prefixes=(keys.RESULT_PREFIX,), links=_last_chunks
        ),
        PrefixCheck(keys.RESULT_PREFIX, keys.settled_by, _partition_faults),
    )


def _head_faults(head: Head) -> Iterator[str]:
    has_content = head.sealed is not None or head.chunks > 0
    if has_content != (head.erased_at is None):
        yield "has content although it is erased, or none although it is not"
    if head.sealed is not None and (head.chunks or len(head.sealed) > MAX_INLINE_BYTES):
        yield "has content that belongs in chunks"
    if not 0 <= head.chunks <= MAX_CHUNKS:
        yield "has more chunks than a result can have"


def _chunk_faults(item: Item) -> Iterator[str]:
    if not isinstance(item["part"], bytes) or not isinstance(item["userId"], str):
        yield "is no part of a result"


def _unfinished_faults(item: Item) -> Iterator[str]:
    unfinished = store.unfinished_from(item)
    due = keys.DUE_UNFINISHED.index(unfinished.attempt, unfinished.due_at)
    if due != {name: item.get(name) for name in DUE_INDEX_ATTRIBUTES}:
        yield "its index attributes are not those of its shard and time"


def _account_faults(account: ResultRecords) -> Iterator[Violation]:
    """A head is written while its job is open, and jobs are read before heads: a job that began
    meanwhile is there when the account is read again."""
    jobs = {_JOB_PREFIX + job.job_id: job for job in account.jobs}
    for item in account.items.get(keys.RESULT_PREFIX, ()):
        key = Key.of_item(item)
        where, name = item_name(account.user_id, key.sk), _JOB_PREFIX + keys.job_of(key)
        if not account.is_there(name, jobs):
            yield Violation(where, f"belongs to job {keys.job_of(key)}, which does not exist")
        elif name in jobs and jobs[name].captured and _charges_nothing(item):
            yield Violation(where, "says that nothing is charged, and its job was")
        last = _last_chunk(item)
        if last is not None and account.linked.get(last) is None:
            yield Violation(where, "names chunks that do not exist")


def _charges_nothing(item: Item) -> bool:
    head = _readable(item)
    return head is not None and head.verdict.usage is None


def _last_chunks(account: ResultRecords) -> Iterator[Key]:
    """The smallest part of each result stands for all: whoever deletes some of them is found by the
    check of their partition."""
    for item in account.items.get(keys.RESULT_PREFIX, ()):
        if (last := _last_chunk(item)) is not None:
            yield last


def _last_chunk(item: Item) -> Key | None:
    head = _readable(item)
    if head is None or not head.chunks:
        return None
    return keys.chunk(head.owner.job_id, head.attempt, head.chunks - 1)


def _readable(item: Item) -> Head | None:
    """None where the check of the item itself names it."""
    try:
        return store.head_from(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _partition_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    """Chunks are read before their records, and those before the head: whatever is being written
    or removed has one of both at any time."""
    parts: dict[str, int] = {}
    payers: dict[str, str] = {}
    for item in reader.items(keys.CHUNK_PREFIX):
        attempt = str(item["SK"]).removeprefix(keys.CHUNK_PREFIX).rpartition("#")[0]
        parts[attempt] = parts.get(attempt, 0) + 1
        payers[attempt] = str(item["userId"])
    recorded = {
        str(item["SK"]).removeprefix(keys.UNFINISHED_PREFIX)
        for item in reader.items(keys.UNFINISHED_PREFIX)
    }
    job_id = pk.removeprefix(keys.RESULT_PREFIX)
    for attempt in sorted(parts.keys() - recorded):
        item_of_head = reader.one(keys.head(payers[attempt], job_id))
        head = store.head_from(item_of_head) if item_of_head else None
        where = str(keys.chunk(job_id, attempt, 0))
        if head is None or head.attempt != attempt or not head.chunks:
            yield Violation(where, "belongs to no result")
        elif head.chunks != parts[attempt]:
            yield Violation(where, f"has {parts[attempt]} parts, its head names {head.chunks}")
