"""Operator actions: the audit, and reading one ledger."""

from collections.abc import Callable, Iterator

import structlog

from service.analytics.closed_days import ClosedDays
from service.audit import store
from service.audit.accepted import accepted_write, read_accepted
from service.audit.anchors import Accepted, Comparison
from service.audit.entities import (
    Account,
    Audit,
    AuditStopped,
    Ledger,
    Progress,
    ScanCursor,
    ScanPlan,
    audit_account,
)
from service.audit.partitions import partition_faults
from service.audit.proofs import Checks
from service.audit.store import Findings, Reader, Stopped
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.ledger import keys as ledger_keys
from service.storage.checks import PartitionCheck, Violation
from service.storage.codec import RawItem
from service.storage.keys import Key, user_partition
from service.storage.table import StorageUnavailable, Table
from service.users import keys as users_keys

log = structlog.get_logger()

WHOLE = ScanPlan()
MAX_REREADINGS = 3


class Auditor:
    """Reads the table for operators. Writes nothing."""

    def __init__(
        self, table: Table, clock: Clock, metrics: Metrics, checks: Checks, mac_key: bytes
    ) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._checks = checks
        self._mac_key = mac_key

    def audit(
        self,
        plan: ScanPlan = WHOLE,
        *,
        reads_per_second: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
        on_segment: Callable[[ScanCursor, Audit], None] = lambda *_: None,
        begun: Progress | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        in_use: bool = True,
        comparison: Comparison | None = None,
        closing: ClosedDays | None = None,
    ) -> Audit:
        """Audits that part of the table. Safe during live traffic: a change is not a violation.

        `on_segment` receives each segment that is done, with all that was found so far, and
        `on_progress` after each account where the walk could continue. With `begun`, it continues
        there instead of walking the plan, and returns the result of both.
        With a `comparison`, wallets go on from where an audit found them; with `closing`, a whole
        walk closes days. The number of violations becomes a metric, 0 only after a whole walk of a
        table that is `in_use`.

        `stopping` is called before each read and each second of waiting. Raises `AuditStopped` when
        it returns true or the table does not respond for a minute."""
        reader = Reader(self._table, self._clock, reads_per_second, stopping)
        plan, whole = (begun.rest, True) if begun else (plan, plan.whole)
        first = begun or Progress(next(plan.segment_starts), Audit(), None)
        if in_use and first.audit.violations:
            # The run that found them may have died before it reported, and so may this one.
            self._metrics.gauge(Metric.AUDIT_VIOLATIONS, len(first.audit.violations))
        walk = _Walk(reader, self._checks, first, on_progress, comparison, self._mac_key, closing)
        finished = False
        try:
            if whole and not begun:
                walk.begin()
            for start in plan.segment_starts:
                walk.segment(start)
                on_segment(start, walk.audit)
            if whole:
                walk.end()
            finished = True
        except Stopped as error:
            raise AuditStopped(walk.audit, walk.cursor, "it received a signal to stop") from error
        except StorageUnavailable as error:
            raise AuditStopped(walk.audit, walk.cursor, error.message) from error
        finally:
            # A partial walk has proved nothing about the rest, and must not quiet an alarm.
            if in_use and ((finished and whole) or walk.audit.violations):
                self._metrics.gauge(Metric.AUDIT_VIOLATIONS, len(walk.audit.violations))
        return walk.audit

    def ledger(self, user_id: str) -> Ledger | None:
        """A user's wallet and entries as they are stored, and what the audit finds wrong with that
        user; None for an unknown user."""
        reader = Reader(self._table, self._clock, None, lambda: False)
        account, faults = _examined(reader, self._checks, user_id, without_wallet=True)
        if account is None or not (account.wallet or account.entries or account.unreadable):
            return None
        if account.wallet is None and "METADATA" not in account.unreadable:
            faults.append(Violation(str(ledger_keys.wallet(user_id)), "is missing"))
        return Ledger(user_id, account.wallet, (*account.entries, *account.late), tuple(faults))


