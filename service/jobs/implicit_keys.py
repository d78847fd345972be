"""How a retry finds the job of a request that came without an idempotency key: by what was
requested.

In a file of its own because such a key is disposable: it serves the retries that a client library
sends by itself, and ends when the request's work must have."""

from dataclasses import dataclass
from typing import Any

from service.core.seals import holds, seal
from service.jobs import keys
from service.jobs.entities import JobRequest
from service.storage.codec import Item, whole_number
from service.storage.keys import Key
from service.storage.writes import REPLACE, Put, Write


@dataclass(frozen=True)
class NewestJob:
    """The newest job of such a request, which its retries find before `expires_at` (epoch
    seconds)."""

    job_id: str
    expires_at: int
    mac: str = ""


def implicit_key_of(request: JobRequest) -> Key | None:
    """The item by which retries find the request's job; None for one that has a key of its own, or
    is not remembered."""
    if request.idempotency_key is not None or not request.remembered_seconds:
        return None
    return keys.implicit(request.payer, request.route, request.body_hash)


def newest_job(item: Item | None) -> NewestJob | None:
    """Raises `KeyError` or `ValueError` for an item that no version of this code wrote."""
    if item is None:
        return None
    fields: Any = item
    return NewestJob(str(fields["jobId"]), whole_number(fields["expiresAt"]), str(fields["mac"]))


def found_by(request: JobRequest, item: Item | None, now: int) -> str | None:
    """The id of the job that the request is a retry of, by its key's item; None where it is none,
    or comes too late."""
    newest = newest_job(item) if request.is_retry else None
    return newest.job_id if newest and now < newest.expires_at * 1000 else None


def is_sealed(key: Key, newest: NewestJob, mac_key: bytes) -> bool:
    return holds(newest.mac, _facts(key, newest), mac_key)


def newest_job_write(request: JobRequest, key: Key, job_id: str, now: int, mac_key: bytes) -> Write:
    """Has the request's retries find that job. It replaces what was there without a condition of
    its own: the wallet's version, in the same transaction, says that no other job was held since
    the two were read together."""
    until = now + round(request.remembered_seconds * 1000)
    newest = NewestJob(job_id, -(-until // 1000))
    item: Item = {
        "jobId": job_id,
        "expiresAt": newest.expires_at,
        "mac": seal(_facts(key, newest), mac_key),
    }
    return Put(key, item, REPLACE)


def _facts(key: Key, newest: NewestJob) -> list[object]:
    return ["implicit key", str(key), newest.job_id, newest.expires_at]
