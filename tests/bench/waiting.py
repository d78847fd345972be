"""Clients that keep one web process waiting: long polls, dripping bodies, large bodies. What do
they cost the others?

The others are one client that requests its credits a hundred times a second, first alone, then
while they run in turn."""

import json
import multiprocessing
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from service.core.ids import RandomIds
from tests.bench.load import load
from tests.bench.outside import BODY, USER, order, outside
from tests.bench.report import Table, percentile, spread
from tests.bench.web import Web, web
from tests.bench.wire import LOOPBACK, Wire, message

POLLERS, DRIPPERS, UPLOADERS = 1_000, 200, 8
WAIT_SECONDS = 20
UPLOAD_BYTES = 14_000_000
PAUSE_SECONDS = 0.01
DRIP_SECONDS = 0.1
SETTLING_SECONDS = 4.0
ROUNDS, ROUND_SECONDS = 3, 15.0
QUICK_ROUNDS, QUICK_ROUND_SECONDS = 1, 5.0
# As many orders, over as many connections, in each round.
ORDERS, ORDER_CLIENTS = 300, 16
OPEN_FILES = 4_096

_HEADERS = {"X-Google-ID": USER}
_CREDITS = message("GET", "/credits", _HEADERS)

# Keeps the service busy at that port until the process is ended; reports how many responses came,
# by status.
Burden = Callable[[int, Any], None]
Figures = dict[str, float]


def run(quick: bool) -> Iterator[Table]:
    rounds, seconds = (QUICK_ROUNDS, QUICK_ROUND_SECONDS) if quick else (ROUNDS, ROUND_SECONDS)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    with (
        outside(job_status="SUBMITTED") as world,
        web(world.environment(), WEB_CONCURRENCY="1") as server,
    ):
        load(server.port, lambda _: _CREDITS, 4, 200)
        for title, burden in BURDENS.items():
            yield _compared(server, title, burden, rounds, seconds)


def _compared(server: Web, title: str, burden: Burden, rounds: int, seconds: float) -> Table:
    quiet, loaded, responses = [], [], 0
    for _ in range(rounds):
        quiet.append(_measured(server, seconds))
        with _burdened(server.port, burden) as count:
            before = count.value
            loaded.append(_measured(server, seconds))
            responses += count.value - before
        time.sleep(1)
    rows = [_row("quiet", quiet), _row("beside them", loaded)]
    ratio = sum(each["p99"] for each in loaded) / sum(each["p99"] for each in quiet)
    rate = responses / rounds / seconds
    note = f"p99 beside them: {ratio:.2f} of the quiet one. They had {rate:.0f} answers a second."
    columns = (
        "",
        "GET /credits p50 ms",
        "p99 ms",
        "longest ms",
        "CPU share",
        "CPU µs of an order",
        "RSS MB",
        "not 200",
    )
    return Table(
        f"{title}, one web process ({rounds} interleaved rounds of {seconds:.0f} s)",
        columns,
        rows,
        note,
    )


def _measured(server: Web, seconds: float) -> Figures:
    cpu, started = server.cpu_seconds(), time.monotonic()
    spent, wrong = _measure(server.port, seconds)
    share = (server.cpu_seconds() - cpu) / (time.monotonic() - started)
    memory = server.resident_megabytes()
    cpu, started = server.cpu_seconds(), time.monotonic()
    done = load(
        server.port,
        lambda number: message("POST", "/videos", {}, order(str(10**20 + number))),
        ORDER_CLIENTS,
        ORDERS,
    )
    return {
        "p50": percentile(spent, 0.5),
        "p99": percentile(spent, 0.99),
        "longest": max(spent),
        "share": share,
        "order": (server.cpu_seconds() - cpu) / ORDERS * 1e6,
        "memory": memory,
        "wrong": wrong + ORDERS - done.statuses[200],
    }


