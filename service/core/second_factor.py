"""Requires a second factor of operators. Whoever admits operators knows no passkeys; only the
interface is defined here."""

from typing import Protocol

from service.core.principal import Operator


class SecondFactors(Protocol):
    """Refuses operators who have not proved a second factor."""

    def check(self, operator: Operator, proof: str | None) -> None:
        """One read for a person, none for a signed request. Raises the refusal, or
        `StorageUnavailable`."""
        ...