class NotAcceptable(Exception):
    """An account that is damaged in itself: it is repaired first."""


class Acceptance:
    """Lets an operator accept a wallet as it is, although an audit had found more of it."""

    def __init__(self, table: Table, clock: Clock, checks: Checks, mac_key: bytes) -> None:
        self._table = table
        self._clock = clock
        self._checks = checks
        self._mac_key = mac_key

    def accept(self, user_id: str, reason: str) -> Accepted:
        """From the next audit on, this user's wallet is compared with what it is at this moment.
        Raises `NotAcceptable`, and `StorageUnavailable`."""
        reader = Reader(self._table, self._clock, None, lambda: False)
        account, faults = _examined(reader, self._checks, user_id)
        if faults:
            raise NotAcceptable(f"{faults[0].item}: {faults[0].what}")
        wallet = account.wallet if account else None
        version, head = (wallet.version, wallet.head) if wallet else (0, "")
        accepted = Accepted(user_id, version, head, self._clock.now(), reason)
        before = read_accepted(reader, user_id, self._mac_key)
        self._table.write(accepted_write(before, accepted, self._mac_key))
        log.warning("wallet_accepted", user_id=user_id, wallet_version=version, reason=reason)
        return accepted


class _Walk:
    """Walks segments item by item. A partition's items are adjacent, so its first item stands for
    all."""

    def __init__(
        self,
        reader: Reader,
        checks: Checks,
        begun: Progress,
        on_progress: Callable[[Progress], None],
        comparison: Comparison | None,
        mac_key: bytes,
        closing: ClosedDays | None,
    ) -> None:
        self._reader = reader
        self._checks = checks
        self._closing = closing
        self._comparison = comparison
        self._mac_key = mac_key
        self._noted = on_progress
        self.cursor = begun.cursor
        self.audit = begun.audit
        self.users_before = begun.users_before
        self.figures = begun.figures

    def segment(self, leg: ScanCursor) -> None:
        """Walks one segment from that position to its end. `cursor` advances after each audited
        account."""
        self._stand(leg)
        judged = leg.after.pk if leg.after else ""
        for raw in self._reader.scan(leg.segment, leg.segments, leg.after):
            key = store.key_of(raw)
            for fault in self._checks.item_faults(raw):
                self._add(Violation(str(key), fault))
            if key.pk != judged:
                self.audit = self.audit.plus(self._judged(raw, key))
                judged = key.pk
            self._stand(ScanCursor(leg.segments, leg.segment, key))

    def _stand(self, cursor: ScanCursor) -> None:
        self.cursor = cursor
        self._noted(Progress(cursor, self.audit, self.users_before, self.figures))

    def begin(self) -> None:
        """What is decided once for the whole walk, however often it is resumed."""
        self.users_before = store.read_count(self._reader)
        if self._closing is not None:
            self.figures = self._closing.begin()

    def end(self) -> None:
        """Compares what only a whole walk shows, and closes days."""
        self._compare(store.read_count(self._reader))
        if self._closing is not None and self.figures is not None:
            for violation in self._closing.close(self.figures):
                self._add(violation)

    def _compare(self, after: int | None) -> None:
        """Compares the user count with the number of open wallets in the whole table. Users may
        sign up during the walk, so the number must lie between the counts before and after it."""
        before, found = self.users_before, self.audit.open_users
        if before is None or after is None:
            self._add(Violation(_COUNT, "cannot be read"))
        elif not min(before, after) <= found <= max(before, after):
            self._add(Violation(_COUNT, f"count is {after}, there are {found} open wallets"))
        self._compare_missing()

    def _compare_missing(self) -> None:
        """Of the wallets that the last audit found, those that this one has not are gone."""
        if self._comparison is not None:
            compared, violations = self._comparison.missing(self._accepted)
            found = Audit(violations=tuple(violations), compared=compared)
            self.audit = self.audit.plus(found)
            self._stand(self.cursor)

    def _accepted(self, user_id: str) -> Accepted | None:
        return read_accepted(self._reader, user_id, self._mac_key)

    def _add(self, violation: Violation) -> None:
        self.audit = self.audit.plus(Audit(violations=(violation,)))

    def _judged(self, raw: RawItem, key: Key) -> Audit:
        owner = store.owner_of(key)
        if owner is not None:
            return self._judged_user(owner)
        if store.is_claim(key):
            return self._judged_claim(raw)
        together = partition_faults(self._reader, self._checks, key.pk)
        return Audit(violations=(*self._judged_partition(key), *together))

    def _judged_partition(self, key: Key) -> Iterator[Violation]:
        """A page of a query may have been read before a transaction and the next one after it: what
        looks wrong is read again."""
        for check in self._checks.of_partition:
            if check.pk == key.pk:
                faults = self._partition_faults(check)
                if faults:
                    self._reader.settle(key)
                    faults = self._partition_faults(check)
                yield from faults

    def _partition_faults(self, check: PartitionCheck) -> list[Violation]:
        findings = Findings()
        found = [findings.read(raw, dict) for raw in self._reader.partition(check.pk, "")]
        items = [item for item in found if item is not None]
        return [*findings.faults, *check.faults(items)]

    def _judged_user(self, user_id: str) -> Audit:
        account, violations = _examined(self._reader, self._checks, user_id)
        if account is None:
            return Audit(violations=self._orphans(user_id))
        if self._closing is not None and self.figures is not None:
            self.figures = self._closing.with_account(self.figures, account)
        compared = 0
        if self._comparison is not None:
            whole = not violations
            compared, changed = self._comparison.compare(account, whole, self._accepted)
            violations += changed
        return Audit(
            users=1,
            open_users=0 if account.closed else 1,
            entries=len(account.entries) + len(account.late),
            jobs=len(account.jobs),
            idempotency_keys=len(account.keys),
            violations=tuple(violations),
            compared=compared,
        )

    def _orphans(self, user_id: str) -> tuple[Violation, ...]:
        """All items of a user without a wallet, if one of them is there for users alone."""
        items = list(self._reader.partition(user_partition(user_id), ""))
        if not any(self._checks.needs_wallet(store.key_of(raw)) for raw in items):
            return ()
        return tuple(Violation(store.name_of(raw), _ORPHAN) for raw in items)

    def _judged_claim(self, raw: RawItem) -> Audit:
        findings = Findings()
        owner = findings.read(raw, store.claimant)
        if owner and not self._has_wallet(owner):
            findings.note(raw, _ORPHAN)
        return Audit(claims=1, violations=tuple(findings.faults))

    def _has_wallet(self, user_id: str) -> bool:
        wallet = ledger_keys.wallet(user_id)
        if self._reader.one(wallet) is not None:
            return True
        self._reader.settle(wallet)
        return self._reader.one(wallet) is not None


def _examined(
    reader: Reader, checks: Checks, user_id: str, *, without_wallet: bool = False
) -> tuple[Account | None, list[Violation]]:
    """An account and what is wrong with it. What looks wrong is read again once no transaction is
    under way there: until then a query may see some of its writes and not yet the others. Damage
    looks the same each time."""

    def read() -> tuple[Account | None, list[Violation]]:
        account = store.read_account(
            reader,
            user_id,
            without_wallet=without_wallet,
            prefixes=checks.prefixes,
            closed_prefixes=checks.closed_prefixes,
            links=checks.links,
        )
        return account, audit_account(account, checks.of_account) if account else []

    account, faults = read()
    for _ in range(MAX_REREADINGS):
        if account is not None and not faults:
            break
        before = faults
        reader.settle(ledger_keys.wallet(user_id))
        account, faults = read()
        if faults == before:
            break
    return account, faults


_COUNT = f"{users_keys.COUNT.pk}/{users_keys.COUNT.sk}"
_ORPHAN = "belongs to a user without a wallet"
