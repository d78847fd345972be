"""Process entry: forks background workers on demand. It has read the code before, so that a start
costs no second of CPU; nothing but modules outlives a worker.

It reads lines of JSON. An object is the environment of a worker to fork, whose output goes to the
file named by `WORKER_OUTPUT`: it prints the process id, which is also that of its group. A number
is the process id of a worker that has to end by now: it prints its exit code, or minus the signal,
which is SIGKILL at the latest after the platform's stop time-out."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping

import service.worker
from tests.stack.processes import STOP_SECONDS

_POLL_SECONDS = 0.01


def main() -> int:
    """Until its input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        found = _waited(request) if isinstance(request, int) else _forked(request)
        sys.stdout.write(f"{found}\n")
        sys.stdout.flush()
    return 0


def _forked(environment: Mapping[str, str]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(_work(environment))
    os.setpgid(pid, pid)
    return pid


def _waited(pid: int) -> int:
    deadline = time.monotonic() + STOP_SECONDS["worker"]
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_POLL_SECONDS)
    os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _work(environment: Mapping[str, str]) -> int:
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(environment["WORKER_OUTPUT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, file in enumerate((nothing, output, output)):
        os.dup2(file, stream)
    return service.worker.main()


if __name__ == "__main__":
    sys.exit(main())
