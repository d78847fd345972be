"""How long a wallet write is tried for."""

from dataclasses import dataclass

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class LedgerSettings(Section):
    transaction_deadline_seconds: float = setting(5.0, "how long one wallet write is tried for")
