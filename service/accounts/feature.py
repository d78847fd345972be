"""Accounts: what users see and do with their own, and the hook of a Cognito user pool."""

from collections.abc import Callable

from service.accounts.hook_routes import hook_blueprint
from service.accounts.operations import Accounts
from service.accounts.post_confirmation import PostConfirmation
from service.accounts.routes import accounts_blueprint
from service.accounts.settings import AccountsSettings
from service.entitlements.operations import Entitlements
from service.feature import Core, Declaration, Feature, Parts
from service.identity.freshness import FreshSignIns
from service.identity.operations import Identity
from service.identity.settings import IdentitySettings
from service.ledger.balances import Balances
from service.passwords.accounts import PasswordAccounts
from service.sessions.operations import Sessions
from service.users.linking import Identities
from service.users.operations import Users
from service.web.endpoint import MAX_SIGN_IN_AGE_SECONDS


def build(core: Core, parts: Parts) -> Feature:
    accounts = Accounts(
        Balances(core.table, core.clock),
        parts.get(Identities),
        parts.get(Sessions),
        parts.get(Identity),
        FreshSignIns(core.clock, MAX_SIGN_IN_AGE_SECONDS),
        parts.get(PasswordAccounts),
        parts.get(Entitlements),
    )
    hook = _post_confirmation(core, parts)
    return Feature(
        operations={Accounts: accounts, PostConfirmation: hook},
        blueprints=lambda: (accounts_blueprint(accounts), hook_blueprint(hook)),
    )


def _post_confirmation(core: Core, parts: Parts) -> PostConfirmation:
    identity = core.section(IdentitySettings)
    return PostConfirmation(
        parts.get(Users),
        core.clock,
        identity.cognito_issuer,
        identity.cognito_user_pool_id,
        _hook_secret(core.section(AccountsSettings), core.read_secret),
    )


def _hook_secret(
    settings: AccountsSettings, read_secret: Callable[[str], str]
) -> Callable[[], str]:
    if settings.cognito_hook_secret_name:
        return lambda: read_secret(settings.cognito_hook_secret_name)
    return lambda: settings.cognito_hook_secret


ACCOUNTS = Declaration(name="accounts", build=build, settings=AccountsSettings)
