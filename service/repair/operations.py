"""Repairs what a restore has torn, user by user (`service.repair.repair_plan` says how)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from service.audit import store
from service.audit.entities import Account
from service.audit.store import Findings, Reader
from service.billing.keys import PURCHASE_PREFIX
from service.billing.purchase_store import purchase_from
from service.billing.purchases import Purchase
from service.core.clock import Clock
from service.ledger.grants import GrantRecord, record_from
from service.ledger.keys import GRANT_PREFIX
from service.ledger.operations import Ledger
from service.notifications.keys import OUTBOX_PREFIX
from service.repair.account_records import (
    DamagedAccount,
    NotRepairable,
    RepairContext,
    needed_claims,
)
from service.repair.repair_plan import plan
from service.repair.undone_sign_ups import Plan
from service.storage.checks import Violation
from service.storage.codec import RawItem
from service.storage.keys import Key, data_key, user_partition
from service.storage.table import Cancelled, Table
from service.users.store import recount_write


def _is_open(account: Account) -> bool:
    """As the audit counts: a wallet that cannot be read is there all the same."""
    is_there = account.wallet is not None or "METADATA" in account.unreadable
    return is_there and not account.closed


@dataclass
class _Granted:
    """What lies outside of the users' partitions, by user. What cannot be read is named by the
    audit, and left to an operator."""

    grants: dict[str, list[GrantRecord]] = field(default_factory=dict)
    purchases: dict[str, list[Purchase]] = field(default_factory=dict)

    def collect(self, key: Key, raw: RawItem) -> bool:
        """Whether it was such an item."""
        if key.pk.startswith(GRANT_PREFIX):
            record = Findings().read(raw, record_from)
            if record is not None:
                self.grants.setdefault(record.grant.user_id, []).append(record)
            return True
        if key.pk.startswith(PURCHASE_PREFIX):
            purchase = Findings().read(raw, purchase_from)
            if purchase is not None:
                self.purchases.setdefault(purchase.user_id, []).append(purchase)
            return True
        return False


@dataclass(frozen=True)
class Repaired:
    """What was planned, and of that what was done; `left` is what needs a person, or another
    run."""

    plans: tuple[Plan, ...] = ()
    left: tuple[Violation, ...] = ()


class Repair:
    """Makes plans for the whole table, and carries them out. Meant for a restored table that no one
    uses yet; during live traffic each user's writes happen only if nothing has moved since it was
    read."""

    def __init__(self, table: Table, ledger: Ledger, clock: Clock, context: RepairContext) -> None:
        self._table = table
        self._ledger = ledger
        self._clock = clock
        self._context = context

    def run(
        self,
        *,
        apply: bool,
        reads_per_second: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Repaired:
        """Walks the table twice: whose claims are whose, then user by user. Writes only if `apply`
        is set, each user's changes in one transaction. Safe to stop anywhere and to run again.

        Raises `Stopped`, `StorageUnavailable`, and `StorageRefused` where this role may not
        write."""
        reader = Reader(self._table, self._clock, reads_per_second, stopping)
        plans, left, open_wallets = list[Plan](), list[Violation](), 0
        for damaged in self._remains(reader):
            where = user_partition(damaged.account.user_id)
            is_open = _is_open(damaged.account)
            try:
                made = plan(damaged, self._context, self._clock.now())
                if made is not None:
                    plans.append(made)
                    is_open = made.is_open
                    self._carry_out(made, apply)
            except NotRepairable as needs:
                left.append(Violation(where, f"needs a person: {needs}"))
            except Cancelled:
                left.append(Violation(where, "has moved meanwhile: run again"))
            open_wallets += is_open
        try:
            plans += self._recount(reader, open_wallets, apply)
        except Cancelled:
            left.append(Violation("SYSTEM/USERS", "has moved meanwhile: run again"))
        return Repaired(tuple(plans), tuple(left))

    def _carry_out(self, made: Plan, apply: bool) -> None:
        if apply:
            self._ledger.apply_repair(made.writes)

    def _remains(self, reader: Reader) -> Iterator[DamagedAccount]:
        claims: dict[str, list[Key]] = {}
        granted = _Granted()
        for raw in reader.scan(0, 1, None):
            key = store.key_of(raw)
            if granted.collect(key, raw):
                continue
            owner = store.owner_of(key)
            claimant = Findings().read(raw, store.claimant) if store.is_claim(key) else None
            mine = claims.setdefault(owner or claimant or "", [])
            mine += [key] if claimant else []
        claims.pop("", None)
        for user_id, claimed in claims.items():
            account = store.read_account(
                reader,
                user_id,
                without_wallet=True,
                prefixes=(*self._context.checks.prefixes, OUTBOX_PREFIX),
                closed_prefixes=self._context.checks.closed_prefixes,
                links=self._context.checks.links,
            )
            if account is None:
                continue
            has_data_key = reader.one(data_key(user_id)) is not None
            messages = tuple(map(Key.of_item, account.items[OUTBOX_PREFIX]))
            damaged = DamagedAccount(
                account,
                tuple(claimed),
                grants=tuple(granted.grants.get(user_id, ())),
                purchases=tuple(granted.purchases.get(user_id, ())),
                has_data_key=has_data_key,
                messages=messages,
            )
            needed = sorted(needed_claims(damaged, self._context), key=str)
            yield replace(damaged, owners={key: self._owner(reader, key) for key in needed})

    @staticmethod
    def _owner(reader: Reader, key: Key) -> str | None:
        """None for a claim that is absent or released."""
        raw = reader.one(key)
        if raw is None:
            return None
        owner = Findings().read(raw, store.claimant)
        return "?" if owner is None else owner or None

    def _recount(self, reader: Reader, open_wallets: int, apply: bool) -> list[Plan]:
        before = store.read_count(reader)
        if before is None or before == open_wallets:
            return []
        says = f"set the count of users from {before} to {open_wallets}"
        made = Plan("SYSTEM/USERS", (says,), (recount_write(before, open_wallets),), is_open=False)
        self._carry_out(made, apply)
        return [made]
