"""Alerts about refused requests.

In a file of its own because a refusal moves no credits and belongs to no transaction. A refusal
writes nothing; its alert is one item per user, kind and day at most, and only for users who have a
wallet."""

from collections.abc import Mapping

import structlog

from service.core.amounts import credits_number
from service.core.clock import Clock
from service.core.errors import FareboxError
from service.core.metrics import Metric, Metrics
from service.core.rate_limits import Window
from service.ledger.entities import InsufficientCredits, Wallet
from service.ledger.operations import Ledger
from service.notifications.entities import DAY, HOUR, SECOND, EventType, daily_event, day_of
from service.notifications.operations import Outbox

log = structlog.get_logger()

REPEATED_REFUSALS = 20


class Refusals:
    """Reports the first refusal of a day for lack of credits, to users who want to know of a low
    balance, and users who are refused again and again: 20 times in an hour, counted in each
    process by itself."""

    def __init__(self, ledger: Ledger, outbox: Outbox, clock: Clock, metrics: Metrics) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._in_an_hour = Window(REPEATED_REFUSALS - 1, HOUR / SECOND, clock)
        self._once = Window(1, DAY / SECOND, clock)

    def refused(self, user_id: str, code: str) -> None:
        """A request of that user was refused with that code. Never raises: the refusal is
        returned whatever becomes of its alert."""
        repeated = not self._in_an_hour.allows(user_id)
        insufficient = code == InsufficientCredits.code
        try:
            if insufficient and self._is_first(user_id, EventType.CREDITS_INSUFFICIENT):
                self._report_insufficient(user_id)
            if repeated and self._is_first(user_id, EventType.USER_REFUSED_REPEATEDLY):
                self._report_repeated(user_id, code)
        except FareboxError as error:
            log.warning("refusal_not_reported", user_id=user_id, reason=error.code)

    def _is_first(self, user_id: str, kind: EventType) -> bool:
        """Whether this process has not reported it today: later ones spare the reads too."""
        return self._once.allows(f"{kind} {day_of(self._clock.now())} {user_id}")

    def _report_insufficient(self, user_id: str) -> None:
        wallet = self._open_wallet(user_id)
        if wallet is not None and wallet.low_balance > 0:
            data = {
                "credits": credits_number(wallet.spendable(self._clock.now())),
                "held": credits_number(wallet.held),
            }
            self._put(EventType.CREDITS_INSUFFICIENT, user_id, data)

    def _report_repeated(self, user_id: str, code: str) -> None:
        if self._open_wallet(user_id) is not None:
            data = {"refusals": REPEATED_REFUSALS, "lastCode": code}
            self._put(EventType.USER_REFUSED_REPEATEDLY, user_id, data)

    def _open_wallet(self, user_id: str) -> Wallet | None:
        wallet = self._ledger.balance(user_id).wallet
        return None if wallet is None or wallet.is_leaving else wallet

    def _put(self, kind: EventType, user_id: str, data: Mapping[str, object]) -> None:
        if self._outbox.put_once(daily_event(kind, user_id, self._clock.now(), data)):
            self._metrics.count(Metric.REFUSAL_ALERTS, type=kind)
