"""Users: sign-up, devices and claims."""

from service.core.amounts import amount_of
from service.core.erasure import ErasurePhase, ErasureStep, ExportPart
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger
from service.users import keys
from service.users.checks import (
    identity_claim_check,
    linked_check,
    linked_identity_check,
    profile_check,
    review_check,
    shares_check,
    sharing_check,
    user_check,
)
from service.users.directory import UserDirectory
from service.users.entities import DevicePolicy
from service.users.linking import Identities
from service.users.operations import Users
from service.users.personal_data import UserData
from service.users.settings import UsersSettings
from service.users.sign_up import SignUpRules


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(UsersSettings)
    identities = Identities(
        core.table, parts.get(Ledger), core.data_keys, core.clock, core.keyring.peppers
    )
    users = Users(
        core.table,
        parts.get(Ledger),
        core.data_keys,
        core.metrics,
        core.keyring.peppers,
        SignUpRules(
            settings.max_users,
            amount_of(settings.welcome_credits),
            DevicePolicy(settings.device_policy),
            settings.max_users_per_device,
        ),
        identities,
        core.keyring.mac_key,
    )
    directory = UserDirectory(core.table, core.data_keys, core.keyring.peppers)
    data = UserData(core.table, directory, core.clock)
    return Feature(
        operations={Users: users, Identities: identities, UserDirectory: directory},
        erasure=(
            *data.steps,
            ErasureStep("linked_identities", identities.forget, ErasurePhase.FORGET),
        ),
        exports=(*data.exports, ExportPart("identities", identities.export)),
        checks=(
            user_check(),
            sharing_check(),
            profile_check(),
            identity_claim_check(core.keyring.mac_key),
            shares_check(),
            linked_check(),
            linked_identity_check(),
            review_check(),
        ),
    )


USERS = Declaration(
    name="users", build=build, settings=UsersSettings, items=keys.ITEMS, due=keys.DUE
)
