"""The background worker: runs every feature's sweeps until it is stopped. Any number of workers may
run; any may die anywhere."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import structlog

from service.app import build, load_settings
from service.core.errors import FareboxError
from service.core.logs import configure
from service.core.metrics import Metrics
from service.core.settings import SettingsError
from service.core.sweep import Background, Sweep, run_until
from service.ledger.scale import check_scale

log = structlog.get_logger()


def main() -> int:
    """Runs until SIGTERM or SIGINT, finishes the jobs at hand and leaves the rest of the batch to
    others. 0 when it was stopped, 1 when it could not start."""
    try:
        settings = load_settings()
        configure(settings.core.log_level, settings.core.log_format)
        parts = build(settings, service="worker")
        check_scale(parts.core.table)
    except (SettingsError, FareboxError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with background(stop.is_set) as lent:
        sweeps = parts.sweeps(lent)
        log.info("worker_started", sweeps=[sweep.name for sweep in sweeps])
        run_all(stop, sweeps, parts.core.metrics)
    log.info("worker_stopped")
    return 0


@contextmanager
def background(stopping: Callable[[], bool]) -> Iterator[Background]:
    """Pools of threads for sweeps; what was begun in them ends before the block does."""
    with ExitStack() as pools:

        def pool(name: str, threads: int) -> Executor:
            return pools.enter_context(ThreadPoolExecutor(threads, thread_name_prefix=name))

        yield Background(pool, stopping)


def run_all(stop: threading.Event, sweeps: Sequence[Sweep], metrics: Metrics) -> None:
    """Each sweep in a thread of its own, so that none waits for another. Returns once `stop` is set
    and every sweep has finished what it was doing."""
    threads = [
        threading.Thread(target=run_until, args=(stop, sweep, metrics), name=sweep.name)
        for sweep in sweeps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
