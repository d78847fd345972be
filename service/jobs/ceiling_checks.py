"""What the audit proves of the ceilings of minted sessions: what counts against each is what its
jobs hold, or were charged.

In a file of its own because only jobs of minted sessions have one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from service.core.amounts import Amount, credits_text
from service.jobs.entities import Job
from service.ledger.entities import Entry
from service.sessions.ceilings import SORT_KEY_PREFIX, ceiling_from
from service.storage.checks import AccountCheck, Violation
from service.storage.codec import Item


class BoundRecords(Protocol):
    """The part of an account that this check reads."""

    @property
    def late(self) -> Sequence[Entry]: ...

    @property
    def jobs(self) -> Sequence[Job]: ...

    @property
    def unreadable(self) -> frozenset[str]: ...

    @property
    def items(self) -> Mapping[str, Sequence[Item]]: ...


def ceilings_check() -> AccountCheck:
    """A ceiling disappears some days after its session; of those that have, nothing is said."""
    return AccountCheck(("minted session",), _faults, prefixes=(SORT_KEY_PREFIX,))


def _faults(account: BoundRecords) -> Iterator[Violation]:
    """Exact only where nothing moved while the account was read, and everything could be."""
    if account.late or account.unreadable:
        return
    taken = _taken(account.jobs)
    for item in account.items.get(SORT_KEY_PREFIX, ()):
        ceiling = ceiling_from(item)
        amount = taken.get(ceiling.session_id, 0)
        if ceiling.used != amount:
            what = f"counts {credits_text(ceiling.used)}, its jobs took {credits_text(amount)}"
            yield Violation(str(ceiling.key), what)


def _taken(jobs: Iterable[Job]) -> dict[str, Amount]:
    """By session: what its jobs hold or were charged."""
    taken: dict[str, Amount] = {}
    for job in jobs:
        if job.session_id:
            taken[job.session_id] = taken.get(job.session_id, 0) + job.held - job.returned
    return taken
