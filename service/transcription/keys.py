"""The key of a transcript's deletion."""

from service.storage.keys import DueKind, ItemKind, Key, user_partition

DELETION_PREFIX = "TRANSCRIPT_DELETION#"
_OWNER = "transcription"

DUE_DELETIONS = DueKind("TRANSCRIPT_DELETION", _OWNER, shards=1)

DELETION = ItemKind(
    "transcript deletion",
    _OWNER,
    "USER#<user id>",
    "TRANSCRIPT_DELETION#<job id>",
    "a transcript that its user deleted and that the vendor may still have",
    "GSI2 `DUE#TRANSCRIPT_DELETION#0` / `<due, 13 digits of ms>`",
)
ITEMS = (DELETION,)
DUE = (DUE_DELETIONS,)


def deletion(user_id: str, job_id: str) -> Key:
    return Key(user_partition(user_id), f"{DELETION_PREFIX}{job_id}")


def job_of(key: Key) -> str:
    return key.sk.removeprefix(DELETION_PREFIX)
