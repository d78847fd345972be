"""Process entry: the background worker as a child of a process that has read the code before, and
that forks a new one whenever it is killed; for workers what gunicorn's master is for web processes.
Nothing but modules outlives a worker."""

import os
import signal
import sys

import service.worker


def main() -> int:
    """Until SIGTERM, or until a worker ends of its own accord: then with its exit code."""
    child, stopping = 0, False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os._exit(service.worker.main())
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
