"""Every key of the one table. Nothing else builds one.

    PK                     SK                              what                      index entry
    ---------------------  ------------------------------  ------------------------  ---------------------------------------
    USER#<id>              METADATA                        wallet
    USER#<id>              PROFILE                         profile (erasable)
    USER#<id>              ENTRY#<version, 12 digits>      ledger entry (immutable)
    USER#<id>              JOB#<job id>                    job                       GSI2: DUE#<0…3> / <due, 13 digits> (ms)
    USER#<id>              IDEMPOTENCY#<sha256>            idempotency key -> job
    USER#<id>              DEVICE#<mark>                   a device of a user        GSI1: FINGERPRINT#<mark> / USER#<id>
    FINGERPRINT#<mark>     CLAIM                           who was welcomed with it
    IDENTITY#<mark>        CLAIM                           who was welcomed as it
    SYSTEM                 USERS                           count of open users

A mark is an HMAC (22 characters), never the thing itself. GSI1 answers "whose device is this", GSI2
(sparse) "what is due"."""

import hashlib
import zlib
from dataclasses import dataclass

GSI1 = "GSI1"
GSI2 = "GSI2"
DUE_SHARDS = 4


@dataclass(frozen=True)
class Key:
    """Where an item lies."""

    pk: str
    sk: str

    def attributes(self) -> dict[str, str]:
        return {"PK": self.pk, "SK": self.sk}


ENTRY_PREFIX = "ENTRY#"
JOB_PREFIX = "JOB#"
IDEMPOTENCY_PREFIX = "IDEMPOTENCY#"
DEVICE_PREFIX = "DEVICE#"
FINGERPRINT_PREFIX = "FINGERPRINT#"
IDENTITY_PREFIX = "IDENTITY#"
USER_PREFIX = "USER#"

COUNT = Key("SYSTEM", "USERS")


def partition(user_id: str) -> str:
    return f"{USER_PREFIX}{user_id}"


def owner(pk: str) -> str:
    """The user id of a partition."""
    return pk.removeprefix(USER_PREFIX)


def wallet(user_id: str) -> Key:
    return Key(partition(user_id), "METADATA")


def profile(user_id: str) -> Key:
    return Key(partition(user_id), "PROFILE")


def entry(user_id: str, version: int) -> Key:
    return Key(partition(user_id), f"{ENTRY_PREFIX}{version:012d}")


def job(user_id: str, job_id: str) -> Key:
    return Key(partition(user_id), f"{JOB_PREFIX}{job_id}")


def idempotency(user_id: str, route: str, key: str) -> Key:
    """The client's key is hashed together with the route, so that it can hold anything and cannot
    collide across routes."""
    digest = hashlib.sha256(f"{route}\n{key}".encode()).hexdigest()
    return Key(partition(user_id), f"{IDEMPOTENCY_PREFIX}{digest}")


def device(user_id: str, digest: str) -> Key:
    return Key(partition(user_id), f"{DEVICE_PREFIX}{digest}")


def fingerprint_claim(digest: str) -> Key:
    return Key(f"{FINGERPRINT_PREFIX}{digest}", "CLAIM")


def identity_claim(digest: str) -> Key:
    return Key(f"{IDENTITY_PREFIX}{digest}", "CLAIM")


def device_index(user_id: str, digest: str) -> dict[str, str]:
    """The attributes that put a device into GSI1."""
    return {"GSI1PK": f"{FINGERPRINT_PREFIX}{digest}", "GSI1SK": partition(user_id)}


def due_index(job_id: str, due_at: int) -> dict[str, str]:
    """The attributes that put a job into GSI2, due at that millisecond."""
    shard = zlib.crc32(job_id.encode()) % DUE_SHARDS
    return {"GSI2PK": due_shard(shard), "GSI2SK": due_time(due_at)}


DUE_INDEX_ATTRIBUTES = ("GSI2PK", "GSI2SK")


def due_shard(shard: int) -> str:
    return f"DUE#{shard}"


def due_time(at: int) -> str:
    return f"{at:013d}"
