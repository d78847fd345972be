"""`make drain`: deployments under load, behind a real balancer, without one failed request."""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.errors import LocalSetupError
from devstack.terminal import output
from tests.container.engine import PRODUCTION, CheckFailed, Unavailable, provide
from tests.container.images import build, provide_base
from tests.drain.balancer import haproxy
from tests.drain.containers import Containers
from tests.drain.outcome import Plan
from tests.drain.rehearsal import rehearse
from tests.stack.launcher import Launcher
from tests.stack.processes import Processes

_FAULTS_SHOWN = 20
_LINES_SHOWN = 60


def main() -> int:
    """0: nothing failed; 1: something did, and is named; 2: it cannot be tried here."""
    given = _arguments()
    program = haproxy()
    if program is None:
        sys.stderr.write(
            "HAProxy is not here and cannot be installed (Debian: apt-get install haproxy).\n"
        )
        return 2
    try:
        with _containers() if given.containers else Processes() as launcher:
            return _rehearse(program, launcher, given)
    except Unavailable as reason:
        sys.stderr.write(f"Containers cannot be had here, for {reason}.\n")
        return 2
    except (CheckFailed, LocalSetupError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drain", description=__doc__)
    parser.add_argument(
        "--containers",
        action="store_true",
        help="of the production image, not processes of this checkout",
    )
    parser.add_argument(
        "--replacements", type=int, default=100, help="of web, relay and worker (%(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=4, help="so many of each are replaced at once (%(default)s)"
    )
    parser.add_argument("--processes", type=int, default=2, help="of each web (%(default)s)")
    parser.add_argument(
        "--drain-seconds", type=float, default=2, help="more on a crowded machine (%(default)s)"
    )
    parser.add_argument(
        "--clients",
        type=int,
        default=6,
        help="for videos; as many read texts, and as many speak (%(default)s)",
    )
    parser.add_argument(
        "--seconds", type=float, default=3600, help="begin no deployment after that (%(default)s)"
    )
    return parser.parse_args()


def _rehearse(program: str, launcher: Launcher, given: argparse.Namespace) -> int:
    say = output().say
    plan = Plan(
        math.ceil(given.replacements / given.size),
        given.size,
        given.clients,
        given.seconds,
        given.drain_seconds,
    )
    outcome = rehearse(program, plan, launcher, say, WEB_CONCURRENCY=str(given.processes))
    if outcome.faults:
        say("\n".join(["The last warnings:", *outcome.log[-_LINES_SHOWN:]]))
    for fault in outcome.faults[:_FAULTS_SHOWN]:
        say(f"FAULT  {fault}")
    say(outcome.summary())
    return 1 if outcome.faults else 0


@contextmanager
def _containers() -> Iterator[Launcher]:
    """Builds the production image first."""
    with tempfile.TemporaryDirectory() as folder:
        engine = provide(Path(folder))
        build(engine, "production", PRODUCTION, provide_base(engine, output().say))
        with Containers(engine) as launcher:
            yield launcher


if __name__ == "__main__":
    sys.exit(main())
