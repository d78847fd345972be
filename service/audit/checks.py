"""What the audit proves of its own items: an operator's acceptance is what the command wrote."""

from collections.abc import Iterator

from service.audit.accepted import accepted_from
from service.audit.keys import ACCEPTED
from service.storage.checks import ItemCheck
from service.storage.codec import Item


def accepted_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        if item.get("mac") != accepted_from(item).mac(mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"

    return ItemCheck(ACCEPTED, faults)
