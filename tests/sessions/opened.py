"""Sessions as a web process has them, over any table, and everything that it counted."""

import secrets
from typing import Any

from service.core.ids import RandomIds
from service.core.metrics import Metric, NoMetrics
from service.core.principal import Principal, SignInMethod
from service.identity.access_token_keys import access_token_keys_of_setting
from service.identity.access_tokens import AccessTokens
from service.ledger.session_floor import SessionFloor
from service.sessions.operations import Sessions
from service.storage.codec import decode_item
from service.storage.data_keys import DataKeys
from service.storage.table import Table
from service.storage.wrapping import LocalWrapping
from tests.doubles.clock import FakeClock
from tests.doubles.service_harness import MAC_KEY

GOOGLE = "https://accounts.google.com"
SIGNING = "one:" + "dHR0" * 10 + "dHQ"
PHONE = "Example/1.0 (a phone)"


def signed_in(user_id: str = "ann", **changes: Any) -> Principal:
    usual: dict[str, Any] = {
        "email": f"{user_id}@example.com",
        "email_verified": True,
        "method": SignInMethod.GOOGLE,
        "authenticated_at": 1_000_000,
    }
    return Principal(GOOGLE, user_id, **(usual | changes))


class _Counted(NoMetrics):
    def __init__(self) -> None:
        self.counted: list[Metric] = []

    def count(self, metric: Metric, value: float = 1, **dimensions: str) -> None:
        self.counted.append(metric)


class Opened:
    """The clock, the table and the keys are those of `sessions`."""

    def __init__(self, table: Table, clock: FakeClock | None = None) -> None:
        self.table = table
        self.clock = clock or FakeClock()
        self.metrics = _Counted()
        self.data_keys = DataKeys(table, table._name, LocalWrapping(MAC_KEY), self.clock)
        self.access_tokens = AccessTokens(
            "https://api.example.com", lambda: access_token_keys_of_setting(SIGNING)
        )
        self.sessions = Sessions(
            table,
            self.data_keys,
            self.access_tokens,
            SessionFloor(table, self.clock),
            self.clock,
            RandomIds(),
            self.metrics,
            secrets.token_bytes,
            MAC_KEY,
            30,
        )

    def open(self, user_id: str = "ann", **changes: Any) -> Any:
        principal = signed_in(user_id, **changes)
        return self.sessions.open(user_id, principal, PHONE, self.clock.now())

    def refreshed(self, token: str) -> Any:
        return self.sessions.refresh(token)[0]

    def reuse_count(self) -> int:
        """How often a reused refresh token has ended a session."""
        return self.metrics.counted.count(Metric.REFRESH_TOKENS_REUSED)

    def items(self) -> list[dict[str, Any]]:
        found = self.table.scan(segment=0, segments=1, limit=1000).items
        return [dict(decode_item(item)) for item in found]

    def session_items(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["SK"].startswith("SESSION#")]
