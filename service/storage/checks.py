"""What a feature lets the audit prove of its items."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from service.storage.codec import Item
from service.storage.keys import ItemKind, Key, user_item


@dataclass(frozen=True, order=True)
class Violation:
    """One thing that cannot be, and the item it was seen on."""

    item: str
    what: str


def item_name(user_id: str, sk: str) -> str:
    """How a violation names an item of a user."""
    return str(user_item(user_id, sk))


@dataclass(frozen=True)
class ItemCheck:
    """What must be true of every item of a kind by itself: `faults` returns a sentence for each
    thing that is not. Whatever it raises means that the item cannot be read."""

    kind: ItemKind
    faults: Callable[[Item], Iterable[str]]


def _no_links(account: object) -> Iterable[Key]:
    del account
    return ()


@dataclass(frozen=True)
class AccountCheck:
    """What must be true of a user's items together. `kinds` names those it proves; `faults`
    receives the account as the audit has read it, in whose `items` are those whose sort keys begin
    with one of `prefixes`, or of `closed_prefixes` where the wallet is closed, and in whose
    `linked` are the items that `links` names, wherever they are (None: there is none). Each prefix
    is a query for each user."""

    kinds: tuple[str, ...]
    faults: Callable[[Any], Iterable[Violation]]
    prefixes: tuple[str, ...] = ()
    closed_prefixes: tuple[str, ...] = ()
    links: Callable[[Any], Iterable[Key]] = _no_links


@dataclass(frozen=True)
class PartitionCheck:
    """What must be true of all items of one partition together, one that is no user's. `kinds`
    names those it proves."""

    kinds: tuple[str, ...]
    pk: str
    faults: Callable[[Sequence[Item]], Iterable[Violation]]


class PartitionReader(Protocol):
    """Reads for the check of one partition. Items are decoded; what cannot be decoded raises."""

    def items(self, prefix: str) -> Iterator[Item]:
        """The items of the partition whose sort key begins so, in order."""
        ...

    def one(self, key: Key) -> Item | None:
        """An item anywhere in the table."""
        ...


@dataclass(frozen=True)
class PrefixCheck:
    """What must be true of the items together of each partition whose key begins with `prefix`,
    none of them a user's. `head` is the item that each transaction there writes, where the audit
    waits for one that is under way. An item that cannot be decoded is the `ItemCheck`'s to
    report."""

    prefix: str
    head: Callable[[str], Key]
    faults: Callable[[str, PartitionReader], Iterable[Violation]]


Check = ItemCheck | AccountCheck | PartitionCheck | PrefixCheck
