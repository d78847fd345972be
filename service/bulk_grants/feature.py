"""Bulk grants: their operations, and the sweep that makes them."""

from service.bulk_grants import keys
from service.bulk_grants.checks import bulk_checks
from service.bulk_grants.operations import BulkGrants
from service.bulk_grants.part_runs import Limits, PartRuns
from service.bulk_grants.settings import BulkGrantsSettings
from service.bulk_grants.sweeps import DueBulkGrants
from service.core.sweep import Background
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.operations import Ledger


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(BulkGrantsSettings)
    limits = Limits(settings.bulk_run_seconds, settings.bulk_lease_seconds)
    mac_key = core.keyring.mac_key
    runs = PartRuns(core.table, parts.get(Ledger), core.clock, core.metrics, limits, mac_key)

    def sweeps(background: Background) -> tuple[DueBulkGrants]:
        due = DueBulkGrants(
            core.table,
            runs,
            core.clock,
            background.pool("bulk", settings.bulk_threads),
            background.stopping,
            settings.bulk_interval_seconds,
        )
        return (due,)

    return Feature(
        operations={
            BulkGrants: BulkGrants(core.table, core.clock, core.ids, mac_key),
            PartRuns: runs,
        },
        sweeps=sweeps,
        checks=bulk_checks(mac_key),
    )


BULK_GRANTS = Declaration(
    name="bulk_grants",
    build=build,
    settings=BulkGrantsSettings,
    items=keys.ITEMS,
    due=keys.DUE,
)
