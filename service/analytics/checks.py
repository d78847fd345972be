"""What the audit proves of closed days: they are what this service wrote, and agree in themselves.
That they are what the ledger says, each walk that closes days proves (`closed_days`)."""

from collections.abc import Iterator

from service.analytics.figures import DayFigures
from service.analytics.keys import CLOSED_DAY
from service.analytics.store import closed_day_from
from service.storage.checks import ItemCheck
from service.storage.codec import Item


def closed_day_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        closed = closed_day_from(item)
        if not closed.is_sealed(mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"
        yield from _sum_faults(closed.figures)

    return ItemCheck(CLOSED_DAY, faults)


def _sum_faults(figures: DayFigures) -> Iterator[str]:
    charged = sum(each.usage.credits for each in figures.operations.values())
    if charged != sum(figures.charged.values()):
        yield "its operations were not charged what its lots paid"
    if not 0 <= figures.balance <= sum(figures.liability.values()):
        yield "its balance is not a part of what is unspent"
    if min(figures.liability.values(), default=0) < 0:
        yield "what is unspent is negative"
