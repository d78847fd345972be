"""Refuses callers whose account was closed or disabled. Whoever verifies callers knows no accounts;
only the interface is defined here."""

from typing import Protocol

from service.core.principal import Principal


class AccountGate(Protocol):
    """Refuses tokens that outlived their user's account."""

    def check(self, principal: Principal) -> None:
        """One read. Raises the refusal, or `StorageUnavailable`."""
        ...
