"""Results as items. Builds writes, sends none."""

from dataclasses import replace
from typing import Any

from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.results import keys
from service.results.entities import Head, Owner, Unfinished, Verdict
from service.storage.codec import Item, Value, whole_number
from service.storage.keys import Key, user_of
from service.storage.writes import REPLACE, Delete, Put, Update, When


def sealed(head: Head, mac_key: bytes) -> Head:
    """The head with the MAC of what it says: who edits the table cannot change what is charged, nor
    bring another user's or job's content."""
    return replace(head, mac=seal(_facts(head), mac_key))


def is_sealed(head: Head, mac_key: bytes) -> bool:
    return holds(head.mac, _facts(head), mac_key)


def head_write(head: Head) -> Put:
    """Only if the job has no result yet."""
    return Put(keys.head(head.owner.payer, head.owner.job_id), _item(head))


def erased_write(before: Head, after: Head) -> Update:
    """Takes the content of a head that stands as it was read; the verdict stays."""
    key = keys.head(before.owner.payer, before.owner.job_id)
    change: Item = {"erasedAt": iso(after.erased_at or 0), "mac": after.mac}
    return Update(key, When(equals={"mac": before.mac}), change, ("content", "chunks", "digest"))


def removal(head: Head) -> Delete:
    return Delete(keys.head(head.owner.payer, head.owner.job_id), REPLACE)


def head_from(item: Item) -> Head:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that no version of this code
    wrote."""
    fields: Any = item
    payer = user_of(fields["PK"])
    verdict = fields["verdict"]
    return Head(
        owner=Owner(payer, fields.get("actor", payer), keys.job_of(Key.of_item(item))),
        verdict=Verdict(verdict.get("usage"), verdict.get("reason", ""), verdict.get("facts", {})),
        attempt=fields["attempt"],
        created_at=from_iso(fields["createdAt"]),
        digest=fields.get("digest", ""),
        chunks=whole_number(fields.get("chunks", 0)),
        sealed=fields.get("content"),
        erased_at=from_iso(fields["erasedAt"]) if "erasedAt" in fields else None,
        mac=fields["mac"],
    )


def chunk_write(owner: Owner, attempt: str, number: int, part: bytes) -> Put:
    """No other attempt has that key, and this one always writes the same."""
    return Put(
        keys.chunk(owner.job_id, attempt, number), {"userId": owner.payer, "part": part}, REPLACE
    )


def unfinished_write(unfinished: Unfinished) -> Put:
    index = keys.DUE_UNFINISHED.index(unfinished.attempt, unfinished.due_at)
    item: Item = {"userId": unfinished.payer, "chunks": unfinished.chunks, **index}
    return Put(keys.unfinished(unfinished.job_id, unfinished.attempt), item, REPLACE)


def unfinished_from(item: Item) -> Unfinished:
    """Raises `KeyError`, `TypeError` or `ValueError`."""
    fields: Any = item
    key = Key.of_item(item)
    return Unfinished(
        payer=fields["userId"],
        job_id=keys.job_of(key),
        attempt=key.sk.removeprefix(keys.UNFINISHED_PREFIX),
        chunks=whole_number(fields["chunks"]),
        due_at=int(fields["GSI2SK"]),
    )


def removals(unfinished: Unfinished) -> list[Delete]:
    """The chunks, then what leads to them."""
    job_id, attempt = unfinished.job_id, unfinished.attempt
    chunks = [keys.chunk(job_id, attempt, number) for number in range(unfinished.chunks)]
    return [Delete(key, REPLACE) for key in (*chunks, keys.unfinished(job_id, attempt))]


def _item(head: Head) -> dict[str, Value]:
    verdict = head.verdict
    said: dict[str, Value] = {
        "usage": dict(verdict.usage) if verdict.usage is not None else None,
        "reason": verdict.reason or None,
        "facts": dict(verdict.facts) or None,
    }
    return {
        "actor": head.owner.actor if head.owner.actor != head.owner.payer else None,
        "verdict": {name: value for name, value in said.items() if value is not None},
        "attempt": head.attempt,
        "createdAt": iso(head.created_at),
        "digest": head.digest,
        "chunks": head.chunks or None,
        "content": head.sealed,
        "mac": head.mac,
    }


def _facts(head: Head) -> list[object]:
    """The digest stands for the content."""
    verdict = head.verdict
    usage = None if verdict.usage is None else dict(verdict.usage)
    return [
        "result",
        str(keys.head(head.owner.payer, head.owner.job_id)),
        head.owner.actor,
        [usage, verdict.reason, dict(verdict.facts)],
        [head.attempt, head.chunks, head.digest],
        [head.created_at, head.erased_at],
    ]
