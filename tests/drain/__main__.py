"""`make drain`: deployments under load, behind a real balancer, without one failed request."""

import argparse
import math
import sys

from service.local.terminal import output
from tests.drain.balancer import haproxy
from tests.drain.rehearsal import Plan, rehearse

_FAULTS_SHOWN = 20
_LINES_SHOWN = 60


def main() -> int:
    """0: nothing failed; 1: something did, and is named; 2: it cannot be tried here."""
    parser = argparse.ArgumentParser(prog="python -m tests.drain", description=__doc__)
    parser.add_argument("--replacements", type=int, default=100, help="of web and worker (%(default)s)")
    parser.add_argument("--size", type=int, default=4, help="so many of each are replaced at once (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="of each web (%(default)s)")
    parser.add_argument("--drain-seconds", type=float, default=2, help="more on a crowded machine (%(default)s)")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=3600, help="begin no deployment after that (%(default)s)")
    given = parser.parse_args()
    say, program = output().say, haproxy()
    if program is None:
        sys.stderr.write("HAProxy is not here and cannot be installed (Debian: apt-get install haproxy).\n")
        return 2
    plan = Plan(
        math.ceil(given.replacements / given.size), given.size, given.clients, given.seconds, given.drain_seconds
    )
    outcome = rehearse(program, plan, say, WEB_CONCURRENCY=str(given.processes))
    if outcome.faults:
        say("\n".join(["The processes' last warnings:", *outcome.log[-_LINES_SHOWN:]]))
    for fault in outcome.faults[:_FAULTS_SHOWN]:
        say(f"FAULT  {fault}")
    say(outcome.summary())
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
