"""Memory of one web process over very many requests."""

from tests.bench.load import load
from tests.bench.outside import JOB_ID, USER, order, outside
from tests.bench.report import Table
from tests.bench.web import Web, web
from tests.bench.wire import message

CLIENTS = 8
STAGES = (1_000, 10_000, 50_000, 100_000)
QUICK_STAGES = (500, 2_000)

_HEADERS = {"X-Google-ID": USER}
_READS = (message("GET", "/credits", _HEADERS), message("GET", f"/jobs/{JOB_ID}", _HEADERS))
_WRITE = message("POST", "/videos", _HEADERS, order())


def run(quick: bool) -> list[Table]:
    stages = QUICK_STAGES if quick else STAGES
    with outside() as world, web(world.environment(), WEB_CONCURRENCY="1") as server:
        rows = [("0", f"{server.resident_megabytes():.1f}", "", "")]
        rows += [
            _stage(server, done, until) for done, until in zip((0, *stages), stages, strict=False)
        ]
    title = (
        f"Memory of one web process (32 threads, {CLIENTS} connections; 1 POST /videos to 19 GETs)"
    )
    return [
        Table(
            title,
            ("requests so far", "RSS MB", "CPU µs per request since", "answers but 200"),
            rows,
        )
    ]


def _stage(server: Web, done: int, until: int) -> tuple[str, ...]:
    before = server.cpu_seconds()
    responses = load(server.port, _mixed, CLIENTS, until - done, first=done)
    cost = (server.cpu_seconds() - before) / (until - done) * 1e6
    wrong = until - done - responses.statuses[200]
    return f"{until:,}", f"{server.resident_megabytes():.1f}", f"{cost:.0f}", str(wrong)


def _mixed(number: int) -> bytes:
    """Every twentieth is an order, counted so that each connection has its share of both."""
    turn = number // CLIENTS
    return _READS[turn % 2] if turn % 20 else _WRITE
