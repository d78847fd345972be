"""What one account adds to the figures of closed days, from its entries and jobs. Pure.

In a file of its own because only the walk of an audit has a whole account at hand."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from service.analytics.entities import Days, Ending
from service.analytics.figures import (
    ADJUSTED_UP,
    DayFigures,
    Moved,
    OperationFigures,
    Spender,
    added,
    each_day,
)
from service.core.amounts import Amount
from service.core.days import Day, day_at, end_of
from service.jobs.entities import Job
from service.ledger.details import OPERATION
from service.ledger.entities import Entry, EntryKind
from service.ledger.history_lines import line_of, type_of
from service.ledger.holdings import HOLDING_KINDS, Holding, holding_after
from service.ledger.lots import Allocation, split

_ADDING = (EntryKind.INITIAL, EntryKind.GRANT, EntryKind.RESTORE)
_TAKING = (EntryKind.EXPIRE, EntryKind.CLOSE, EntryKind.CLAWBACK, EntryKind.VOID)


class AccountRecords(Protocol):
    """The part of an account that is summed up."""

    @property
    def user_id(self) -> str: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def late(self) -> Sequence[Entry]: ...

    @property
    def jobs(self) -> Sequence[Job]: ...


def figures_of(account: AccountRecords, days: Days) -> dict[Day, DayFigures]:
    """Its figures of each of those days on which it existed."""
    entries = (*account.entries, *account.late)
    if not entries or entries[0].at >= days.before_at:
        return {}
    found = _balances(entries, days)
    jobs = {job.job_id: job for job in account.jobs}
    holds: dict[str, Holding] = {}
    for entry in entries:
        if entry.kind in HOLDING_KINDS:
            holds[entry.ref] = holding_after(holds.get(entry.ref), entry)
        if days.from_at <= entry.at < days.before_at:
            day = day_at(entry.at)
            moved = _moved(entry, holds.get(entry.ref), jobs.get(entry.ref))
            found[day] = found[day].plus(moved)
    return {day: _with_spender(each, account.user_id) for day, each in found.items()}


def unspent_after(
    unspent: Mapping[str, Amount], entry: Entry, hold: Holding | None
) -> dict[str, Amount]:
    """What is unspent by kind of lot, held credits included, after an entry. `hold` is what the job
    held which the entry ends."""
    if entry.kind in _ADDING or (entry.kind is EntryKind.ADJUST and entry.amount > 0):
        return added(unspent, _by_kind(entry.allocation, 1))
    if entry.kind in _TAKING or entry.kind is EntryKind.ADJUST:
        return added(unspent, _by_kind(entry.allocation, -1))
    if entry.kind is EntryKind.RELEASE:
        _, lost = split(entry.allocation, entry.amount - entry.debt_paid)
        return added(unspent, _by_kind(lost, -1))
    if entry.kind is EntryKind.CAPTURE:
        _, rest = split(hold.allocation if hold else (), entry.amount)
        _, lost = split(rest, entry.returned - entry.debt_paid)
        return added(unspent, _by_kind((*entry.allocation, *lost), -1))
    return dict(unspent)


def _balances(entries: Sequence[Entry], days: Days) -> dict[Day, DayFigures]:
    """What the wallet was at the end of each day."""
    found: dict[Day, DayFigures] = {}
    unspent: dict[str, int] = {}
    holds: dict[str, Holding] = {}
    place = 0
    for day in each_day(days):
        while place < len(entries) and entries[place].at < end_of(day):
            entry = entries[place]
            if entry.kind in HOLDING_KINDS:
                holds[entry.ref] = holding_after(holds.get(entry.ref), entry)
            unspent = unspent_after(unspent, entry, holds.get(entry.ref))
            place += 1
        if place:
            left = {kind: amount for kind, amount in unspent.items() if amount}
            found[day] = DayFigures(liability=left, balance=entries[place - 1].credits, wallets=1)
    return found


def _moved(entry: Entry, hold: Holding | None, job: Job | None) -> DayFigures:
    """What one entry adds to its day."""
    line = line_of(entry)
    is_up = entry.kind is EntryKind.ADJUST and entry.amount > 0
    name = ADJUSTED_UP if is_up else type_of(entry).value
    lines = {name: Moved(1, line.amount)} if line else {}
    if entry.kind not in (EntryKind.CAPTURE, EntryKind.RELEASE):
        return DayFigures(moved=lines)
    operation = entry.details.get(OPERATION) or (job.operation if job else "")
    captured = entry.amount if entry.kind is EntryKind.CAPTURE else None
    ending = Ending(operation, entry.at, captured, hold.began_at if hold else None)
    charged = _by_kind(entry.allocation, 1) if captured else {}
    return DayFigures({operation: _of_job(ending, job)}, lines, charged)


def _of_job(ending: Ending, job: Job | None) -> OperationFigures:
    cost = job.provider_cost if job else None
    costs = {cost.currency: cost.micros} if cost else {}
    if job is None or job.house_loss is None:
        return OperationFigures(ending.usage, costs)
    return OperationFigures(ending.usage, costs, job.house_loss, 1)


def _with_spender(figures: DayFigures, user_id: str) -> DayFigures:
    usage = [each.usage for each in figures.operations.values()]
    spent = sum(each.credits for each in usage)
    if not spent:
        return figures
    delivered = sum(each.count - each.failures for each in usage)
    return figures.plus(DayFigures(spenders=1, top=(Spender(spent, user_id, delivered),)))


def _by_kind(allocation: Allocation, sign: int) -> dict[str, Amount]:
    total: dict[str, Amount] = {}
    for portion in allocation:
        total = added(total, {portion.kind.value: sign * portion.taken})
    return total
