"""Jobs and idempotency keys as items. Each write names exactly the state it may leave, and what its
refusal shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.core.amounts import Amount, Credits, amount_of, credits_of
from service.core.clock import from_iso, iso
from service.core.seals import holds, seal
from service.jobs import keys
from service.jobs.entities import OPEN, BoundKey, Failure, Job, JobStatus, ProviderCost
from service.ledger.lots import pack_allocation, unpack_allocation
from service.storage.codec import Item, Value, encode_item, whole_number
from service.storage.keys import DUE_INDEX_ATTRIBUTES, GSI2, Key, due_time, user_of, user_partition
from service.storage.table import Table
from service.storage.writes import Put, Update, When, Write

_WATCH_ATTRIBUTES = (*DUE_INDEX_ATTRIBUTES, "watchUntil")
_OPEN_ATTRIBUTES = (
    *DUE_INDEX_ATTRIBUTES,
    *("submitUntil", "hardAt", "notFoundAt", "device", "cancelRequestedAt"),
)


@dataclass(frozen=True)
class KeyUse:
    """What an idempotency key stands for."""

    job_id: str
    body_hash: str
    mac: str = ""


def key_use(item: Item | None) -> KeyUse | None:
    if item is None:
        return None
    return KeyUse(str(item["jobId"]), str(item["bodyHash"]), str(item.get("mac", "")))


def sealed(job: Job, mac_key: bytes) -> Job:
    """The job with the MAC of what it is. It covers everything but what moves while nothing else
    does: the next look, the first not-found, the end of monitoring, and the wish to end it."""
    return replace(job, mac=seal(_sealed_facts(job), mac_key))


def is_sealed(job: Job, mac_key: bytes) -> bool:
    """Whether the job is as this service wrote it."""
    return holds(job.mac, _sealed_facts(job), mac_key)


def use_of(key: Key, job: Job, mac_key: bytes) -> KeyUse:
    """What the item of a job's key must say, sealed."""
    use = KeyUse(job.job_id, job.bound_key.body_hash if job.bound_key else "")
    return replace(use, mac=seal(_key_facts(key, use), mac_key))


def is_key_sealed(key: Key, use: KeyUse, mac_key: bytes) -> bool:
    return holds(use.mac, _key_facts(key, use), mac_key)


def read(table: Table, user_id: str, job_id: str) -> Job | None:
    """Strongly consistent, one call."""
    item = table.get(keys.job(user_id, job_id))
    return job_from(item) if item else None


def read_open(table: Table, job_keys: Sequence[Key]) -> dict[Key, bool]:
    """Whether each job is open, in one call; those that could not be read now, or are not there,
    are left out."""
    found = table.get_many(job_keys, ("status",))
    return {key: JobStatus(str(item["status"])) in OPEN for key, item in found.items()}


def read_page(table: Table, user_id: str, limit: int, after: str) -> tuple[list[Job], str | None]:
    """Newest first, and the sort key to go on from (None: that was all)."""
    start = after or keys.JOB_PREFIX + "~"
    # One more than the page: DynamoDB says "more" of a full page even when nothing follows.
    page = table.query(
        user_partition(user_id), keys.JOB_PREFIX, limit=limit + 1, after=start, ascending=False
    )
    items = page.items[:limit]
    is_last = len(page.items) <= limit and not page.more
    return [job_from(item) for item in items], None if is_last else str(items[-1]["SK"])


def read_due(table: Table, partition: str, now: int, limit: int) -> list[tuple[str, str, int]]:
    """Jobs of one partition of the due index that are past due, oldest first, as (user id, job id,
    due at). Hints: the index lags."""
    hits = table.query_index(GSI2, partition, limit=limit, up_to=due_time(now))
    return [
        (user_of(hit.key.pk), hit.key.sk.removeprefix(keys.JOB_PREFIX), int(hit.sort))
        for hit in hits
        if hit.sort.isdecimal()
    ]


def new_job_write(job: Job) -> Put:
    """`job` is sealed, here and below: the job as it is to be."""
    return Put(_key(job), _item(job))


