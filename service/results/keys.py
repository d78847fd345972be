"""The keys of results: a head with the user who pays, and a partition for each job whose result
does not fit into it."""

from service.storage.keys import DueKind, ItemKind, Key, user_partition

RESULT_PREFIX = "RESULT#"
CHUNK_PREFIX = "CHUNK#"
UNFINISHED_PREFIX = "UNFINISHED#"
_OWNER = "results"

DUE_UNFINISHED = DueKind("RESULT", _OWNER, shards=1)
HEAD = ItemKind(
    "result",
    _OWNER,
    "USER#<user id>",
    "RESULT#<job id>",
    "what a job delivered, encrypted, and what is to be charged for it; without it there is no "
    "result",
)
CHUNK = ItemKind(
    "result chunk",
    _OWNER,
    "RESULT#<job id>",
    "CHUNK#<attempt>#<number, 2 digits>",
    "a part of a result of more than 16 KB, written before its head",
)
UNFINISHED = ItemKind(
    "unfinished result",
    _OWNER,
    "RESULT#<job id>",
    "UNFINISHED#<attempt>",
    "chunks that are being written or removed; who dies meanwhile leaves them to a sweep",
    "GSI2 `DUE#RESULT#0` / `<due, 13 digits of ms>`",
)
ITEMS = (HEAD, CHUNK, UNFINISHED)
DUE = (DUE_UNFINISHED,)


def head(user_id: str, job_id: str) -> Key:
    return Key(user_partition(user_id), f"{RESULT_PREFIX}{job_id}")


def job_of(key: Key) -> str:
    """The job id in the key of any of these items."""
    return (key.pk if key.pk.startswith(RESULT_PREFIX) else key.sk).removeprefix(RESULT_PREFIX)


def chunk(job_id: str, attempt: str, number: int) -> Key:
    return Key(f"{RESULT_PREFIX}{job_id}", f"{chunks_of(attempt)}{number:02d}")


def chunks_of(attempt: str) -> str:
    """What the sort keys of that attempt's chunks begin with."""
    return f"{CHUNK_PREFIX}{attempt}#"


def unfinished(job_id: str, attempt: str) -> Key:
    return Key(f"{RESULT_PREFIX}{job_id}", f"{UNFINISHED_PREFIX}{attempt}")


def settled_by(pk: str) -> Key:
    """Where the audit waits for transactions in a partition of chunks. None writes there."""
    return Key(pk, UNFINISHED_PREFIX)
