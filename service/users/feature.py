"""Users: sign-up, devices and claims."""

from service.core.amounts import amount_of
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger
from service.users import keys
from service.users.checks import identity_claim_check, profile_check, user_check
from service.users.directory import UserDirectory
from service.users.operations import Users
from service.users.settings import UsersSettings


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(UsersSettings)
    users = Users(
        core.table,
        parts.get(Ledger),
        core.data_keys,
        core.metrics,
        core.keyring.peppers,
        settings.max_users,
        amount_of(settings.welcome_credits),
        core.keyring.mac_key,
    )
    directory = UserDirectory(core.table, core.data_keys, core.keyring.peppers)
    return Feature(
        operations={Users: users, UserDirectory: directory},
        checks=(user_check(), profile_check(), identity_claim_check(core.keyring.mac_key)),
    )


USERS = Declaration(name="users", build=build, settings=UsersSettings, items=keys.ITEMS)
