"""The keys of uploads, and of what each user has begun to upload."""

from service.storage.keys import ItemKind, Key, user_partition

UPLOAD_PREFIX = "UPLOAD#"
_OWNER = "uploads"

UPLOAD = ItemKind(
    "upload",
    _OWNER,
    "USER#<user id>",
    "UPLOAD#<upload id>",
    "a file's type, the version that was checked, and what was found in it",
    needs_wallet=False,
)
USAGE = ItemKind(
    "uploads begun",
    _OWNER,
    "USER#<user id>",
    "UPLOADS",
    "how much a user has begun to upload today, and which forms are still open",
    needs_wallet=False,
)
ITEMS = (UPLOAD, USAGE)


def upload(user_id: str, upload_id: str) -> Key:
    return Key(user_partition(user_id), f"{UPLOAD_PREFIX}{upload_id}")


def usage(user_id: str) -> Key:
    return Key(user_partition(user_id), "UPLOADS")


def upload_id_of(sk: str) -> str:
    return sk.removeprefix(UPLOAD_PREFIX)
