"""The routes of accounts over a table in memory, called by whoever a test says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, g

from service.accounts.operations import Accounts
from service.accounts.routes import accounts_blueprint
from service.core.principal import Principal
from service.entitlements.operations import Entitlements
from service.identity.freshness import FreshSignIns
from service.ledger.balances import Balances
from service.passwords import keys
from service.sessions.operations import Sessions
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import Table
from service.users.linking import Identities
from service.web.errors import register_errors
from tests.doubles.people import google
from tests.doubles.service_harness import ServiceHarness, memory_world

MAX_AGE_SECONDS = 900
ANN = google("ann", "ann@gmail.com")


class TokensByName:
    """Signs in whom the token names; the tokens of tests are names of principals."""

    def __init__(self) -> None:
        self.principals: dict[str, Principal] = {}

    def sign_in(self, bearer: str | None, bare_google_id: Callable[[], str | None]) -> Principal:
        del bare_google_id
        return self.principals[bearer or ""]


@dataclass(frozen=True)
class LoginsByUser:
    """When each user last signed in with a password."""

    at: dict[str, int]

    def key_of(self, user_id: str) -> Key:
        return keys.owned(user_id)

    def last_login_at(self, user_id: str, owned: Item | None) -> int | None:
        del owned
        return self.at.get(user_id)


class Api:
    """Sends requests as `caller`."""

    def __init__(self, world: ServiceHarness, table: Table | None = None) -> None:
        self.world = world
        self.caller = ANN
        self.tokens = TokensByName()
        self.password_logins: dict[str, int] = {}
        accounts = Accounts(
            Balances(table or world.table, world.clock),
            world.parts.get(Identities),
            world.parts.get(Sessions),
            self.tokens,
            FreshSignIns(world.clock, MAX_AGE_SECONDS),
            LoginsByUser(self.password_logins),
            self.world.parts.get(Entitlements),
        )
        app = Flask("accounts")
        app.register_blueprint(accounts_blueprint(accounts))
        register_errors(app, world.parts.core.metrics)
        app.before_request(self._sign_in)
        self._client = app.test_client()

    def _sign_in(self) -> None:
        g.principal = self.caller

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status, and the data or the code of the error."""
        response = self._client.open(path, method=method, json=body)
        document = response.get_json()
        return response.status_code, document.get("data", document.get("code"))


@pytest.fixture
def world() -> ServiceHarness:
    return memory_world()


@pytest.fixture
def api(world: ServiceHarness) -> Api:
    return Api(world)
