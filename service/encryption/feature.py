"""Encryption: the users' data keys as items."""

from service.encryption import keys
from service.encryption.checks import data_key_checks
from service.encryption.commands import COMMANDS
from service.encryption.operations import Rewrapping
from service.feature import Core, Declaration, Feature, Parts


def build(core: Core, parts: Parts) -> Feature:
    del parts
    return Feature(
        operations={Rewrapping: Rewrapping(core.table, core.data_keys, core.clock)},
        checks=data_key_checks(),
    )


ENCRYPTION = Declaration(
    name="encryption", build=build, items=keys.ITEMS, commands={"Encryption": COMMANDS}
)
