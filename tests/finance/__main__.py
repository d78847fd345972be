"""`python -m tests.finance [--payments 5000] [--seed 1]`: a month of random payments over the table
in memory, and its report compared with the books of the simulated Stripe, to the cent. Exit 1 where
they differ, or where the report finds a difference that is none."""

import argparse
import sys
import time

import structlog

from tests.finance.random_month import BEFORE, MONTH, RandomMonth, totals_of, totals_reported


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.finance", description=__doc__)
    parser.add_argument("--payments", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    structlog.configure(processors=[_silent])
    began = time.monotonic()
    world = RandomMonth(given.payments, given.seed, users=max(20, given.payments // 50))
    _say(f"{len(world.paid)} payments made in {time.monotonic() - began:.0f} s")
    faults: list[str] = []
    lines = 0
    for month in (BEFORE, MONTH):
        report = world.report(month)
        lines += len(report.lines)
        faults += [str(each) for each in report.differences]
        if totals_reported(report) != totals_of(world.account, month):
            faults.append(f"{month}: {totals_reported(report)} {totals_of(world.account, month)}")
    for fault in faults:
        _say(f"DIFFERS  {fault}")
    seconds = time.monotonic() - began
    _say(
        f"finance: {len(world.paid)} payments, {lines} balance transactions, {len(faults)} "
        f"differences (seed {given.seed}); {seconds:.0f} s"
    )
    return 1 if faults else 0


def _silent(_: object, __: str, ___: object) -> str:
    raise structlog.DropEvent


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
