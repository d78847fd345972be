"""`make bench`: what the service costs. `python -m tests.bench [names] [--quick]`.

Bounded in time and number, on this machine only. Trust the ratios and the counts; the absolute
figures are this machine's."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable

from service.core.logs import configure
from tests.bench import (
    cost,
    cpu,
    growth,
    hotspots,
    litellm,
    live,
    memory,
    processes,
    startup,
    streams,
    tls,
    waiting,
    wallet,
)
from tests.bench.outside import ENVIRONMENT
from tests.bench.report import Table

EXPERIMENTS: dict[str, Callable[[bool], Iterable[Table]]] = {
    "cpu": cpu.run,
    "tls": tls.run,
    "cost": cost.run,
    "growth": growth.run,
    "wallet": wallet.run,
    "processes": processes.run,
    "memory": memory.run,
    "waiting": waiting.run,
    "startup": startup.run,
    "hotspots": hotspots.run,
    "live": live.run,
    "streams": streams.run,
}
# Runs only where it is named: it installs what it compares with.
BY_NAME_ALONE = {"litellm": litellm.run}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="What the service costs."
    )
    parser.add_argument(
        "names",
        nargs="*",
        choices=[[], *EXPERIMENTS, *BY_NAME_ALONE],
        help="which experiments; default: all",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small numbers: a look, not a figure to quote"
    )
    given = parser.parse_args(arguments)
    os.environ |= {name: value for name, value in ENVIRONMENT.items() if name.startswith("AWS_")}
    with open(os.devnull, "w") as nowhere:
        for name in given.names or EXPERIMENTS:
            configure("INFO", "json", nowhere)
            _report(name, given.quick)
    return 0


def _report(name: str, quick: bool) -> None:
    started = time.monotonic()
    for table in (EXPERIMENTS | BY_NAME_ALONE)[name](quick):
        print(table.markdown(), flush=True)
    print(f"({name}: {time.monotonic() - started:.0f} s)\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
