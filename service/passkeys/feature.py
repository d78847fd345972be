"""Passkeys: what operators who sign in prove a second factor with."""

from service.core.second_factor import SecondFactors
from service.feature import Core, Declaration, Feature, Parts
from service.passkeys import keys
from service.passkeys.ceremonies import Site
from service.passkeys.checks import passkey_checks
from service.passkeys.operations import OperatorPasskeys
from service.passkeys.second_factor import PasskeyProofs
from service.passkeys.settings import PasskeysSettings
from service.passkeys.tokens import Tokens


def build(core: Core, parts: Parts) -> Feature:
    del parts
    settings = core.section(PasskeysSettings)
    rp_id = settings.rp_id(core.settings.core)
    site = Site(rp_id, settings.origins(core.settings.core)) if rp_id else None
    tokens = Tokens(core.keyring.token_keys)
    mac_key = core.keyring.mac_key
    passkeys = OperatorPasskeys(
        core.table, tokens, site, mac_key, core.clock, core.ids, core.metrics
    )
    required = settings.operator_second_factor
    proofs: SecondFactors = PasskeyProofs(passkeys, tokens, core.clock, required=required)
    return Feature(
        operations={OperatorPasskeys: passkeys, SecondFactors: proofs},
        checks=passkey_checks(mac_key),
    )


PASSKEYS = Declaration(name="passkeys", build=build, settings=PasskeysSettings, items=keys.ITEMS)
