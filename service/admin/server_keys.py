"""Operators' changes of server keys, each recorded in its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.admin.entities import Action
from service.admin.operations import Actions, Performed
from service.core.scopes import KeyScope
from service.ledger.operations import ConditionalWrite, Snapshot
from service.server_keys.entities import ServerKey
from service.server_keys.operations import ServerKeys

KEY_ID = "keyId"


@dataclass(frozen=True)
class KeyPerformed:
    """The action, the key as it is now, and its text, which only the request that made it
    receives."""

    performed: Performed
    key: ServerKey
    text: str | None = None


class ServerKeyActions:
    """Every method raises what `Actions.perform` raises. The same idempotency key again changes
    nothing twice."""

    def __init__(self, actions: Actions, server_keys: ServerKeys) -> None:
        self._actions = actions
        self._server_keys = server_keys

    def make(self, action: Action, name: str, scopes: frozenset[KeyScope]) -> KeyPerformed:
        """Raises `ServerKeyLimitReached`."""
        new, text = self._server_keys.new(name, scopes)

        def change(_: Snapshot) -> Sequence[ConditionalWrite]:
            # Read after the head of the log, which every such action moves: no two can both find
            # the last place.
            self._server_keys.require_room()
            return (self._server_keys.creation(new),)

        performed = self._actions.perform(action, change, outcome={KEY_ID: new.key_id})
        key_id = performed.record.details[KEY_ID]
        if key_id == new.key_id:
            return KeyPerformed(performed, new, text)
        # After a lost response the record alone does not say which of two requests it is of.
        return KeyPerformed(replace(performed, replayed=True), self._server_keys.get(key_id))

    def revoke(self, action: Action, key_id: str) -> KeyPerformed:
        """Raises `ServerKeyNotFound`."""
        place = self._server_keys.place(key_id)

        def change(snapshot: Snapshot) -> Sequence[ConditionalWrite]:
            return (self._server_keys.revocation(snapshot.item(place)),)

        performed = self._actions.perform(action, change, related=(place,))
        return KeyPerformed(performed, self._server_keys.get(key_id))
