"""One wallet under fifty requests at once: the real web processes on DynamoDB Local."""

from tests.bench.load import Load, load
from tests.bench.outside import USER, order, outside
from tests.bench.report import Table
from tests.bench.storage import ScanCursor, dynamodb
from tests.bench.web import web
from tests.bench.wire import message

CLIENTS = 50
REQUESTS, QUICK_REQUESTS = 500, 50
CREDITS = 10_000


def run(quick: bool) -> list[Table]:
    rows = []
    for processes in (1, 2):
        with dynamodb() as place, outside() as world:
            own = {"DYNAMODB_ENDPOINT_URL": place.url, "DYNAMODB_TABLE_NAME": place.table_name}
            environment = world.environment() | own | {"WELCOME_CREDITS": str(CREDITS)}
            with web(environment, WEB_CONCURRENCY=str(processes)) as server:
                load(server.port, _order, 1, 1)
                done = load(server.port, _order, CLIENTS, QUICK_REQUESTS if quick else REQUESTS)
            rows.append(_row(processes, done, place))
    columns = ("web processes", "answers", "p50 ms", "p99 ms", "orders/s", "credits held", "audit")
    note = (
        "One user's orders go one after the other, whatever the number of processes: "
        "this is the least favourable load there "
        "is. Clients, DynamoDB Local (Java) and the service share two cores. One of the "
        "credits held is that of the sign-up order."
    )
    return [Table(f"One wallet, {CLIENTS} requests at once", columns, rows, note)]


def _order(number: int) -> bytes:
    del number
    return message("POST", "/videos", {"X-Google-ID": USER}, order())


def _row(processes: int, done: Load, place: ScanCursor) -> tuple[str, ...]:
    """Raises `RuntimeError` if a response names a job whose credit is not held, or if the audit
    finds anything."""
    world = place.world()
    _, held, _ = world.balance(USER)
    audit = world.audit()
    if held < 1 + done.statuses[200] or audit.violations:
        raise RuntimeError(
            f"{held} credits are held for {1 + done.statuses[200]} orders; {audit.violations[:3]}"
        )
    proved = f"{audit.entries:,} entries in order"
    return (
        str(processes),
        done.summary(),
        done.at(0.5),
        done.at(0.99),
        f"{done.rate:.0f}",
        str(held),
        proved,
    )
