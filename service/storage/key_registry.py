"""All kinds of items in the table and who owns each: what `keys.py` of every feature declares, put
together once. The audit knows an item by it, and the chart in `docs/` is made from it."""

from collections.abc import Iterable
from itertools import combinations

from service.storage.keys import DueKind, ItemKind, Key


class KeyRegistry:
    """Raises `ValueError` when two kinds have the same name, or could have the same key."""

    def __init__(self, items: Iterable[ItemKind], due: Iterable[DueKind] = ()) -> None:
        self.items = tuple(items)
        self.due = tuple(due)
        for one, other in combinations(self.items, 2):
            if one.name == other.name or one.overlaps(other):
                raise ValueError(
                    f"{one.name} of {one.owner} and {other.name} of {other.owner} collide"
                )
        for left, right in combinations(self.due, 2):
            if left.name == right.name:
                raise ValueError(f"{left.owner} and {right.owner} both have due work {left.name}")

    def kind_of(self, key: Key) -> ItemKind | None:
        """The kind of item that lies under a key, or None where no feature has declared it."""
        return next((kind for kind in self.items if kind.covers(key)), None)
