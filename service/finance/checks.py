"""What the audit proves of stored reports: they are what this service wrote."""

from collections.abc import Iterator

from service.finance import keys, store
from service.storage.checks import ItemCheck
from service.storage.codec import Item


def report_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        if not store.is_sealed(item, mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"

    return ItemCheck(keys.REPORT, faults)
