"""The background worker: looks at due jobs until it is told to stop. Any number may run; any may
die anywhere."""

import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import structlog

from service.app import build
from service.core.errors import FareboxError
from service.core.logs import configure
from service.jobs.sweeps import DueJobs
from service.settings import Settings, SettingsError

log = structlog.get_logger()


def main() -> int:
    """Runs until SIGTERM or SIGINT, finishing the jobs at hand and leaving the rest of the batch to
    others. 0 when it was told to stop, 1 when it could not start."""
    try:
        settings = Settings.from_environment()
        configure(settings.log_level, settings.log_format)
        parts = build(settings, service="worker")
    except (SettingsError, FareboxError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="resolve") as executor:
        sweep = DueJobs(
            parts.table, parts.settlement, parts.clock, parts.metrics, executor, stop.is_set
        )
        log.info("worker_started", threads=settings.worker_threads)
        run_until(stop, sweep, settings.worker_interval_seconds)
    log.info("worker_stopped")
    return 0


def run_until(stop: threading.Event, sweep: DueJobs, interval_seconds: float) -> None:
    """Round after round; at once again while there is more, else after the interval."""
    while not stop.is_set():
        more = False
        try:
            more = sweep.run_once()
        except FareboxError as error:
            log.warning("sweep_failed", reason=error.code)
        except Exception:
            log.exception("sweep_broke")
        if not more:
            stop.wait(interval_seconds)


if __name__ == "__main__":
    sys.exit(main())
