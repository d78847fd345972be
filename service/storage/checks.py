"""What a feature lets the audit prove of its items."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from service.storage.codec import Item
from service.storage.keys import ItemKind


@dataclass(frozen=True)
class ItemCheck:
    """What must be true of every item of a kind by itself: `faults` returns a sentence for each
    thing that is not. Whatever it raises means that the item cannot be read."""

    kind: ItemKind
    faults: Callable[[Item], Iterable[str]]
