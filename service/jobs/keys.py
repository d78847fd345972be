"""The keys of jobs and of the idempotency keys that lead to them."""

import hashlib

from service.storage.keys import DueKind, ItemKind, Key, user_partition

JOB_PREFIX = "JOB#"
IDEMPOTENCY_PREFIX = "IDEMPOTENCY#"
IMPLICIT_PREFIX = "IMPLICIT#"
_OWNER = "jobs"

DUE_JOBS = DueKind("JOB", _OWNER, shards=4)

HOUSE_LEASES = ItemKind(
    "house leases",
    _OWNER,
    "HOUSE#<days since 1970-01-01>",
    "LEASES",
    "how much of a day's `HOUSE_CREDITS_PER_DAY` processes have taken",
)
IMPLICIT_KEY = ItemKind(
    "implicit key",
    _OWNER,
    "USER#<user id>",
    f"{IMPLICIT_PREFIX}<sha256>",
    "the newest job of a request without a key, for its retry; TTL `expiresAt`",
)
ITEMS = (
    ItemKind(
        "job",
        _OWNER,
        "USER#<user id>",
        "JOB#<job id>",
        "one metered request and its life",
        "GSI2 `DUE#JOB#<shard>` / `<due, 13 digits of ms>`",
    ),
    ItemKind(
        "idempotency key",
        _OWNER,
        "USER#<user id>",
        "IDEMPOTENCY#<sha256>",
        "the job that a client's idempotency key led to",
    ),
    IMPLICIT_KEY,
    HOUSE_LEASES,
)
DUE = (DUE_JOBS,)


def house_leases(day: int) -> Key:
    return Key(f"HOUSE#{day}", HOUSE_LEASES.sk)


def job(user_id: str, job_id: str) -> Key:
    return Key(user_partition(user_id), f"{JOB_PREFIX}{job_id}")


def id_of(key: Key) -> str:
    """The job id in the key of a job's item."""
    return key.sk.removeprefix(JOB_PREFIX)


def idempotency(user_id: str, route: str, key: str) -> Key:
    """The client's key is hashed together with the route, so that it can hold anything and cannot
    collide across routes."""
    return bound(user_id, hashlib.sha256(f"{route}\n{key}".encode()).hexdigest())


def implicit(user_id: str, route: str, body_hash: str) -> Key:
    """The item by which a retry of a request without a key finds its job."""
    digest = hashlib.sha256(f"{route}\n{body_hash}".encode()).hexdigest()
    return Key(user_partition(user_id), f"{IMPLICIT_PREFIX}{digest}")


def bound(user_id: str, digest: str) -> Key:
    """The item of the idempotency key with that hash."""
    return Key(user_partition(user_id), f"{IDEMPOTENCY_PREFIX}{digest}")


def digest_of(key: Key) -> str:
    """The hash in the key of such an item."""
    return key.sk.removeprefix(IDEMPOTENCY_PREFIX)
