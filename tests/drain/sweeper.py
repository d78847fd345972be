"""Process entry `python -m tests.drain.sweeper ENGINE PREFIX`: when its input ends, however that
comes, it removes every container whose name begins so. It is held by whoever starts them."""

import signal
import sys

from service.core.clock import Clock, SystemClock
from service.settings import process_environment
from tests.container.engine import Engine

_MAX_PASSES = 10
_PAUSE_SECONDS = 1.0


def sweep(engine: Engine, prefix: str, clock: Clock) -> None:
    """Looks until there are none twice in a row: one may have been on its way when its starter
    died."""
    quiet = 0
    for _ in range(_MAX_PASSES):
        found = engine.call("ps", "--all", "--quiet", "--filter", f"name=^{prefix}").stdout.split()
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            return
        engine.remove(*found)
        clock.sleep(_PAUSE_SECONDS)
    raise TimeoutError(f"containers {prefix}… come back")


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    sweep(Engine(sys.argv[1], process_environment()), sys.argv[2], SystemClock())
