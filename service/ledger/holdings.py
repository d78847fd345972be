"""What a job holds, by the entries that set it aside. Pure.

In a file of its own because replay, audit, repair and analytics all follow a hold that grows."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.ledger.entities import Entry, EntryKind
from service.ledger.lots import Allocation, joined

HOLDING_KINDS = (EntryKind.HOLD, EntryKind.EXTEND)


@dataclass(frozen=True)
class Holding:
    """What the HOLD of a job and its EXTENDs set aside together, when the first of them did, and
    when the last."""

    allocation: Allocation
    began_at: int
    held_at: int


def holding_after(holding: Holding | None, entry: Entry) -> Holding:
    """With what a HOLD or an EXTEND sets aside. An EXTEND without a HOLD, which no rule writes,
    counts for itself."""
    if holding is None or entry.kind is EntryKind.HOLD:
        return Holding(entry.allocation, entry.at, entry.at)
    return Holding(joined(holding.allocation, entry.allocation), holding.began_at, entry.at)


def holding_of(entries: Iterable[Entry]) -> Holding | None:
    """What those entries of one job hold together; None for nothing."""
    holding: Holding | None = None
    for entry in entries:
        if entry.kind in HOLDING_KINDS:
            holding = holding_after(holding, entry)
    return holding
