"""The keys of what a live session stores while it goes on."""

from service.storage.keys import ItemKind, Key, user_partition

SEGMENT_PREFIX = "SEGMENT#"
SEGMENT = ItemKind(
    "segment",
    "live",
    "USER#<user id>",
    "SEGMENT#<job id>#<number>",
    "a part of a live transcript, encrypted, with the seconds relayed by then",
)
ITEMS = (SEGMENT,)


def segment(user_id: str, job_id: str, number: int) -> Key:
    return Key(user_partition(user_id), f"{of_job(job_id)}{number:06d}")


def of_job(job_id: str) -> str:
    """How the sort keys of a job's segments begin."""
    return f"{SEGMENT_PREFIX}{job_id}#"


def number_of(key: Key) -> int:
    """Raises `ValueError`."""
    return int(key.sk.rpartition("#")[2])
