"""An account gate that knows who was closed, and remembers whom it was called for."""

from service.core.principal import Principal
from service.ledger.entities import AccountClosed


class Accounts:
    def __init__(self, *closed: str) -> None:
        self.closed = set(closed)
        self.checked: list[str] = []

    def check(self, principal: Principal) -> None:
        self.checked.append(principal.subject)
        if principal.subject in self.closed:
            raise AccountClosed
