"""What every key of the one table is made of. Each feature declares its own kinds of items in its
`keys.py`; nothing else builds a key.

GSI1 finds an item by another name than its own. GSI2 is sparse: an item stands in it only while
work on it is due, in a partition of its kind of work, so that each sweep queries its own."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GSI1 = "GSI1"
GSI2 = "GSI2"
DUE_INDEX_ATTRIBUTES = ("GSI2PK", "GSI2SK")
USER_PREFIX = "USER#"
# From the year 2286 on a time has more digits than the due index sorts.
DUE_TIME_END = 10**13


@dataclass(frozen=True)
class Key:
    """An item's key."""

    pk: str
    sk: str

    def attributes(self) -> dict[str, str]:
        return {"PK": self.pk, "SK": self.sk}

    @classmethod
    def of_item(cls, item: Mapping[str, object]) -> "Key":
        """The key of an item as it was read."""
        return cls(str(item["PK"]), str(item["SK"]))

    @classmethod
    def of_raw_item(cls, raw: Mapping[str, Any]) -> "Key":
        """As `of_item`, of an item in DynamoDB's own types."""
        return cls(raw["PK"]["S"], raw["SK"]["S"])

    def __str__(self) -> str:
        return f"{self.pk}/{self.sk}"


@dataclass(frozen=True)
class ItemKind:
    """One kind of item. In `pk` and `sk`, what stands in angle brackets varies, and ends the
    pattern: `USER#<user id>`. An item that does not need the wallet may belong to someone who has
    no account yet."""

    name: str
    owner: str
    pk: str
    sk: str
    description: str
    index: str = ""
    needs_wallet: bool = True

    def covers(self, key: Key) -> bool:
        return _matches(self.pk, key.pk) and _matches(self.sk, key.sk)

    def overlaps(self, other: "ItemKind") -> bool:
        """Whether one key could belong to both."""
        return _overlap(self.pk, other.pk) and _overlap(self.sk, other.sk)


@dataclass(frozen=True)
class DueKind:
    """A kind of due work and its partitions of GSI2. Shards spread the writes of many items that
    become due together."""

    name: str
    owner: str
    shards: int

    @property
    def partitions(self) -> tuple[str, ...]:
        return tuple(f"DUE#{self.name}#{shard}" for shard in range(self.shards))

    def index(self, item_id: str, due_at: int) -> dict[str, str]:
        """The attributes that put an item into GSI2, due at that millisecond."""
        shard = zlib.crc32(item_id.encode()) % self.shards
        return {"GSI2PK": self.partitions[shard], "GSI2SK": due_time(due_at)}


READINESS = Key("SYSTEM", "READY")
# Whom secrets belong to that are the house's own. No user id contains a `#`.
HOUSE = "#HOUSE"
_DATA_KEY = "DATAKEY"


def due_time(at: int) -> str:
    """A time in milliseconds below `DUE_TIME_END`, sortable as text."""
    return f"{at:013d}"


def user_partition(user_id: str) -> str:
    return f"{USER_PREFIX}{user_id}"


def data_key(user_id: str) -> Key:
    """The item of the keys that encrypt what is private to a user, or the house's own."""
    return Key("SYSTEM" if user_id == HOUSE else user_partition(user_id), _DATA_KEY)


def user_of(pk: str) -> str:
    """The user id of a user's partition."""
    return pk.removeprefix(USER_PREFIX)


def user_item(user_id: str, sk: str) -> Key:
    """An item of a user whose sort key was read."""
    return Key(user_partition(user_id), sk)


def _fixed_part(pattern: str) -> tuple[str, bool]:
    """What a pattern begins with, and whether that is all of it."""
    fixed, placeholder, _ = pattern.partition("<")
    return fixed, not placeholder


def _matches(pattern: str, text: str) -> bool:
    fixed, whole = _fixed_part(pattern)
    return text == fixed if whole else text.startswith(fixed) and len(text) > len(fixed)


def _overlap(one: str, other: str) -> bool:
    (left, left_whole), (right, right_whole) = _fixed_part(one), _fixed_part(other)
    if left_whole and right_whole:
        return left == right
    if left_whole or right_whole:
        return _matches(one, right) if right_whole else _matches(other, left)
    return left.startswith(right) or right.startswith(left)