def key_write(job: Job, predecessor: str | None, mac_key: bytes) -> Write:
    """Binds the job's key to it: if the key is free, or still bound to the predecessor that was
    read. Raises `ValueError` for a job without a key."""
    if job.bound_key is None:
        raise ValueError(f"{job.job_id} has no key")
    key = keys.bound(job.payer, job.bound_key.digest)
    use = use_of(key, job, mac_key)
    if predecessor is None:
        return Put(key, {"jobId": use.job_id, "bodyHash": use.body_hash, "mac": use.mac})
    guard = When(equals={"jobId": predecessor})
    return Update(key, guard, set={"jobId": use.job_id, "mac": use.mac})


def record_write(job: Job) -> Update:
    """T3: only from exactly SUBMITTING without a task. Due stays as it is, which keeps the index
    untouched."""
    guard = When(equals={"status": JobStatus.SUBMITTING, "taskId": None})
    change: Item = {
        "status": JobStatus.SUBMITTED,
        "taskId": job.task_id,
        "provider": job.facts,
        "mac": job.mac,
    }
    return Update(_key(job), guard, set=change)


def rewatch_write(job: Job, watch_until: int, due_at: int) -> Update:
    """A task id that came to light after the job was released as unresolved."""
    unresolved = {"status": JobStatus.FAILED, "error": Failure.PROVIDER_UNRESOLVED}
    guard = When(equals={**unresolved, "taskId": None, "result": None, "erasedAt": None})
    watch: Item = {
        "taskId": job.task_id,
        "mac": job.mac,
        "watchUntil": watch_until,
        **keys.DUE_JOBS.index(job.job_id, due_at),
    }
    return Update(_key(job), guard, set=watch)


def capture_write(job: Job, delivered: Job) -> Update:
    """T4: the result and what it cost, and the end of everything that only an open job needs.
    `delivered` is the job as it is to be."""
    change: Item = {
        "status": JobStatus.SUCCEEDED,
        "mac": delivered.mac,
        **_balance(delivered),
        **_delivery(delivered),
    }
    return Update(_key(job), _as_read(job), set=change, remove=_OPEN_ATTRIBUTES)


def release_write(job: Job, released: Job) -> Update:
    """T5: the failure, and the part that was delivered; a job that is watched further stays in the
    index."""
    change: dict[str, Value] = {
        "status": JobStatus.FAILED,
        "error": released.failure,
        "mac": released.mac,
        **_balance(released),
    }
    if released.result is not None:
        change |= {"houseLoss": _credits(released.house_loss), **_delivery(released)}
    if released.facts != job.facts:
        change["provider"] = released.facts
    remove: Sequence[str] = _OPEN_ATTRIBUTES
    if released.watch_until is not None and released.due_at is not None:
        index = keys.DUE_JOBS.index(job.job_id, released.due_at)
        change |= {"watchUntil": released.watch_until, **index}
        remove = [name for name in _OPEN_ATTRIBUTES if name not in DUE_INDEX_ATTRIBUTES]
    return Update(_key(job), _as_read(job), set=change, remove=tuple(remove))


def deliver_uncharged_write(job: Job, delivered: Job) -> Update:
    """A late success: handed over, counted as house loss, never charged."""
    equals = {"status": JobStatus.FAILED, "taskId": job.task_id, "result": None, "erasedAt": None}
    guard = When(equals=equals)
    change: dict[str, Value] = {
        "houseLoss": _credits(delivered.house_loss),
        "mac": delivered.mac,
        **_delivery(delivered),
    }
    if delivered.task_id is not None:
        change["taskId"] = delivered.task_id
    return Update(_key(job), guard, set=change, remove=_WATCH_ATTRIBUTES)


def erased_write(job: Job, erased: Job) -> Update:
    """Empties a job that has ended, and ends its monitoring."""
    guard = When(equals={"mac": job.mac})
    change: Item = {"payload": {}, "erasedAt": iso(erased.erased_at or 0), "mac": erased.mac}
    return Update(_key(job), guard, change, ("result", "provider", *_WATCH_ATTRIBUTES))


