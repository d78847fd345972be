"""Where the CPU time of an order goes: the profiler's shares, by the doors that it passes."""

import cProfile
import os
import pstats
import time
from collections.abc import Mapping

from tests.bench.contestants import POST, ours
from tests.bench.outside import outside
from tests.bench.report import Table

REQUESTS, QUICK_REQUESTS = 600, 100
WARM_UP = 30

# What each step is, by the function that does it (file, name): time inside it, with all it calls.
STEPS: Mapping[str, tuple[str, str]] = {
    "DynamoDB: three calls": ("storage/table.py", "_send"),
    "Kling: one call on a connection of its own": ("providers/http.py", "send_once"),
    "body: read, parsed strictly, schema": ("web/body.py", "read_body"),
    "sign-in": ("identity/enforcement.py", "decide"),
    "request log and metrics of the request": ("web/request_log.py", "finish"),
    "response as JSON": ("web/responses.py", "success"),
}
WHOLE = ("bench/contestants.py", "call")
PARTS = (
    "botocore",
    "urllib3",
    "requests",
    "flask",
    "werkzeug",
    "structlog",
    "marshmallow",
    "/service/",
)
REST = "Python's own library and built-ins"


def run(quick: bool) -> list[Table]:
    count = QUICK_REQUESTS if quick else REQUESTS
    with outside() as world, open(os.devnull, "w") as nowhere:
        call = ours(world, nowhere)[POST]
        for _ in range(WARM_UP):
            call()
        with cProfile.Profile(time.process_time) as profile:
            for _ in range(count):
                call()
    stats = pstats.Stats(profile)
    return [_steps(stats), _packages(stats)]


def _steps(stats: pstats.Stats) -> Table:
    whole = _inside(stats, WHOLE)
    shares = {what: _inside(stats, where) / whole for what, where in STEPS.items()}
    shares["the rest: Flask, the job, the ledger, wiring"] = 1 - sum(shares.values())
    rows = [(what, f"{share:.0%}") for what, share in shares.items()]
    return Table("Where an order's time goes, by step", ("step", "share of the time"), rows)


def _packages(stats: pstats.Stats) -> Table:
    spent = dict.fromkeys((*PARTS, REST), 0.0)
    for (file, _, _), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        spent[next((part for part in PARTS if part in file), REST)] += own
    whole = sum(spent.values())
    rows = [
        (part.strip("/"), f"{own / whole:.0%}")
        for part, own in sorted(spent.items(), key=lambda pair: -pair[1])
    ]
    note = (
        "Own time only. The profiler makes calls dearer than they are, so that code with "
        "many small functions looks worse."
    )
    return Table(
        "Where an order's time goes, by package", ("package", "share of the time"), rows, note
    )


def _inside(stats: pstats.Stats, where: tuple[str, str]) -> float:
    """Seconds inside that function. Raises `LookupError` if it was never called."""
    path, name = where
    found = [
        spent[3]
        for (file, _, called), spent in stats.stats.items()
        if file.endswith(path) and called == name
    ]  # type: ignore[attr-defined]
    if not found:
        raise LookupError(f"{path} has no {name} that was called")
    return float(sum(found))
