"""`python -m tests.faults.connections --count 2000 --seed 1`: that many disturbed connections with
a write each, with threads and then with greenlets.

Exit 1 when an outcome was wrong, a call took too long, or the next call failed."""

import argparse
import logging
import subprocess
import sys


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.connections", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--model", choices=("both", "threads", "greenlets"), default="both")
    given = parser.parse_args()
    if given.model == "both":
        return max(_alone(model, given.count, given.seed) for model in ("threads", "greenlets"))
    if given.model == "greenlets":
        _patch()
    return _run(given.model, given.seed, given.count)


def _alone(model: str, count: int, seed: str) -> int:
    command = [sys.executable, "-m", "tests.faults.connections", "--model", model]
    return subprocess.run([*command, "--count", str(count), "--seed", seed], check=False).returncode


def _patch() -> None:
    """As gunicorn's gevent worker does, before anything of the service is loaded."""
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()


def _run(model: str, seed: str, count: int) -> int:
    import structlog  # noqa: PLC0415 - after the patch

    from tests.faults.connections.run import crowds, run  # noqa: PLC0415

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    faults = []
    for summary in (*crowds(seed, count // 2), run(seed, count)):
        faults += summary.faults
        sys.stdout.write(f"{model}: {summary}; seed {seed}\n")
    for fault in faults[:20]:
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
