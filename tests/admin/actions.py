"""Actions of an operator, and how they are recorded with a change of their own."""

from collections.abc import Mapping
from typing import Any

from service.admin.entities import Action
from service.admin.log import OperatorLog
from service.core.principal import Operator, OperatorMethod
from service.ledger.operations import Snapshot
from tests.doubles.service_harness import ServiceHarness

DESK = Operator("key:desk", OperatorMethod.SIGNATURE, 1_790_000_000_000)


def action(**changes: Any) -> Action:
    usual: dict[str, Any] = {
        "operator": DESK,
        "name": "praise",
        "subject": "ann",
        "reason": "for a test",
        "request_id": "req_1",
        "idempotency_key": "key-1",
    }
    return Action(**(usual | changes))


def record(world: ServiceHarness, wanted: Action, outcome: Mapping[str, str] | None = None) -> None:
    """Reads what the log needs and writes the record, in a transaction of its own."""
    log = world.parts.get(OperatorLog)
    wanted = log.sealed(wanted)
    writes = log.record_writes(snapshot_for(world, wanted), wanted, world.clock.now(), outcome)
    world.table.transact([each.write for each in writes])


def snapshot_for(world: ServiceHarness, wanted: Action) -> Snapshot:
    related = world.parts.get(OperatorLog).related(wanted)
    return Snapshot(None, dict(zip(related, world.table.get_together(related), strict=True)))
