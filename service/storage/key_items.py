"""The item with a user's wrapped data keys: how it is read, and how each change of it is written.
Pure.

    latest    the newest version; ciphertext names the version that sealed it
    keys      version -> {wrapped, by, createdAt}, none once the user's data is erased
    revision  counts every change, and guards the next
    erasedAt  when the keys were destroyed"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.core.clock import from_iso, iso
from service.storage.codec import Item, whole_number
from service.storage.keys import Key
from service.storage.wrapping import WrappedKey
from service.storage.writes import Put, Update, When


@dataclass(frozen=True)
class Version:
    """One version of a data key."""

    key: WrappedKey
    created_at: int


@dataclass(frozen=True)
class KeySet:
    """A user's data keys by version; `latest` is 0 where none was ever made."""

    latest: int = 0
    keys: Mapping[int, Version] = field(default_factory=dict)
    revision: int = 0
    erased_at: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether data can be sealed under it."""
        return self.latest in self.keys

    @property
    def missing(self) -> list[int]:
        """Versions that were not erased, and are not there."""
        first = min(self.keys, default=self.latest + 1)
        return [number for number in range(first, self.latest + 1) if number not in self.keys]

    def was_erased(self, version: int) -> bool:
        """Whether that version was destroyed, also if the user has come back since."""
        first = min(self.keys, default=self.latest + 1)
        return 0 < version < first and (self.erased_at is not None or first > 1)

    def with_version(self, key: WrappedKey, now: int) -> "KeySet":
        """With that key as the latest version; an erased set begins anew, beyond its old
        versions."""
        latest = self.latest + 1
        return KeySet(latest, {**self.keys, latest: Version(key, now)}, self.revision + 1)

    def rewrapped(self, keys: Mapping[int, WrappedKey]) -> "KeySet":
        """The same keys, wrapped otherwise."""
        found = {
            number: replace(version, key=keys.get(number, version.key))
            for number, version in self.keys.items()
        }
        return replace(self, keys=found, revision=self.revision + 1)

    def erased(self, now: int) -> "KeySet":
        return KeySet(self.latest, {}, self.revision + 1, now)


def key_set_from(item: Item | None) -> KeySet:
    """Raises `KeyError`, `TypeError` or `ValueError` for what no version of this code wrote."""
    if item is None:
        return KeySet()
    fields: Any = item
    found = KeySet(
        latest=whole_number(fields["latest"]),
        keys={int(number): _version(each) for number, each in fields["keys"].items()},
        revision=whole_number(fields["revision"]),
        erased_at=from_iso(fields["erasedAt"]) if "erasedAt" in fields else None,
    )
    if found.is_live == (found.erased_at is not None):
        raise ValueError("it has neither its latest key nor been erased, or both")
    if any(not 0 < number <= found.latest for number in found.keys):
        raise ValueError("a version is out of its bounds")
    return found


def key_set_write(key: Key, before: KeySet, after: KeySet) -> Put | Update:
    """Guarded by exactly what was read."""
    item: dict[str, Any] = {
        "latest": after.latest,
        "keys": {str(number): _version_item(each) for number, each in after.keys.items()},
        "revision": after.revision,
    }
    erased_at = iso(after.erased_at) if after.erased_at is not None else None
    if not before.revision:
        return Put(key, {**item, "erasedAt": erased_at})
    guard = When(equals={"revision": before.revision})
    if erased_at is None:
        return Update(key, guard, set=item, remove=("erasedAt",))
    return Update(key, guard, set={**item, "erasedAt": erased_at})


def _version(fields: Any) -> Version:
    wrapped, by = fields["wrapped"], fields["by"]
    if not isinstance(wrapped, bytes) or not isinstance(by, str) or not wrapped or not by:
        raise TypeError("a wrapped key is bytes, and names what wrapped it")
    return Version(WrappedKey(wrapped, by), from_iso(fields["createdAt"]))


def _version_item(version: Version) -> dict[str, Any]:
    return {
        "wrapped": version.key.wrapped,
        "by": version.key.by,
        "createdAt": iso(version.created_at),
    }
