"""Makes the report of a month: walks the table, reads Stripe's lines, matches them. Keeps the last
report of each month."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from service.analytics.operations import HouseAnalytics
from service.billing.payments import Payments
from service.billing.purchase_records import PurchaseRecords
from service.billing.purchases import Purchase, PurchaseDamaged
from service.billing.stripe_client import Stripe
from service.core.amounts import Amount
from service.core.clock import Clock
from service.core.days import day_before
from service.finance import store
from service.finance.credits import costs_of_month, credits_of_month, missing_of_month
from service.finance.documents import document_of
from service.finance.entities import (
    NOT_OURS,
    Difference,
    FinanceStopped,
    Line,
    Month,
    Report,
    ReportDamaged,
    ReportNotFound,
)
from service.finance.line_matching import LineMatching
from service.finance.money import money_of, other_of
from service.ledger.debts import debt_in
from service.storage.codec import RawItem, decode_item
from service.storage.keys import Key
from service.storage.table import ConditionFailed, Table

# A month with more is made in parts by no one: 10,000 requests to Stripe.
MAX_TRANSACTIONS = 1_000_000
_PAGE = 500


@dataclass
class _Walk:
    """What the walk over the table found: purchases by payment, and the debt of all wallets."""

    purchases: dict[str, Purchase] = field(default_factory=dict)
    debt: Amount = 0


class Finance:
    """Reads, and writes nothing but reports."""

    def __init__(
        self,
        table: Table,
        stripe: Stripe,
        payments: Payments,
        records: PurchaseRecords,
        house: HouseAnalytics,
        clock: Clock,
        mac_key: bytes,
    ) -> None:
        self._table = table
        self._stripe = stripe
        self._payments = payments
        self._records = records
        self._house = house
        self._clock = clock
        self._mac_key = mac_key

    def make(
        self,
        month: Month,
        reads_per_second: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Report:
        """The report of a month as things stand now; stores it. Walks the whole table, strongly
        consistent, at most so many read units per second. Raises `FinanceStopped`,
        `PurchaseDamaged`, and what `Stripe` and `Table` raise."""
        lines = self._stripe.balance_transactions(month.from_at, month.before_at, MAX_TRANSACTIONS)
        paid = {each.payment_intent_id for each in lines}
        # After Stripe's lines: what was granted for a payment may be newer, never older.
        walk = self._walk(month, paid, reads_per_second, stopping)
        matched = LineMatching(self._payments, self._records, self._stripe.livemode, walk.purchases)
        found = [matched.line(each) for each in reversed(lines)]
        granted = [
            each for each in walk.purchases.values() if month.from_at <= each.at < month.before_at
        ]
        charged = {each.payment_intent_id for each in lines if each.source_kind == "charge"}
        matched.require_at_stripe(each for each in granted if each.payment_id not in charged)
        credited = self._stripe.invoices_credited(month.from_at, month.before_at, MAX_TRANSACTIONS)
        matched.require_followed(sorted(credited))
        report = self._report(month, granted, walk.debt, found, matched.differences)
        self._keep(report)
        return report

    def last(self, month: Month) -> dict[str, Any]:
        """The document of the last report. Raises `ReportNotFound`, `ReportDamaged` and
        `StorageUnavailable`."""
        item = store.read(self._table, month)
        if item is None:
            raise ReportNotFound
        if not store.is_sealed(item, self._mac_key):
            raise ReportDamaged
        return store.document_in(item)

    def _report(
        self,
        month: Month,
        granted: list[Purchase],
        debt: Amount,
        lines: list[Line],
        differences: list[Difference],
    ) -> Report:
        house = self._house.report(day_before(month.first, 1), month.last)
        ours = [each.transaction for each in lines if each.result != NOT_OURS]
        theirs = [each.transaction for each in lines if each.result == NOT_OURS]
        return Report(
            month=month,
            made_at=self._clock.now(),
            credits=credits_of_month(house, granted, self._records.bonus_of(granted), debt),
            money=money_of(ours),
            not_ours=money_of(theirs),
            other=other_of(each.transaction for each in lines),
            costs=costs_of_month(house),
            missing=missing_of_month(house),
            lines=tuple(lines),
            differences=tuple(differences),
        )

    def _keep(self, report: Report) -> None:
        before = store.read(self._table, report.month)
        document = document_of(report)
        # Whoever stored a report of this month meanwhile has read the same books.
        with suppress(ConditionFailed):
            self._table.write(store.report_write(before, report.month, document, self._mac_key))

    def _walk(
        self,
        month: Month,
        paid: set[str],
        reads_per_second: float | None,
        stopping: Callable[[], bool],
    ) -> _Walk:
        walk = _Walk()
        for item in self._items(reads_per_second, stopping):
            try:
                purchase = self._records.purchase_in(item)
                walk.debt += debt_in(decode_item(item)) if purchase is None else 0
            except (PurchaseDamaged, KeyError, TypeError, ValueError) as error:
                where = Key.of_raw_item(item)
                raise FinanceStopped(f"{where} is damaged: run the audit.") from error
            if purchase is None:
                continue
            is_paid = not paid.isdisjoint((purchase.payment_id, *purchase.other_cents))
            if is_paid or month.from_at <= purchase.at < month.before_at:
                walk.purchases[purchase.payment_id] = purchase
        return walk

    def _items(
        self, reads_per_second: float | None, stopping: Callable[[], bool]
    ) -> Iterator[RawItem]:
        after: Key | None = None
        while not stopping():
            page = self._table.scan(segment=0, segments=1, limit=_PAGE, after=after)
            yield from page.items
            after = page.after
            if after is None:
                return
            if reads_per_second:
                self._clock.sleep(page.units / reads_per_second)
        raise FinanceStopped("The report was stopped before its end; nothing was stored.")
