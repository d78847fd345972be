"""What the audit proves of prices: each item is as this service wrote it, and the list that is
charged by has exactly the prices that the history says."""

from collections.abc import Callable, Iterator

from service.catalog import keys, store
from service.catalog.entities import PriceRecord
from service.catalog.price_list import PriceList, starts_at
from service.catalog.store import PricesDamaged
from service.core.clock import Clock, iso
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.table import Table

Pair = tuple[PriceList, PriceRecord | None]
"""The price list, and one record of the history, as they were at one moment."""

ReadPair = Callable[[str, int], Pair]


def price_checks(table: Table, clock: Clock, mac_key: bytes) -> tuple[ItemCheck, ItemCheck]:
    """Both read list and record together once more: either may have changed since the audit read
    the item."""

    def read_pair(operation: str, effective_at: int) -> Pair:
        key = keys.record(operation, effective_at)
        of_list, record = table.get_together((keys.LIST, key))
        return (
            store.list_from(of_list, mac_key),
            store.record_from(record, mac_key) if record else None,
        )

    def list_faults(item: Item) -> Iterator[str]:
        try:
            for price in store.list_from(item, mac_key).prices:
                yield from _list_faults(price.operation, starts_at(price), read_pair)
        except PricesDamaged as error:
            yield str(error)

    def record_faults(item: Item) -> Iterator[str]:
        try:
            price = store.record_from(item, mac_key).price
            yield from _record_faults(price.operation, starts_at(price), read_pair, clock.now())
        except PricesDamaged as error:
            yield str(error)

    return ItemCheck(keys.LIST_ITEM, list_faults), ItemCheck(keys.RECORD_ITEM, record_faults)


def _list_faults(operation: str, effective_at: int, read_pair: ReadPair) -> Iterator[str]:
    prices, record = read_pair(operation, effective_at)
    listed = prices.at(operation, effective_at)
    if listed is None:
        return
    name = f"{operation} from {iso(effective_at)}"
    if record is None:
        yield f"has a price that is not in the history: {name}"
    elif record.price != listed or record.cancelled_at is not None:
        yield f"has another price than the history: {name}"


def _record_faults(
    operation: str, effective_at: int, read_pair: ReadPair, now: int
) -> Iterator[str]:
    prices, record = read_pair(operation, effective_at)
    if record is None or record.cancelled_at is not None:
        return
    is_superseded = any(effective_at < starts_at(other) <= now for other in prices.of(operation))
    if prices.at(operation, effective_at) is None and not is_superseded:
        yield "is not on the price list"
