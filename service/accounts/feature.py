"""Accounts: what users see and do with their own."""

from service.accounts.operations import Accounts
from service.accounts.routes import accounts_blueprint
from service.feature import Core, Declaration, Feature, Parts
from service.identity.freshness import FreshSignIns
from service.identity.operations import Identity
from service.ledger.operations import Ledger
from service.users.linking import Identities
from service.web.endpoint import MAX_SIGN_IN_AGE_SECONDS


def build(core: Core, parts: Parts) -> Feature:
    accounts = Accounts(
        parts.get(Ledger),
        parts.get(Identities),
        parts.get(Identity),
        FreshSignIns(core.clock, MAX_SIGN_IN_AGE_SECONDS),
    )
    return Feature(operations={Accounts: accounts}, blueprints=(accounts_blueprint(accounts),))


ACCOUNTS = Declaration(name="accounts", build=build)
