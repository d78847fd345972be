"""Calls and capacity units of each route and of a job's whole life, metered on DynamoDB Local."""

from collections import Counter
from collections.abc import Callable

from service.core.principal import Principal
from service.providers.base import TaskStatus
from tests.bench.report import Table
from tests.bench.storage import dynamodb
from tests.doubles.meter import Bill, Meter
from tests.doubles.service_harness import ServiceHarness

USER = "110248495921238986420"
KEY = "5f0f3f0e-8a37-4a4b-9d0c-1f1f7a7f0b11"


def run(quick: bool) -> list[Table]:
    """Counting takes no time: `quick` changes nothing."""
    del quick
    with dynamodb() as place:
        world = place.world()
        rows = _Costs(world, place.meter(world)).rows()
    columns = ("what", "calls", "which", "read units", "write units")
    note = (
        "Units are computed from item sizes by AWS's rules, because DynamoDB Local "
        "reports too few for transactions. "
        "On-demand prices are per unit; a strongly consistent read of up to 4 KB is one "
        "read unit. A sign-up happens once, within "
        "a user's first order."
    )
    return [Table("DynamoDB calls and capacity units", columns, rows, note)]


class _Costs:
    def __init__(self, world: ServiceHarness, meter: Meter) -> None:
        self._world = world
        self._meter = meter

    def rows(self) -> list[tuple[str, ...]]:
        world = self._world
        sign_up = self._bill(
            lambda: world.users.sign_up(_principal(), world.users.digests("phone"))
        )
        first = self._bill(lambda: world.submit("newcomer", device="a device of theirs"))
        order = self._bill(lambda: world.submit(USER))
        keyed = self._bill(lambda: world.submit(USER, key=KEY))
        job_id = world.submit(USER).job.job_id
        query = self._bill(lambda: world.settlement.resolve(USER, job_id))
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        capture = self._bill(lambda: world.settlement.resolve(USER, job_id))
        placed: list[str] = []
        on_tablet = self._bill(
            lambda: placed.append(world.submit(USER, device="tablet").job.job_id)
        )
        world.provider.book(placed[0], TaskStatus.SUCCEEDED)
        first_capture = self._bill(lambda: world.settlement.resolve(USER, placed[0]))
        failed = world.submit(USER).job.job_id
        world.provider.book(failed, TaskStatus.FAILED)
        bills = {
            "sign-up": sign_up,
            "POST /videos, a user's first, including sign-up": first,
            "POST /videos": order,
            "POST /videos with an Idempotency-Key": keyed,
            "POST /videos again with the same key": self._bill(lambda: world.submit(USER, key=KEY)),
            "POST /videos from a new device": on_tablet,
            "GET /jobs/{id}": self._bill(lambda: world.jobs.get(USER, job_id)),
            "GET /credits": self._bill(lambda: world.ledger.balance(USER)),
            "GET /jobs, a page of 20": self._bill(lambda: world.jobs.page(USER, 20, None)),
            "worker: a fetch that finds the task still running": query,
            "worker: capture": capture,
            "worker: the first capture on a new device": first_capture,
            "worker: release": self._bill(lambda: world.settlement.resolve(USER, failed)),
            "worker: a sweep with nothing due": self._bill(world.work),
            "**finished job, from submission to capture**": _sum(order, capture),
            "**the same with an Idempotency-Key**": _sum(keyed, capture),
        }
        return [_row(what, bill) for what, bill in bills.items()]

    def _bill(self, act: Callable[[], object]) -> Bill:
        with self._meter.watch() as bill:
            act()
        return bill


def _principal() -> Principal:
    return Principal("https://accounts.google.com", USER, f"{USER}@example.com")


def _sum(*bills: Bill) -> Bill:
    return Bill(
        [call for bill in bills for call in bill.calls],
        sum(bill.writes for bill in bills),
        sum(bill.reads for bill in bills),
    )


def _row(what: str, bill: Bill) -> tuple[str, ...]:
    which = ", ".join(
        f"{count} {name}" if count > 1 else name for name, count in Counter(bill.calls).items()
    )
    return what, str(len(bill.calls)), which, f"{bill.reads:g}", str(bill.writes)
