"""What the audit proves of bulk grants: no more is granted than the budget pays for, progress is
what the parts have done, and each user on a list has a grant or a reason why not."""

from collections.abc import Iterator

from service.bulk_grants import keys, store
from service.bulk_grants.entities import Audience, BulkGrant, Part, PartState, grant_of
from service.ledger.grants import grant_key, record_from
from service.storage.checks import ItemCheck, PartitionReader, PrefixCheck, Violation
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES

UNSEALED = "is not as this service wrote it (its MAC does not hold)"


def bulk_checks(mac_key: bytes) -> tuple[ItemCheck | PrefixCheck, ...]:
    def bulk_faults(item: Item) -> Iterator[str]:
        if store.sealed_bulk_from(item, mac_key) is None:
            yield UNSEALED
        yield from _bulk_faults(store.bulk_from(item))

    def users_faults(item: Item) -> Iterator[str]:
        if store.sealed_users_from(item, mac_key) is None:
            yield UNSEALED
        yield from _users_faults(item)

    return (
        ItemCheck(keys.BULK, bulk_faults),
        ItemCheck(keys.PART, _part_faults),
        ItemCheck(keys.USERS, users_faults),
        ItemCheck(keys.FAILURE, _failure_faults),
        PrefixCheck(keys.PARTITION_PREFIX, keys.bulk_of, _progress_faults),
    )


def _bulk_faults(bulk: BulkGrant) -> Iterator[str]:
    yield from bulk.terms.faults()
    if max(bulk.leased, bulk.users) * bulk.terms.amount > bulk.budget:
        yield "grants more than its budget pays for"


def _part_faults(item: Item) -> Iterator[str]:
    part = store.part_from(item)
    if min(part.position, part.granted, part.failed, part.allowance) < 0:
        yield "a counter is negative"
    if (part.due_at is not None) != (part.state is PartState.RUNNING):
        yield "is due although it has ended, or not due although it runs"
    if part.due_at is not None:
        due = keys.DUE_PARTS.index(f"{part.bulk_id}#{part.number}", part.due_at)
        if due != {name: item.get(name) for name in DUE_INDEX_ATTRIBUTES}:
            yield "its index attributes are not those of its shard and time"


def _users_faults(item: Item) -> Iterator[str]:
    users = store.users_from(item)
    if len(set(users)) < len(users) or not users:
        yield "names no user, or one twice"


def _failure_faults(item: Item) -> Iterator[str]:
    if not store.failure_from(item).reason:
        yield "has no reason"


def _progress_faults(pk: str, reader: PartitionReader) -> Iterator[Violation]:
    head = keys.bulk_of(pk)
    item = reader.one(head)
    if item is None:
        yield Violation(str(head), "is missing")
        return
    bulk = store.bulk_from(item)
    parts = [store.part_from(each) for each in reader.items(keys.PART_PREFIX)]
    if [part.number for part in parts] != list(range(bulk.parts)):
        yield Violation(str(head), f"has {len(parts)} parts, not {bulk.parts}")
    for part in parts:
        if part.state is not PartState.RUNNING or bulk.audience is Audience.LIST:
            yield from _part_progress_faults(bulk, part, reader)
    spent = sum(part.granted + part.allowance for part in parts)
    if bulk.dry_run:
        return
    if spent * bulk.terms.amount > bulk.budget:
        yield Violation(str(head), "its parts grant more than its budget pays for")


def _part_progress_faults(
    bulk: BulkGrant, part: Part, reader: PartitionReader
) -> Iterator[Violation]:
    where = keys.part(part.bulk_id, part.number)
    prefix = keys.failure(part.bulk_id, part.number, "").sk
    failed = {store.failure_from(item).user_id for item in reader.items(prefix)}
    if len(failed) != part.failed:
        yield Violation(str(where), f"counts {part.failed} failures, there are {len(failed)}")
    if bulk.audience is Audience.ALL or bulk.dry_run:
        return
    users = store.users_from(reader.one(keys.users(part.bulk_id, part.number)))
    done = users[: part.granted + part.failed]
    if len(users) != part.size or len(done) != part.granted + part.failed:
        yield Violation(str(where), "is not about the users of its list")
    if part.state is PartState.DONE and len(done) < len(users):
        yield Violation(str(where), "has ended before its list")
    for user_id in done:
        has_grant = _has_grant(bulk, user_id, reader)
        if has_grant == (user_id in failed):
            yield Violation(str(where), f"{user_id} has {'a' if has_grant else 'no'} grant")


def _has_grant(bulk: BulkGrant, user_id: str, reader: PartitionReader) -> bool:
    wanted = grant_of(bulk, user_id, 0)
    item = reader.one(grant_key(wanted))
    grant = record_from(item).grant if item else None
    return grant is not None and (grant.user_id, grant.amount) == (wanted.user_id, wanted.amount)
