"""What does not grow: the cost of a job with the number of jobs before it, the worker's with the
number that wait."""

import time
from collections.abc import Callable

from service.providers.base import TaskStatus
from tests.bench.report import Table, spread
from tests.bench.storage import dynamodb
from tests.doubles.history import write_finished_jobs
from tests.doubles.meter import Bill, Meter
from tests.doubles.service_harness import ServiceHarness

USER = "110248495921238986420"
USERS = 50
PAST, QUICK_PAST = 10_000, 200
WAITING, QUICK_WAITING = (10, 100, 1_000), (10, 50)
TIMED = 20
MAX_ROUNDS = 100


def run(quick: bool) -> list[Table]:
    return [_jobs(QUICK_PAST if quick else PAST), _worker(QUICK_WAITING if quick else WAITING)]


def _jobs(past: int) -> Table:
    with dynamodb() as place:
        world = place.world()
        meter = place.meter(world)
        world.submit(USER)
        early = _life(world, meter)
        write_finished_jobs(world, USER, past)
        late = _life(world, meter)
        audit = world.audit()
    if audit.violations:
        raise RuntimeError(f"the past is not a true one: {audit.violations[:3]}")
    rows = [("job 2 and those after it", *early), (f"job {past + 23:,} and those after it", *late)]
    columns = (
        "one user's",
        "calls a job",
        "read units",
        "write units",
        "CPU µs an order",
        "calls of GET /jobs",
        "its read units",
    )
    note = (
        f"The {past:,} jobs between are written in batches, but by the real rules: the "
        f"audit found {audit.entries:,} entries "
        f"and {audit.jobs:,} jobs in order. Calls and units are those of an order and its capture."
    )
    return Table("A user's late jobs cost what the first did", columns, rows, note)


def _life(world: ServiceHarness, meter: Meter) -> tuple[str, ...]:
    with meter.watch() as bill:
        job_id = world.submit(USER).job.job_id
        world.provider.book(job_id, TaskStatus.SUCCEEDED)
        world.settlement.resolve(USER, job_id)
    cost = [_microseconds(lambda: world.submit(USER)) for _ in range(TIMED)]
    with meter.watch() as page:
        world.jobs.page(USER, 20, None)
    return (
        str(len(bill.calls)),
        f"{bill.reads:g}",
        str(bill.writes),
        spread(cost, 0),
        str(len(page.calls)),
        f"{page.reads:g}",
    )


def _microseconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return (time.process_time() - started) * 1e6


def _worker(waiting: tuple[int, ...]) -> Table:
    rows = []
    for count in waiting:
        with dynamodb() as place:
            world = place.world()
            _let_wait(world, count)
            calls = _counted(world)
            started = time.process_time()
            rounds = next(number for number in range(1, MAX_ROUNDS) if not world.work())
            cost = (time.process_time() - started) / count * 1e6
            each = len(calls.calls) / count
            settled = sum(world.balance(_user(number))[2] for number in range(min(USERS, count)))
        rows.append((f"{count:,}", f"{settled:,}", str(rounds), f"{each:.2f}", f"{cost:.0f}"))
    columns = (
        "due jobs waiting",
        "settled",
        "rounds",
        "DynamoDB calls per settled job",
        "CPU µs per settled job",
    )
    note = (
        "Three calls settle a job; the rest is the four queries of each round, shared by up "
        "to a hundred jobs."
    )
    return Table("The worker's cost per job does not grow with the queue", columns, rows, note)


def _let_wait(world: ServiceHarness, count: int) -> None:
    for number in range(count):
        user_id = _user(number)
        world.provider.book(world.submit(user_id, device=user_id).job.job_id, TaskStatus.SUCCEEDED)
    world.clock.advance(30)


def _user(number: int) -> str:
    return f"user-{number % USERS}"


def _counted(world: ServiceHarness) -> Bill:
    """Counts calls and nothing else, so that counting costs no time worth speaking of."""
    bill = Bill()
    world.wire().before(bill.calls.append)
    return bill
