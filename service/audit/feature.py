"""The audit: proves the whole table, once or day by day, and prints one user's ledger."""

from service.audit.commands import COMMANDS
from service.audit.kinds import ItemKinds
from service.audit.operations import Auditor
from service.feature import Core, Declaration, Feature, Parts


def build(core: Core, parts: Parts) -> Feature:
    kinds = ItemKinds(core.keys, parts.checks)
    auditor = Auditor(core.table, core.clock, core.metrics, core.keyring.mac_key, kinds)
    return Feature(operations={Auditor: auditor})


AUDIT = Declaration(name="audit", build=build, commands=COMMANDS)
