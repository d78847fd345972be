"""CPU per request of the service, the floor and the naive service, in interleaved rounds."""

import os
import statistics
import time
from collections.abc import Mapping

from tests.bench.contestants import POST, Call, Calls, floor, naive, ours, recorded
from tests.bench.outside import outside
from tests.bench.report import Table, spread

ROUNDS, REQUESTS = 15, 100
QUICK_ROUNDS, QUICK_REQUESTS = 5, 40
WARM_UP = 10
TURN = 5
SERVICE = "service"
COLUMNS = ("path", "who", "CPU µs", "requests/s per core", "the service's requests/s by its")


def run(quick: bool) -> list[Table]:
    rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with outside() as world, open(os.devnull, "w") as nowhere:
        service = ours(world, nowhere)
        sent = recorded(service)
        contestants: Mapping[str, Calls] = {
            SERVICE: service,
            "floor": floor(world, sent),
            "floor, tuned": floor(world, sent, tuned=True),
            "naive service": naive(world),
        }
        rows = [row for path in service for row in compared(path, contestants, rounds, requests)]
    title = f"CPU per request ({rounds} interleaved rounds of {requests})"
    note = (
        "Requests per second per core is what one core would serve if it did nothing else: "
        "1 s by the CPU per request."
    )
    return [Table(title, COLUMNS, rows, note)]


def compared(
    path: str, contestants: Mapping[str, Calls], rounds: int, requests: int
) -> list[tuple[str, ...]]:
    """A row for each contestant that has this path; "service" must be one."""
    calls = {name: paths[path] for name, paths in contestants.items() if path in paths}
    return _rows(path, _measured(calls, rounds, requests))


def _measured(calls: Mapping[str, Call], rounds: int, requests: int) -> dict[str, list[float]]:
    """Microseconds per request by contestant, one figure a round. Within a round they take short
    alternation, so that other load on the machine affects all of them alike."""
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        _cpu_seconds(call, WARM_UP)
    for _ in range(rounds):
        spent = dict.fromkeys(calls, 0.0)
        for _ in range(requests // TURN):
            for name, call in calls.items():
                spent[name] += _cpu_seconds(call, TURN)
        for name, seconds in spent.items():
            measured[name].append(seconds / requests * 1e6)
    return measured


def _cpu_seconds(call: Call, requests: int) -> float:
    """CPU time of this process, user and system; the canned endpoints' own is not in it."""
    started = time.process_time()
    for _ in range(requests):
        call()
    return time.process_time() - started


def _rows(path: str, measured: Mapping[str, list[float]]) -> list[tuple[str, ...]]:
    rows = []
    for name, figures in measured.items():
        ratios = [theirs / own for theirs, own in zip(figures, measured[SERVICE], strict=True)]
        ratio = "1" if name == SERVICE else spread(ratios)
        if path != POST and name != SERVICE:
            ratio += f"; the service takes {1 / statistics.median(ratios):.2f} times it"
        rows.append(
            (path, name, spread(figures, 0), f"{1e6 / statistics.median(figures):.0f}", ratio)
        )
    return rows