def _measure(port: int, seconds: float) -> tuple[list[float], int]:
    """Milliseconds of each response, and how many were not 200."""
    wire, spent, wrong = Wire.to(port, 60), [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        wire.socket.sendall(_CREDITS)
        head, _ = wire.read()
        spent.append((time.perf_counter() - started) * 1000)
        wrong += head.split(None, 2)[1] != b"200"
        time.sleep(PAUSE_SECONDS)
    wire.socket.close()
    return spent, wrong


def _row(name: str, rounds: list[Figures]) -> tuple[str, ...]:
    digits = {"p50": 1, "p99": 1, "longest": 0, "share": 2, "order": 0, "memory": 1, "wrong": 0}
    return (
        name,
        *(spread([each[figure] for each in rounds], places) for figure, places in digits.items()),
    )


@contextmanager
def _burdened(port: int, burden: Burden) -> Iterator[Any]:
    """They are at it inside the block, in a process of their own. Yields the number of responses
    they have had."""
    count = multiprocessing.Value("l", 0)
    process = multiprocessing.Process(target=burden, args=(port, count), daemon=True)
    process.start()
    time.sleep(SETTLING_SECONDS)
    try:
        yield count
    finally:
        process.kill()
        process.join()


def _poll(port: int, count: Any) -> None:
    """Each waits for a job of its own, again and again."""
    ids = RandomIds()
    waiting = selectors.DefaultSelector()
    for number in range(POLLERS):
        # Each for a user of its own: one user may hold a few.
        headers = {"X-Google-ID": str(10**20 + number)}
        path = f"/jobs/{ids.new('job', int(time.time() * 1000))}?wait={WAIT_SECONDS}"
        wire, request = Wire.to(port, 60), message("GET", path, headers)
        wire.socket.sendall(request)
        waiting.register(wire.socket, selectors.EVENT_READ, (wire, request))
        time.sleep(SETTLING_SECONDS / POLLERS / 2)
    while True:
        for key, _ in waiting.select():
            wire, request = key.data
            wire.read()
            count.value += 1
            wire.socket.sendall(request)


def _drip(port: int, count: Any) -> None:
    """Each sends a byte of its body ten times a second, and comes again when it is cut."""
    head = (
        message("POST", "/videos", _HEADERS, b"{")
        .removesuffix(b"{")
        .replace(b"Content-Length: 1", b"Content-Length: 1000")
    )
    clients: list[socket.socket | None] = [None] * DRIPPERS
    while True:
        for number, client in enumerate(clients):
            try:
                if client is None:
                    clients[number] = client = socket.create_connection((LOOPBACK, port), 5)
                    client.sendall(head)
                client.send(b" ")
                client.settimeout(0)
                count.value += bool(client.recv(65536))
                clients[number] = None
            except BlockingIOError:
                pass
            except OSError:
                clients[number] = None
            time.sleep(DRIP_SECONDS / DRIPPERS)


def _upload(port: int, count: Any) -> None:
    """Each sends a body that is refused once it has been read and understood."""
    image = "A" * UPLOAD_BYTES
    request = message(
        "POST", "/videos", {}, json.dumps(BODY | {"imageUrl": image, "unknown": 1}).encode()
    )
    with ThreadPoolExecutor(UPLOADERS) as executor:
        list(executor.map(lambda _: _upload_on(port, request, count), range(UPLOADERS)))


def _upload_on(port: int, request: bytes, count: Any) -> None:
    while True:
        with suppress(OSError):
            wire = Wire.to(port, 60)
            while True:
                wire.socket.sendall(request)
                wire.read()
                with count.get_lock():
                    count.value += 1


BURDENS: Mapping[str, Burden] = {
    f"{POLLERS:,} long polls held (`?wait={WAIT_SECONDS}`)": _poll,
    f"{DRIPPERS} clients that drip their bodies": _drip,
    f"{UPLOADERS} clients that upload 14 MB without a pause": _upload,
}
