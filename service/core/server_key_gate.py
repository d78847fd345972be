"""Verifies server keys, and refuses the sessions of those that were revoked. Whoever verifies
callers keeps no keys; only the interface is defined here."""

from typing import Protocol

from service.core.principal import Principal

SERVER_KEY_PREFIX = "sk_"


class ServerKeyGate(Protocol):
    """Knows which server keys are good."""

    def verify(self, text: str) -> Principal:
        """The back end whose key that is; one read. Raises the refusal, or `StorageUnavailable`."""
        ...

    def check(self, key_id: str) -> None:
        """For a session that the key minted; a read every few seconds. Raises the refusal, or
        `StorageUnavailable`."""
        ...