def stop_watching_write(job: Job) -> Update:
    guard = When(
        equals={"status": JobStatus.FAILED, "taskId": job.task_id, "watchUntil": job.watch_until}
    )
    return Update(_key(job), guard, remove=_WATCH_ATTRIBUTES)


def due_write(job: Job, due_at: int, not_found_at: int | None) -> Update:
    """Moves the next look; everything else stays."""
    change: dict[str, Value] = dict(keys.DUE_JOBS.index(job.job_id, due_at))
    if not_found_at is not None and not_found_at != job.not_found_at:
        change["notFoundAt"] = not_found_at
    guard = When(
        equals={"status": job.status, "taskId": job.task_id, "watchUntil": job.watch_until}
    )
    return Update(_key(job), guard, set=change)


def repaired_key_write(key: Key, before: KeyUse | None, after: KeyUse) -> Write:
    """For an operator's repair alone: the item of a key as its job says that it has to be."""
    item = {"jobId": after.job_id, "bodyHash": after.body_hash, "mac": after.mac}
    return (
        Update(key, When(equals={"jobId": before.job_id}), set=item) if before else Put(key, item)
    )


def postpone_write(user_id: str, job_id: str, was_due_at: int, due_at: int) -> Update:
    """Moves the next look at a job of which nothing is known but when it was due."""
    guard = When(equals={"GSI2SK": due_time(was_due_at)})
    return Update(keys.job(user_id, job_id), guard, set=keys.DUE_JOBS.index(job_id, due_at))


def repaired_write(before: Job | None, after: Job) -> Put | Update:
    """For an operator's repair alone: the job as it has to be. Of a job that is there, only what a
    repair may change."""
    if before is None:
        state = {"error": after.failure, "watchUntil": after.watch_until}
        return Put(_key(after), {**_item(after), **state})
    due = keys.DUE_JOBS.index(after.job_id, after.due_at) if after.due_at is not None else {}
    change: dict[str, Value] = {
        "status": after.status,
        "held": credits_of(after.held),
        "allocation": pack_allocation(after.allocation),
        "extendedAt": after.extended_at,
        "error": after.failure,
        "watchUntil": after.watch_until,
        "key": after.bound_key.packed if after.bound_key else None,
        "createdAt": iso(after.created_at),
        "balanceAfter": _credits(after.balance_after),
        "mac": after.mac,
        **due,
    }
    gone = [name for name, value in change.items() if value is None]
    gone += [name for name in DUE_INDEX_ATTRIBUTES if name not in due]
    gone += [] if after.is_open else ["submitUntil", "hardAt", "notFoundAt", "device"]
    kept = {name: value for name, value in change.items() if value is not None}
    return Update(_key(after), _as_read(before), set=kept, remove=tuple(gone))


def job_from(item: Item) -> Job:
    """Raises `KeyError` or `ValueError` for an item that no version of this code wrote."""
    fields: Any = item
    payer = user_of(fields["PK"])
    cost = fields.get("providerCost")
    return Job(
        payer=payer,
        actor=fields.get("actor", payer),
        job_id=fields["SK"].removeprefix(keys.JOB_PREFIX),
        operation=fields["operation"],
        held=amount_of(fields["held"]),
        price_version=fields["priceVersion"],
        price_terms=fields.get("priceTerms", ""),
        request_id=fields.get("requestId", ""),
        session_id=fields.get("session", ""),
        allocation=unpack_allocation(fields["allocation"]),
        status=JobStatus(fields["status"]),
        created_at=from_iso(fields["createdAt"]),
        submit_until=whole_number(fields.get("submitUntil", 0)),
        hard_at=whole_number(fields.get("hardAt", 0)),
        due_at=int(fields["GSI2SK"]) if "GSI2SK" in fields else None,
        payload=fields["payload"],
        device=fields.get("device", ()),
        task_id=fields.get("taskId"),
        facts=fields.get("provider", {}),
        not_found_at=_moment(fields.get("notFoundAt")),
        result=fields.get("result"),
        captured=amount_of(fields.get("captured", 0)),
        balance_after=_amount(fields.get("balanceAfter")),
        usage=fields.get("usage", {}),
        provider_cost=ProviderCost(cost["micros"], cost["currency"]) if cost else None,
        failure=fields.get("error"),
        watch_until=_moment(fields.get("watchUntil")),
        house_loss=_amount(fields.get("houseLoss")),
        bound_key=BoundKey.unpacked(fields["key"]) if "key" in fields else None,
        cancel_requested_at=_moment(fields.get("cancelRequestedAt")),
        extended_at=_moment(fields.get("extendedAt")),
        erased_at=from_iso(fields["erasedAt"]) if "erasedAt" in fields else None,
        mac=fields.get("mac", ""),
    )


