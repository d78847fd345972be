"""Operators' changes of webhook endpoints and deliveries, each recorded in its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.admin.entities import Action
from service.admin.operations import Actions, Performed
from service.core.clock import Clock
from service.ledger.operations import ConditionalWrite, Snapshot
from service.notifications import changes
from service.notifications.endpoints import Endpoints
from service.notifications.entities import Endpoint, EndpointEdit, EventType
from service.storage.keys import Key

ENDPOINT_ID = "endpointId"


@dataclass(frozen=True)
class EndpointPerformed:
    """The action, the endpoint as it is now, and its new secret, which only the request that made
    it receives."""

    performed: Performed
    endpoint: Endpoint
    secret: str | None = None


class WebhookActions:
    """Every method raises what `Actions.perform` raises. The same idempotency key again changes
    nothing twice."""

    def __init__(self, actions: Actions, endpoints: Endpoints, clock: Clock) -> None:
        self._actions = actions
        self._endpoints = endpoints
        self._clock = clock

    def add(
        self, action: Action, url: str, events: frozenset[EventType], description: str
    ) -> EndpointPerformed:
        """Raises `EndpointInvalid`, `EndpointLimitReached`."""
        new, secret = self._endpoints.new(url, events, description)

        def change(_: Snapshot) -> Sequence[ConditionalWrite]:
            # Here, and not before: what the same key repeats is a replay at the limit, too.
            self._endpoints.require_room()
            return (changes.endpoint_change(None, new),)

        performed = self._actions.perform(action, change, outcome={ENDPOINT_ID: new.endpoint_id})
        endpoint_id = performed.record.details[ENDPOINT_ID]
        if endpoint_id == new.endpoint_id:
            return EndpointPerformed(performed, new, secret)
        return EndpointPerformed(_as_replay(performed), self._endpoints.get(endpoint_id))

    def edit(self, action: Action, endpoint_id: str, edit: EndpointEdit) -> EndpointPerformed:
        """Raises `EndpointNotFound`, `EndpointInvalid`."""
        key = changes.endpoint_key(endpoint_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            before = changes.endpoint_in(snapshot.item(key))
            return (changes.endpoint_change(before, self._endpoints.edited(before, edit)),)

        performed = self._actions.perform(action, change, related=(key,))
        return EndpointPerformed(performed, self._endpoints.get(endpoint_id))

    def rotate(self, action: Action, endpoint_id: str) -> EndpointPerformed:
        """Raises `EndpointNotFound`."""
        key = changes.endpoint_key(endpoint_id)
        sealed, secret = self._endpoints.new_secret(self._endpoints.get(endpoint_id).endpoint_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            before = changes.endpoint_in(snapshot.item(key))
            return (changes.endpoint_change(before, self._endpoints.rotated(before, sealed)),)

        performed = self._actions.perform(action, change, related=(key,))
        endpoint = self._endpoints.get(endpoint_id)
        if sealed in (endpoint.secret, endpoint.previous_secret):
            return EndpointPerformed(performed, endpoint, secret)
        return EndpointPerformed(_as_replay(performed), endpoint)

    def remove(self, action: Action, endpoint_id: str) -> Performed:
        """Raises `EndpointNotFound`."""
        key = changes.endpoint_key(endpoint_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            before = changes.endpoint_in(snapshot.item(key))
            after = changes.removed(before, self._clock.now())
            return (changes.endpoint_change(before, after),)

        return self._actions.perform(action, change, related=(key,))

    def send_trial(self, action: Action, endpoint_id: str) -> Performed:
        """Raises `EndpointNotFound`, `EndpointDisabled`."""
        key = changes.endpoint_key(endpoint_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            endpoint = changes.enabled_in(snapshot.item(key))
            return (changes.trial_delivery(endpoint, action.digest, self._clock.now()),)

        return self._actions.perform(action, change, related=(key,))

    def resend(self, action: Action, endpoint_id: str, event_id: str) -> Performed:
        """Raises `EndpointNotFound`, `EndpointDisabled`, `DeliveryNotFound`."""
        key = changes.endpoint_key(endpoint_id)
        delivery_key = changes.delivery_key(endpoint_id, event_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            changes.enabled_in(snapshot.item(key))
            before = changes.delivery_in(snapshot.item(delivery_key))
            return (changes.resent(before, self._clock.now()),)

        return self._actions.perform(action, change, related=(key, delivery_key))

    def redrive(self, action: Action, event_id: str) -> Performed:
        """A dead letter of the outbox of the action's subject. Raises `DeliveryNotFound`."""
        key: Key = changes.message_key(action.subject or "", event_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            return changes.redriven(snapshot.item(key), self._clock.now())

        return self._actions.perform(action, change, related=(key,))


def _as_replay(performed: Performed) -> Performed:
    """What another request with the same key has done. After a lost response, the record alone does
    not say which of two requests at the same time it is of: the id or the secret it made does."""
    return replace(performed, replayed=True)
