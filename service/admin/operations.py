"""Operator actions: the audit, and a look at one ledger."""

from collections.abc import Iterator

import structlog

from service.admin import store
from service.admin.entities import Audit, Violation, audit_account
from service.clock import Clock
from service.ledger.entities import Entry, Wallet, WalletStatus
from service.ledger.store import entries, wallet_from
from service.metrics import Metric, Metrics
from service.storage import keys
from service.storage.codec import Item
from service.storage.table import Table

log = structlog.get_logger()

MOST_ROUNDS = 5
PAUSE_SECONDS = 0.2


class Admin:
    """What an operator asks of the table. Writes nothing."""

    def __init__(self, table: Table, clock: Clock, metrics: Metrics, mac_key: bytes) -> None:
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._mac_key = mac_key

    def audit(self) -> Audit:
        """Proves over the whole table what the money protocol (section 9) lists. Safe beside live traffic: whatever is in
        flight is no violation. Raises `StorageUnavailable`."""
        count_before = store.read_count(self._table)
        audit, open_users = Audit(), 0
        for item in store.scan(self._table, 0, 1):
            if store.is_wallet(item):
                audit = audit.plus(self._audit_user(str(store.owner_of(item))))
                open_users += item["status"] != WalletStatus.CLOSED
            audit = audit.plus(self._audit_ownership(item))
        count_after = store.read_count(self._table)
        if not min(count_before, count_after) <= open_users <= max(count_before, count_after):
            wrong = Violation("SYSTEM/USERS", f"count is {count_after}, there are {open_users} open wallets")
            audit = audit.plus(Audit(violations=(wrong,)))
        self._metrics.gauge(Metric.AUDIT_VIOLATIONS, len(audit.violations))
        return audit

    def ledger(self, user_id: str) -> tuple[Wallet, Iterator[Entry]] | None:
        """A user's wallet and entries, None for an unknown user."""
        item = self._table.get(keys.wallet(user_id))
        return (wallet_from(item), entries(self._table, user_id)) if item else None

    def _audit_user(self, user_id: str) -> Audit:
        """A stable reading is judged; an account that keeps moving is left for the next audit."""
        for _ in range(MOST_ROUNDS):
            try:
                account = store.read_account(self._table, user_id)
            except (KeyError, ValueError, TypeError) as error:
                unreadable = Violation(f"USER#{user_id}", f"an item cannot be read: {type(error).__name__}")
                return Audit(users=1, violations=(unreadable,))
            if account is not None:
                violations = tuple(audit_account(account, self._mac_key))
                sizes = (1, len(account.entries), len(account.jobs), 0, len(account.keys), 0)
                return Audit(*sizes, violations=violations)
            self._clock.sleep(PAUSE_SECONDS)
        return Audit(users=1, in_flight=1)

    def _audit_ownership(self, item: Item) -> Audit:
        """Every claim names a user, and nothing lies with a user who has no wallet."""
        claim = store.claim_from(item)
        owner = claim.user_id if claim else store.owner_of(item)
        if owner is None or store.is_wallet(item) or (claim is None and item["SK"] != keys.profile("").sk):
            return Audit()
        fault = () if store.has_wallet(self._table, owner) else (self._orphan(item),)
        return Audit(claims=1 if claim else 0, violations=fault)

    @staticmethod
    def _orphan(item: Item) -> Violation:
        return Violation(f"{item['PK']}/{item['SK']}", "belongs to a user without a wallet")
