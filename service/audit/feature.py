"""The audit: proves the whole table, once or day by day, and prints one user's ledger."""

from service.audit import keys
from service.audit.checks import accepted_check
from service.audit.commands import COMMANDS
from service.audit.operations import Acceptance, Auditor
from service.audit.proofs import Checks
from service.feature import Core, Declaration, Feature, Parts


def build(core: Core, parts: Parts) -> Feature:
    checks, mac_key = Checks(core.keys, parts.checks), core.keyring.mac_key
    auditor = Auditor(core.table, core.clock, core.metrics, checks, mac_key)
    acceptance = Acceptance(core.table, core.clock, checks, mac_key)
    return Feature(
        operations={Auditor: auditor, Checks: checks, Acceptance: acceptance},
        checks=(accepted_check(mac_key),),
    )


AUDIT = Declaration(name="audit", build=build, items=keys.ITEMS, commands={"Audit": COMMANDS})
