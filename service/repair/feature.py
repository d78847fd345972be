"""The repair of a table that a restore has torn."""

from service.audit.commands import TableRepair
from service.audit.proofs import Checks
from service.core.amounts import amount_of
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.entities import Times
from service.jobs.work import Operations
from service.ledger.operations import Ledger
from service.repair.account_records import RepairContext
from service.repair.operations import Repair
from service.users.settings import UsersSettings


def build(core: Core, parts: Parts) -> Feature:
    context = RepairContext(
        core.keyring.mac_key,
        parts.get(Checks),
        core.keyring.peppers,
        parts.get(Times),
        amount_of(core.section(UsersSettings).welcome_credits),
        parts.get(Operations).only(),
    )
    repair = Repair(core.table, parts.get(Ledger), core.clock, context)
    return Feature(operations={Repair: repair, TableRepair: repair})


REPAIR = Declaration(name="repair", build=build)
