"""Server keys: the keys of the house's own back ends. Their routes are the operators'."""

import secrets

from service.core.server_key_gate import ServerKeyGate
from service.feature import Core, Declaration, Feature, Parts
from service.server_keys import keys
from service.server_keys.checks import server_key_check
from service.server_keys.operations import ServerKeys


def build(core: Core, parts: Parts) -> Feature:
    del parts
    mac_key = core.keyring.mac_key
    server_keys = ServerKeys(core.table, core.clock, core.ids, secrets.token_bytes, mac_key)
    return Feature(
        operations={ServerKeys: server_keys, ServerKeyGate: server_keys},
        checks=(server_key_check(mac_key),),
    )


SERVER_KEYS = Declaration(name="server_keys", build=build, items=keys.ITEMS)
