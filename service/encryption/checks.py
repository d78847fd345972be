"""What the audit proves of data keys: the item is what this service wrote. It holds no key that it
could unwrap them with."""

from collections.abc import Iterator

from service.encryption.keys import ITEMS
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.key_items import key_set_from


def data_key_checks() -> tuple[ItemCheck, ...]:
    return tuple(ItemCheck(kind, _faults) for kind in ITEMS)


def _faults(item: Item) -> Iterator[str]:
    if missing := key_set_from(item).missing:
        yield f"lacks version {', '.join(map(str, missing))}"
