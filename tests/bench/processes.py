"""Many wallets at once on one and on two web processes: what a request costs must not depend on how
many there are."""

from tests.bench.load import Load, load
from tests.bench.outside import Outside, order, outside
from tests.bench.report import Table, spread
from tests.bench.web import Web, web
from tests.bench.wire import message

CLIENTS = 16
WALLETS = 1000
ROUNDS, REQUESTS = 3, 1500
QUICK_ROUNDS, QUICK_REQUESTS = 1, 400


def run(quick: bool) -> list[Table]:
    rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with outside() as world:
        measured = [
            (count, _round(world, count, requests)) for _ in range(rounds) for count in (1, 2)
        ]
    rows = [
        _row(count, [figures for number, figures in measured if number == count])
        for count in (1, 2)
    ]
    note = (
        "Clients and canned endpoints run on the same two cores, so that the second "
        "process cannot have a whole core to "
        "itself: read the CPU per request, which says what it does with a core it has."
    )
    title = (
        f"POST /videos of {WALLETS} users, {CLIENTS} connections, real gunicorn ({rounds} "
        f"interleaved rounds of {requests})"
    )
    columns = (
        "web processes",
        "requests/s",
        "CPU µs of the web processes",
        "requests/s per core used",
        "answers but 200",
    )
    return [Table(title, columns, rows, note)]


def post(number: int) -> bytes:
    user_id = str(10**20 + number % WALLETS)
    return message("POST", "/videos", {}, order(user_id))


def _round(world: Outside, processes: int, requests: int) -> tuple[Load, float]:
    """What came back, and CPU microseconds per request."""
    with web(world.environment(), WEB_CONCURRENCY=str(processes)) as server:
        load(server.port, post, CLIENTS, requests // 4)
        return measured(server, requests)


def measured(server: Web, requests: int) -> tuple[Load, float]:
    before = server.cpu_seconds()
    done = load(server.port, post, CLIENTS, requests)
    return done, (server.cpu_seconds() - before) / requests * 1e6


def _row(count: int, rounds: list[tuple[Load, float]]) -> tuple[str, ...]:
    cost = [microseconds for _, microseconds in rounds]
    wrong = sum(len(done.milliseconds) - done.statuses[200] for done, _ in rounds)
    return (
        str(count),
        spread([done.rate for done, _ in rounds], 0),
        spread(cost, 0),
        spread([1e6 / each for each in cost], 0),
        str(wrong),
    )