def _item(job: Job) -> dict[str, Value]:
    """A job that begins."""
    index = keys.DUE_JOBS.index(job.job_id, job.due_at) if job.due_at is not None else {}
    return {**_beginning(job), "mac": job.mac, **index}


def _beginning(job: Job) -> dict[str, Value]:
    """What an item says from its first write on. The actor is named where it is not the payer."""
    return {
        "status": job.status,
        "operation": job.operation,
        "actor": job.actor if job.actor != job.payer else None,
        "held": credits_of(job.held),
        "priceVersion": job.price_version,
        "priceTerms": job.price_terms or None,
        "requestId": job.request_id or None,
        "session": job.session_id or None,
        "allocation": pack_allocation(job.allocation),
        "payload": job.payload,
        "device": job.device or None,
        "createdAt": iso(job.created_at),
        "submitUntil": job.submit_until,
        "hardAt": job.hard_at,
        "extendedAt": job.extended_at,
        "key": job.bound_key.packed if job.bound_key else None,
    }


def _delivery(job: Job) -> dict[str, Value]:
    """What a delivery adds to a job's item; none of it is there before."""
    cost = job.provider_cost
    facts: dict[str, Value] = {
        "result": job.result,
        "provider": job.facts,
        "captured": credits_of(job.captured) or None,
        "usage": job.usage or None,
        "providerCost": {"micros": cost.micros, "currency": cost.currency} if cost else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _moment(value: object) -> int | None:
    return None if value is None else whole_number(value)


def _balance(job: Job) -> dict[str, Value]:
    """The balance that a job's end left, where it is known."""
    left = _credits(job.balance_after)
    return {} if left is None else {"balanceAfter": left}


def _amount(given: Credits | None) -> Amount | None:
    return None if given is None else amount_of(given)


def _credits(amount: Amount | None) -> Credits | None:
    return None if amount is None else credits_of(amount)


def _sealed_facts(job: Job) -> list[object]:
    """In the form in which an item keeps them, so that a job has the same seal before it is written
    and after it is read."""
    facts: dict[str, Value] = {
        **_beginning(job),
        "mac": "",
        "actor": job.actor,
        "submitUntil": job.submit_until if job.is_open else None,
        "hardAt": job.hard_at if job.is_open else None,
        "taskId": job.task_id,
        "error": job.failure,
        "houseLoss": _credits(job.house_loss),
        **_balance(job),
        **_delivery(job),
        "provider": job.facts or None,
    }
    if job.erased_at is not None:
        facts["erasedAt"] = iso(job.erased_at)
    return ["job", str(_key(job)), encode_item(facts)]


def _key_facts(key: Key, use: KeyUse) -> list[object]:
    return ["key", str(key), use.job_id, use.body_hash]


def _key(job: Job) -> Key:
    return keys.job(job.payer, job.job_id)


def is_as_read(item: Item, job: Job) -> bool:
    """Whether the stored job still has the status, task and, while it is open, end that were
    read."""
    return all(item.get(name) == value for name, value in _as_read(job).equals.items())


def _as_read(job: Job) -> When:
    """Exactly the status, task and, of an open job, end that were read: whatever happened since
    makes the write fail."""
    read = {"status": job.status, "taskId": job.task_id}
    return When(equals=read | ({"hardAt": job.hard_at} if job.is_open else {}))
