"""The audit: proves the whole table, once or day by day, and prints one user's ledger."""

from service.audit.commands import COMMANDS
from service.audit.operations import Auditor
from service.audit.proofs import Checks
from service.feature import Core, Declaration, Feature, Parts


def build(core: Core, parts: Parts) -> Feature:
    checks = Checks(core.keys, parts.checks)
    auditor = Auditor(core.table, core.clock, core.metrics, checks)
    return Feature(operations={Auditor: auditor, Checks: checks})


AUDIT = Declaration(name="audit", build=build, commands=COMMANDS)
