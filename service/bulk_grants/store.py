"""Bulk grants and their parts as items. Builds writes, sends none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from service.bulk_grants import keys
from service.bulk_grants.entities import (
    Audience,
    BulkGrant,
    Failure,
    Part,
    PartState,
)
from service.core.amounts import amount_of, credits_of
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.ledger.grant_terms import terms_from, terms_item
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.keys import GSI2, Key, due_time
from service.storage.table import Table
from service.storage.writes import Put, Update, When, Write

MAX_PARTS = 100


def bulk_from(item: Item) -> BulkGrant:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    cancelled = fields.get("cancelledAt")
    return BulkGrant(
        bulk_id=fields["SK"],
        name=fields["name"],
        terms=terms_from(item),
        audience=Audience(fields["audience"]),
        parts=whole_number(fields["parts"]),
        users=whole_number(fields["users"]),
        budget=amount_of(fields["budget"]),
        dry_run=bool(fields["dryRun"]),
        created_at=from_iso(fields["createdAt"]),
        created_by=fields["createdBy"],
        leased=whole_number(fields["leased"]),
        cancelled_at=None if cancelled is None else from_iso(cancelled),
        mac=fields.get("mac", ""),
    )


def sealed(bulk: BulkGrant, mac_key: bytes) -> BulkGrant:
    """The bulk grant with the seal over it as it stands."""
    return replace(bulk, mac=seal(_bulk_facts(bulk), mac_key))


def is_sealed(bulk: BulkGrant, mac_key: bytes) -> bool:
    """Whether this service wrote it so."""
    return holds(bulk.mac, _bulk_facts(bulk), mac_key)


def sealed_bulk_from(item: Item | None, mac_key: bytes) -> BulkGrant | None:
    """The bulk grant; None for one that is missing or that this service did not write so."""
    if item is None:
        return None
    try:
        bulk = bulk_from(item)
    except (LookupError, TypeError, ValueError):
        return None
    own = item.get("bulkId") == bulk.bulk_id
    return bulk if own and is_sealed(bulk, mac_key) else None


def part_from(item: Item) -> Part:
    """As `bulk_from`."""
    fields: Any = item
    after = fields.get("after")
    return Part(
        bulk_id=fields["PK"].removeprefix(keys.PARTITION_PREFIX),
        number=int(fields["SK"].removeprefix(keys.PART_PREFIX)),
        size=whole_number(fields["size"]),
        position=whole_number(fields["position"]),
        granted=whole_number(fields["granted"]),
        failed=whole_number(fields["failed"]),
        allowance=whole_number(fields["allowance"]),
        after=None if after is None else (after[0], after[1]),
        state=PartState(fields["state"]),
        due_at=int(fields["GSI2SK"]) if "GSI2SK" in fields else None,
    )


def users_from(item: Item | None) -> tuple[str, ...]:
    """The users of one part."""
    fields: Any = item or {"users": ()}
    return tuple(fields["users"])


def sealed_users_from(item: Item | None, mac_key: bytes) -> tuple[str, ...] | None:
    """The users of one part; None for a list that is missing or that this service did not write
    so."""
    if item is None:
        return None
    try:
        users = users_from(item)
    except (LookupError, TypeError):
        return None
    facts = _users_facts(Key.of_item(item), users)
    return users if holds(str(item.get("mac")), facts, mac_key) else None


def failure_from(item: Item) -> Failure:
    fields: Any = item
    return Failure(fields["SK"].split("#", 2)[2], fields["reason"], from_iso(fields["at"]))


def creation_writes(
    bulk: BulkGrant, lists: Sequence[tuple[str, ...]], mac_key: bytes
) -> list[Write]:
    """The bulk grant with its parts, due at once, and their lists, each only if there is none."""
    writes: list[Write] = [Put(keys.bulk(bulk.bulk_id), _bulk_item(bulk))]
    for number in range(bulk.parts):
        users = lists[number] if lists else ()
        part = Part(bulk.bulk_id, number, len(users), allowance=len(users), due_at=bulk.created_at)
        writes.append(Put(keys.part(bulk.bulk_id, number), _part_item(part)))
        if users:
            key = keys.users(bulk.bulk_id, number)
            mac = seal(_users_facts(key, users), mac_key)
            writes.append(Put(key, {"users": users, "mac": mac}))
    return writes


def part_write(before: Part, after: Part) -> Update:
    """Moves a part from exactly the step and the due time that were read."""
    old, new = _part_item(before), _part_item(after)
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    gone = tuple(name for name in old if new.get(name) is None and old[name] is not None)
    read: Item = {
        "position": before.position,
        "state": before.state,
        "GSI2SK": None if before.due_at is None else due_time(before.due_at),
    }
    set_ = {name: value for name, value in changed.items() if value is not None}
    return Update(keys.part(before.bulk_id, before.number), When(equals=read), set_, gone)


def lease_write(bulk: BulkGrant, leased: int) -> Update:
    """Under exactly the lease that was read."""
    guard = When(equals={"leased": bulk.leased})
    return Update(keys.bulk(bulk.bulk_id), guard, set={"leased": leased})


def failure_write(part: Part, failure: Failure) -> Put:
    item = {"reason": failure.reason, "at": iso(failure.at)}
    return Put(keys.failure(part.bulk_id, part.number, failure.user_id), item)


def cancellation_write(bulk: BulkGrant, now: int, mac_key: bytes) -> Update:
    """A bulk grant whose seal does not hold is cancelled as it is: sealing it again would hide the
    edit."""
    cancelled = replace(bulk, cancelled_at=now)
    if is_sealed(bulk, mac_key):
        cancelled = sealed(cancelled, mac_key)
    guard = When(equals={"bulkId": bulk.bulk_id, "cancelledAt": None})
    changed: Item = {"cancelledAt": iso(now), "mac": cancelled.mac}
    return Update(keys.bulk(bulk.bulk_id), guard, set=changed)


def read_parts(table: Table, bulk_id: str) -> tuple[Part, ...]:
    """Every part of a bulk grant, in order."""
    page = table.query(keys.partition(bulk_id), keys.PART_PREFIX, limit=MAX_PARTS)
    return tuple(map(part_from, page.items))


def read_due(table: Table, partition: str, now: int, limit: int) -> list[Key]:
    """Parts that the index says are due, the oldest first."""
    hits = table.query_index(GSI2, partition, limit=limit, up_to=due_time(now))
    return [hit.key for hit in hits]


def _bulk_item(bulk: BulkGrant) -> dict[str, Value]:
    return {**_terms(bulk), "leased": bulk.leased, "mac": bulk.mac}


def _terms(bulk: BulkGrant) -> dict[str, Value]:
    return {
        "bulkId": bulk.bulk_id,
        "name": bulk.name,
        **terms_item(bulk.terms),
        "audience": bulk.audience,
        "parts": bulk.parts,
        "users": bulk.users,
        "budget": credits_of(bulk.budget),
        "dryRun": bulk.dry_run,
        "createdAt": iso(bulk.created_at),
        "createdBy": bulk.created_by,
        "cancelledAt": None if bulk.cancelled_at is None else iso(bulk.cancelled_at),
    }


def _bulk_facts(bulk: BulkGrant) -> list[object]:
    return ["bulk grant", bulk.bulk_id, encode_item(_terms(bulk))]


def _users_facts(key: Key, users: Sequence[str]) -> list[object]:
    return ["bulk grant list", str(key), list(users)]


def _part_item(part: Part) -> dict[str, Value]:
    due = (
        keys.DUE_PARTS.index(f"{part.bulk_id}#{part.number}", part.due_at)
        if part.due_at is not None
        else {}
    )
    return {
        "size": part.size,
        "position": part.position,
        "granted": part.granted,
        "failed": part.failed,
        "allowance": part.allowance,
        "after": part.after,
        "state": part.state,
        **due,
    }
