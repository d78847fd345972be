"""Devices whose users have not claimed them, and the reviews of such sign-ups, as items.

In a file of its own because a sign-up that is welcomed makes none of them."""

from collections.abc import Sequence

from service.core.clock import from_iso, iso
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES, GSI2, Key, user_of
from service.storage.table import Table
from service.storage.writes import REPLACE, Put, Update, When
from service.users import keys
from service.users.entities import Digests, Review, ReviewDecision


def share_writes(
    user_id: str, digests: Digests, sharing: Sequence[tuple[str, ...]], now: int
) -> list[Update]:
    """One user more who has not claimed the device, under every digest, over exactly those that
    were read."""
    writes = []
    for digest, users in zip(digests.all, sharing, strict=True):
        if user_id not in users:
            guard = When(equals={"users": users or None})
            after = (*users, user_id)
            writes.append(
                Update(keys.shares(digest), guard, set={"users": after, "updatedAt": iso(now)})
            )
    return writes


def sharing_users(item: Item | None) -> tuple[str, ...]:
    """The users that an item of `keys.shares` names. Raises `TypeError` for a damaged one."""
    users = item.get("users", ()) if item else ()
    if not isinstance(users, tuple):
        raise TypeError("users is no list")
    return tuple(map(text_of, users))


def review_key(user_id: str) -> Key:
    """The item to read with a decision."""
    return keys.review(user_id)


def review_write(user_id: str, device: Digests, now: int, *, may_be_welcomed: bool) -> Put:
    """A sign-up that is to be reviewed; again for one who returns."""
    item: Item = {
        **keys.REVIEWS.index(user_id, now),
        "deviceDigest": device.newest,
        "mayBeWelcomed": may_be_welcomed,
        "createdAt": iso(now),
    }
    return Put(keys.review(user_id), item, REPLACE)


def reviewed_write(user_id: str, decision: ReviewDecision, now: int) -> Update:
    """The decision on a sign-up that still waits for it."""
    key = keys.review(user_id)
    decided = {"decision": decision.value, "decidedAt": iso(now)}
    guard = When(equals={"PK": key.pk, "decision": None})
    return Update(key, guard, set=decided, remove=DUE_INDEX_ATTRIBUTES)


def read_reviews(table: Table, limit: int) -> list[Review]:
    """Sign-ups that wait for an operator, oldest first: one call, and one for each."""
    hits = table.query_index(GSI2, keys.REVIEWS.partitions[0], limit=limit)
    found = (table.get(hit.key) for hit in hits)
    return [review_from(item) for item in found if item and "decision" not in item]


def review_from(item: Item) -> Review:
    """Raises `KeyError`, `TypeError` or `ValueError` for one that no version of this code wrote."""
    decision = item.get("decision")
    return Review(
        user_id=user_of(text_of(item["PK"])),
        device=text_of(item["deviceDigest"]),
        created_at=from_iso(text_of(item["createdAt"])),
        may_be_welcomed=item.get("mayBeWelcomed") is True,
        decision=None if decision is None else ReviewDecision(text_of(decision)),
    )


def is_rejected(item: Item | None) -> bool:
    """Whether that is a review (as stored) which ended with a rejection."""
    return item is not None and item.get("decision") == ReviewDecision.REJECTED.value


def text_of(value: object) -> str:
    """Raises `TypeError` for what is no text."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
