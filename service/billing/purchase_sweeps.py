"""Background work of purchases: settles those again whose early fraud warning may count no more.
Bounded batches, safe to run twice and side by side.

In a file of its own because Stripe's events have sweeps of their own."""

import contextlib
from collections.abc import Callable

import structlog

from service.billing import keys
from service.billing.due_items import DueItems
from service.billing.payments import Payments
from service.core.clock import Clock
from service.core.errors import RateLimited, Unavailable
from service.storage.keys import due_time
from service.storage.table import ConditionFailed, IndexHit, StorageUnavailable, Table
from service.storage.writes import Update, When

log = structlog.get_logger()

INTERVAL_SECONDS = 600.0
POSTPONE_MILLISECONDS = 3_600_000


class WarnedPurchases:
    """Settles purchases whose time to look again has come, the oldest first."""

    name = "warned_purchases"

    def __init__(
        self,
        table: Table,
        payments: Payments,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._due = DueItems(table, keys.DUE_PURCHASES, clock, stopping)
        self._table = table
        self._payments = payments
        self._clock = clock

    def run_once(self) -> bool:
        """One batch. Returns whether there may be more. Raises `StorageUnavailable`."""
        return self._due.run(self._settle)

    def _settle(self, hit: IndexHit) -> bool:
        """One that cannot be settled must not stop the others: it is tried again in an hour."""
        payment_id = keys.payment_of(hit.key)
        try:
            self._payments.settle(payment_id)
            return True
        except (Unavailable, RateLimited) as error:
            log.warning("warned_purchase_not_settled", payment_id=payment_id, reason=error.code)
        except Exception:
            log.exception("warned_purchase_not_settled", payment_id=payment_id)
        later = due_time(self._clock.now() + POSTPONE_MILLISECONDS)
        with contextlib.suppress(ConditionFailed, StorageUnavailable):
            guard = When(equals={"GSI2SK": hit.sort})
            self._table.write(Update(hit.key, guard, set={"GSI2SK": later}))
        return False
