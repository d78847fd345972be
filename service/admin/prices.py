"""Scheduling and cancelling prices, each in one transaction with the record of who did it.

In a file of its own because it is an operator's action on the catalog, not on a user."""

from collections.abc import Callable, Sequence

from service.admin.entities import Action
from service.admin.operations import Actions, Performed
from service.catalog.entities import NewPrice, PriceCancellation, PriceRecord
from service.catalog.price_list import starts_at
from service.catalog.pricing import Price
from service.catalog.scheduling import Items, PricePage, PriceSchedule, related_to
from service.ledger.operations import ConditionalWrite, Snapshot
from service.storage.writes import Write


class Prices:
    """Changes prices, and shows those that were and will be."""

    def __init__(self, actions: Actions, schedule: PriceSchedule) -> None:
        self._actions = actions
        self._schedule = schedule

    def earliest_start(self) -> int:
        """See `PriceSchedule.earliest_start`."""
        return self._schedule.earliest_start()

    def schedule(self, action: Action, price: Price) -> tuple[Performed, PriceRecord]:
        """Raises what `PriceSchedule.schedule_writes` and `Actions.perform` raise."""
        new = NewPrice(price, action.operator.operator_id, action.reason)
        self._schedule.check(price)
        return self._perform(
            action,
            price.operation,
            starts_at(price),
            lambda items: self._schedule.schedule_writes(new, items),
        )

    def cancel(
        self, action: Action, operation: str, effective_at: int
    ) -> tuple[Performed, PriceRecord]:
        """Raises what `PriceSchedule.cancel_writes` and `Actions.perform` raise."""
        operator_id = action.operator.operator_id
        given = PriceCancellation(operation, effective_at, operator_id, action.reason)
        return self._perform(
            action,
            operation,
            effective_at,
            lambda items: self._schedule.cancel_writes(given, items),
        )

    def history(self, operation: str, limit: int, token: str | None) -> PricePage:
        """See `PriceSchedule.history`."""
        return self._schedule.history(operation, limit, token)

    def _perform(
        self,
        action: Action,
        operation: str,
        effective_at: int,
        writes: Callable[[Items], Sequence[Write]],
    ) -> tuple[Performed, PriceRecord]:
        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            return tuple(map(ConditionalWrite, writes(snapshot.related)))

        related = related_to(operation, effective_at)
        performed = self._actions.perform(action, change, related=related)
        return performed, self._schedule.record(operation, effective_at)
