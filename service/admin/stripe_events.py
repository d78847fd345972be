"""Operators' actions on Stripe's events.

In a file of its own because no other action puts an event back to work."""

from collections.abc import Sequence

from service.admin.entities import Action
from service.admin.operations import Actions, Performed
from service.billing.inbox import event_key, redriven
from service.core.clock import Clock
from service.ledger.operations import ConditionalWrite, Snapshot


class StripeEventActions:
    """Each is logged in the transaction of what it changes."""

    def __init__(self, actions: Actions, clock: Clock) -> None:
        self._actions = actions
        self._clock = clock

    def redrive(self, action: Action, event_id: str) -> Performed:
        """Has the worker try a dead event anew. Raises `StripeEventNotFound` and
        `StripeEventNotDead`."""
        key = event_key(event_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            return (redriven(snapshot.item(key), self._clock.now()),)

        return self._actions.perform(action, change, related=(key,))
