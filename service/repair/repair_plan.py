"""Pure plans that repair what a restore has torn, made from the ledger (runbook, Restore the
table).

A table restored to a point in time may hold only a part of the transactions of that moment. The
ledger decides: a wallet is what its intact entries, from the first one on, make it, and the rest
follows. A plan is discarded unless its result passes the audit; other damage is an operator's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from service.audit.entities import audit_account
from service.jobs import keys as jobs_keys
from service.jobs import store as jobs_store
from service.jobs.checks import ends_by_kind
from service.jobs.entities import Failure, Job, JobStatus
from service.jobs.settlement_terms import charging, returning, with_balance_of
from service.jobs.store import KeyUse
from service.ledger import store as ledger_store
from service.ledger.details import OPERATION, REQUEST_ID
from service.ledger.entities import (
    Entry,
    EntryKind,
    InsufficientCredits,
    Movement,
    Wallet,
    WalletStatus,
)
from service.ledger.holdings import HOLDING_KINDS, Holding, holding_of
from service.ledger.limits import with_jobs
from service.ledger.lots import total_taken
from service.ledger.movements import hold
from service.ledger.replay import Moment, repaired_switches, replayed
from service.repair.account_records import (
    AccountRecords,
    DamagedAccount,
    NotRepairable,
    RepairContext,
    first_entry,
)
from service.repair.bound_keys import BoundKeys, bound_key_of
from service.repair.purchased import Purchased, has_strays, is_made_again
from service.repair.sentences import balances, described
from service.repair.undone_sign_ups import Plan, bounded, is_undone, undone
from service.storage.codec import Item
from service.storage.keys import Key, user_partition
from service.storage.writes import Delete, When, Write
from service.users.entities import MAX_DEVICES_PER_USER

MAX_TORN = 20
_ENDS = {EntryKind.CAPTURE: JobStatus.SUCCEEDED, EntryKind.RELEASE: JobStatus.FAILED}


def plan(damaged: DamagedAccount, context: RepairContext, now: int) -> Plan | None:
    """Returns the plan that repairs one user; None if nothing is wrong. Raises `NotRepairable`."""
    account = damaged.account
    if account.unreadable:
        raise NotRepairable(f"{min(account.unreadable)} cannot be read")
    whole = not audit_account(account, context.checks.of_account) and account.wallet is not None
    if (
        whole
        and not has_strays(damaged)
        and (account.leaving or None not in damaged.owners.values())
    ):
        return None
    moments = list(replayed(account.user_id, (*account.entries, *account.late), context.mac_key))
    if is_undone(damaged, moments, context):
        return undone(damaged, moments)
    return _Mending(damaged, moments, context, now).plan()


class _Mending:
    """One account on its way to be whole again: ledger, then jobs, then keys, then who the user
    is."""

    def __init__(
        self, damaged: DamagedAccount, moments: Sequence[Moment], context: RepairContext, now: int
    ) -> None:
        self._account = damaged.account
        self._remains = damaged
        self._context = context
        self._now = now
        self._says: list[str] = []
        self._writes: list[Write] = []
        self._account_records = AccountRecords(damaged, context, now)
        self._kept = self._whole(moments)
        self._torn = (*self._account.entries, *self._account.late)[len(self._kept) :]
        self._added: list[Entry] = []
        self._jobs = {job.job_id: job for job in self._account.jobs}
        self._wallet = self._rebuilt()

    def plan(self) -> Plan:
        account = self._account
        for job_id in sorted({*self._jobs, *self._held(self._kept), *self._held(self._torn)}):
            self._mend_job(job_id)
        wallet, added = self._sealed()
        entries = (*(moment.entry for moment in self._kept), *added)
        last_hold = max((each.at for each in entries if each.kind in HOLDING_KINDS), default=0)
        wallet = with_jobs(wallet, ends_by_kind(self._jobs.values()), last_hold)
        gone = [entry for entry in self._torn if entry not in added]
        new = [entry for entry in added if entry not in self._torn]
        self._report_entries(wallet, gone, new)
        self._writes[:0] = ledger_store.rebuilt_writes(account.wallet, wallet, gone, new)
        uses = self._mend_keys()
        mended = replace(
            account,
            wallet=wallet,
            entries=entries,
            late=(),
            linked=self._mend_grants(entries),
            jobs=tuple(self._jobs.values()),
            keys=uses,
            faults=(),
        )
        mended = self._account_records.put_back(mended)
        left = audit_account(mended, self._context.checks.of_account)
        if left:
            raise NotRepairable(f"{left[0].item}: {left[0].what}")
        is_open = not mended.closed
        says = (*self._says, *self._account_records.says)
        writes = (*self._writes, *self._account_records.writes)
        return bounded(Plan(user_partition(account.user_id), says, writes, is_open))

    # The ledger.

    def _whole(self, moments: Sequence[Moment]) -> list[Moment]:
        """The intact run, up to a CAPTURE whose job does not have the result: a charge without its
        delivery did not happen. The worker charges anew once it has the result from the
        provider."""
        account = self._account
        entries = (*account.entries, *account.late)
        if len(moments) < len(entries) and entries[len(moments)].version == len(moments) + 1:
            raise NotRepairable(f"entry {len(moments) + 1} is not one that this ledger wrote")
        delivered = {job.job_id for job in account.jobs if job.status is JobStatus.SUCCEEDED}
        charged = (
            place
            for place, moment in enumerate(moments)
            if moment.entry.kind is EntryKind.CAPTURE and moment.entry.ref not in delivered
        )
        cut = next(charged, len(moments))
        torn = entries[cut:]
        if len(torn) > MAX_TORN or not all(map(is_made_again, torn)):
            raise NotRepairable(f"{len(torn)} entries would have to go, from {cut + 1} on")
        if account.wallet is not None and account.wallet.version > len(entries) + MAX_TORN:
            raise NotRepairable(f"{account.wallet.version - len(entries)} entries are missing")
        return list(moments[:cut])

    def _opened(self) -> Wallet:
        movement = first_entry(self._account, self._context, self._now)
        self._added += movement.entries
        return movement.wallet

    def _rebuilt(self) -> Wallet:
        """The wallet that its entries make, with the stored devices and state."""
        stored, made = (
            self._account.wallet,
            self._kept[-1].wallet if self._kept else self._opened(),
        )
        if stored is None:
            devices = frozenset(sorted(self._account.devices)[:MAX_DEVICES_PER_USER])
            return self._with_devices(replace(made, fingerprints=devices))
        known = replace(
            made,
            status=stored.status,
            fingerprints=stored.fingerprints,
            new_devices=stored.new_devices,
            low_balance=stored.low_balance,
            sessions_valid_from=stored.sessions_valid_from,
            created_at=stored.created_at,
        )
        return self._with_devices(known)

    def _with_devices(self, wallet: Wallet) -> Wallet:
        """The wallet's record of the device items that it will have."""
        devices = self._account_records.devices_of(wallet)
        return replace(wallet, new_devices=wallet.new_devices - devices, device_count=len(devices))

    def _sealed(self) -> tuple[Wallet, list[Entry]]:
        movement = Movement(self._wallet, tuple(self._added))
        if self._added:
            movement = ledger_store.sealed(movement, self._context.mac_key)
        if movement.wallet.status is WalletStatus.FROZEN:
            self._says.append("the wallet was frozen and is opened")
        said = [*(moment.entry for moment in self._kept), *self._added]
        return repaired_switches(movement.wallet, said), list(movement.entries)

    def _report_entries(
        self, wallet: Wallet, gone: Iterable[Entry], added: Iterable[Entry]
    ) -> None:
        stored = self._account.wallet
        self._says += [
            f"take back entry {described(entry)}, the rest of its transaction is lost"
            for entry in gone
        ]
        self._says += [f"write entry {described(entry)}" for entry in added]
        if stored is None:
            self._says.append(f"rebuild the wallet: {balances(wallet)}")
        elif stored != wallet:
            self._says.append(f"set the wallet from {balances(stored)} to {balances(wallet)}")

    def _post(self, movement: Movement) -> Entry:
        self._wallet = movement.wallet
        self._added += movement.entries
        return movement.entries[-1]

    # Jobs.

    @staticmethod
    def _held(entries: Iterable[Moment | Entry]) -> set[str]:
        plain = (each.entry if isinstance(each, Moment) else each for each in entries)
        return {entry.ref for entry in plain if entry.kind is EntryKind.HOLD}

    def _entry(self, job_id: str, *kinds: EntryKind) -> Entry | None:
        entries = [*(moment.entry for moment in self._kept), *self._added]
        return next(
            (entry for entry in entries if entry.ref == job_id and entry.kind in kinds), None
        )

    def _holding(self, job_id: str) -> Holding | None:
        entries = (*(moment.entry for moment in self._kept), *self._added)
        return holding_of(entry for entry in entries if entry.ref == job_id)

    def _mend_job(self, job_id: str) -> None:
        """A job has its HOLD, and its end where it has ended; the outcome that a user
        has seen stands."""
        stored = self._jobs.get(job_id)
        if stored and not jobs_store.is_sealed(stored, self._context.mac_key):
            raise NotRepairable(f"{job_id} is not as this service wrote it")
        job = stored or self._made_again(job_id)
        held = self._holding(job_id) or self._hold_anew(job)
        if held is None:
            self._forget(job)
            return
        ended = self._entry(job_id, *_ENDS)
        if ended is None and not job.is_open:
            ended = self._end_anew(job, held)
        elif ended is not None and job.is_open:
            job = self._unresolved(job)
        due_at = self._due_at(job)
        job = replace(_holding(job, held), due_at=due_at)
        job = with_balance_of(job, ended)
        if job != stored or self._indexed_wrongly(job):
            job = jobs_store.sealed(job, self._context.mac_key)
            verb = "set" if stored else "make again"
            self._says.append(f"{verb} {job_id}: {job.status} {job.failure or ''}".rstrip())
            self._writes.append(jobs_store.repaired_write(stored, job))
        self._jobs[job_id] = job

    def _made_again(self, job_id: str) -> Job:
        """A job of which only the ledger knows: the worker finds its task by our id, or releases
        the credits after the quarantine."""
        entries = (*(moment.entry for moment in self._kept), *self._torn)
        held = next(
            entry for entry in entries if entry.ref == job_id and entry.kind is EntryKind.HOLD
        )
        holding = holding_of(entry for entry in entries if entry.ref == job_id) or _of_entry(held)
        return Job(
            payer=self._account.user_id,
            actor=self._account.user_id,
            job_id=job_id,
            operation=self._lost_operation(held),
            request_id=held.details.get(REQUEST_ID, ""),
            held=total_taken(holding.allocation),
            allocation=holding.allocation,
            extended_at=_extended_at(holding),
            status=JobStatus.SUBMITTING,
            created_at=held.at,
            submit_until=held.at,
            hard_at=self._now + self._context.times.hard_limit,
            due_at=self._now,
            bound_key=bound_key_of(self._account, job_id, self._context.mac_key),
        )

    def _lost_operation(self, held: Entry) -> str:
        """As its HOLD says; for one that does not, it is certain only where one operation is
        offered."""
        known = held.details.get(OPERATION) or self._context.only_operation
        if known is None:
            raise NotRepairable(f"{held.ref} is lost, and with it which operation it was")
        return known

    def _hold_anew(self, job: Job) -> Holding | None:
        """A hold whose entry is lost is taken again; None when the credits are not there."""
        try:
            opened = replace(self._wallet, status=WalletStatus.OPEN)
            again = hold(opened, job.held, job.job_id, self._now, details=job.entry_details)
            return _of_entry(self._post(again))
        except InsufficientCredits:
            return None

    def _forget(self, job: Job) -> None:
        """A job whose credits are missing is removed: it was never charged, and its key is free
        again. One that was delivered is left to an operator."""
        if job.status is JobStatus.SUCCEEDED:
            raise NotRepairable(f"{job.job_id} was delivered, and there are no credits to charge")
        if self._jobs.pop(job.job_id, None):
            self._says.append(
                f"delete {job.job_id}: its hold is lost, and there are no credits for another"
            )
            self._writes.append(
                Delete(jobs_keys.job(job.payer, job.job_id), When(equals={"status": job.status}))
            )

    def _end_anew(self, job: Job, held: Holding) -> Entry:
        job = _holding(job, held)
        delivered = job.status is JobStatus.SUCCEEDED
        settle = charging(job, job.captured) if delivered else returning(job)
        return self._post(settle(self._wallet, self._now))

    def _unresolved(self, job: Job) -> Job:
        """Its credits were returned; the reason is lost with the job's item. It is monitored, so
        that a late video is still delivered."""
        watch_until = self._now + self._context.times.watch
        return replace(
            job,
            status=JobStatus.FAILED,
            failure=Failure.PROVIDER_UNRESOLVED,
            watch_until=watch_until,
            due_at=self._now,
            submit_until=0,
            hard_at=0,
            not_found_at=None,
            device=(),
        )

    def _due_at(self, job: Job) -> int | None:
        if not job.is_open and job.watch_until is None:
            return None
        return self._now if job.due_at is None else job.due_at

    def _indexed_wrongly(self, job: Job) -> bool:
        item = f"{user_partition(job.payer)}/{jobs_keys.JOB_PREFIX}{job.job_id}"
        return any(fault.item == item for fault in self._account.faults)

    def _mend_keys(self) -> dict[str, KeyUse]:
        bound_keys = BoundKeys(self._account, self._context.mac_key)
        uses = bound_keys.put_right(self._jobs, self._held_version)
        self._says += bound_keys.says
        self._writes += bound_keys.writes
        return uses

    def _mend_grants(self, entries: Sequence[Entry]) -> Mapping[Key, Item | None]:
        purchased = Purchased(self._remains, self._context.mac_key, self._now)
        purchased.put_right(entries)
        self._says += purchased.says
        self._writes += purchased.writes
        return purchased.linked

    def _held_version(self, job: Job) -> int:
        held = self._entry(job.job_id, EntryKind.HOLD)
        return held.version if held else 0


def _of_entry(held: Entry) -> Holding:
    return Holding(held.allocation, held.at, held.at)


def _extended_at(held: Holding) -> int | None:
    return None if held.held_at == held.began_at else held.held_at


def _holding(job: Job, held: Holding) -> Job:
    """The job with what the ledger says it holds. Only one that was extended can have held
    another amount than its item says."""
    was_extended = job.extended_at is not None or held.held_at != held.began_at
    return replace(
        job,
        held=total_taken(held.allocation) if was_extended else job.held,
        allocation=held.allocation,
        created_at=held.began_at,
        extended_at=_extended_at(held),
    )
