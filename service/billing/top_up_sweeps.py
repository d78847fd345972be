"""What has automatic top-up looked at: events of low balances, refused requests, and the sweep that
buys.

In a file of its own because Stripe's events have sweeps of their own."""

from collections.abc import Callable

import structlog

from service.billing import keys
from service.billing.due_items import DueItems
from service.billing.top_ups import TopUps
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.rate_limits import Window
from service.ledger.entities import InsufficientCredits
from service.notifications.entities import Event, EventType, is_taken
from service.storage.keys import user_of
from service.storage.table import IndexHit, Table

log = structlog.get_logger()

INTERVAL_SECONDS = 2.0
# A client that repeats a refused request must not cost a read each time.
REFUSAL_SECONDS = 30.0


class TopUpTriggers:
    """Has the worker look at a user's top-up."""

    def __init__(self, top_ups: TopUps, clock: Clock) -> None:
        self._top_ups = top_ups
        self._once = Window(1, REFUSAL_SECONDS, clock)

    def publish(self, event: Event) -> None:
        """A handler of the outbox. What was taken from a user without any use of theirs has no
        card charged."""
        if event.type is EventType.CREDITS_LOW and not is_taken(event):
            self._top_ups.want(event.user_id, refused=False)

    def refused(self, user_id: str, code: str) -> None:
        """Never raises: the refusal is returned whatever becomes of the top-up."""
        if code != InsufficientCredits.code or not self._once.allows(user_id):
            return
        try:
            self._top_ups.want(user_id, refused=True)
        except FareboxError as error:
            log.warning("top_up_not_wanted", user_id=user_id, reason=error.code)


class DueTopUps:
    """Runs the top-ups that are due, the oldest first."""

    name = "top_ups"

    def __init__(
        self,
        table: Table,
        top_ups: TopUps,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._due = DueItems(table, keys.DUE_TOP_UPS, clock, stopping)
        self._top_ups = top_ups

    def run_once(self) -> bool:
        """One batch. Returns whether there may be more. Raises `StorageUnavailable`."""
        return self._due.run(self._run)

    def _run(self, hit: IndexHit) -> bool:
        """One that cannot be run must not stop the others: it is due again in a minute."""
        user_id = user_of(hit.key.pk)
        try:
            self._top_ups.run(user_id)
            return True
        except FareboxError as error:
            log.warning("top_up_not_run", user_id=user_id, reason=error.code)
        except Exception:
            log.exception("top_up_not_run", user_id=user_id)
        self._top_ups.postpone(user_id)
        return False
