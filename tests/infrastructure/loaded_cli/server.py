"""The AWS CLI with its modules loaded: to load them takes half a second, and a release calls it
fifty times.

Run by the CLI's own Python with the path of a socket, it prints `ready` and serves `client` until
its standard input ends. Each call runs in a process of its own."""

import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import NoReturn

from awscli import clidriver

_WAITING_CALLS = 8


def serve(path: str) -> None:
    clidriver.create_clidriver()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(_WAITING_CALLS)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            caller, _ = listener.accept()
            if os.fork() == 0:
                _run(caller)
            caller.close()


def _run(caller: socket.socket) -> NoReturn:
    """Runs the CLI as its own program would, and sends the exit code to the caller."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(caller, 1, 3)
    call = json.loads(caller.makefile("rb").readline())
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.update(call["environment"])
    os.chdir(call["folder"])
    sys.argv[1:] = call["arguments"]
    code = 255
    try:
        code = clidriver.main()
        sys.stdout.flush()
    except Exception:
        traceback.print_exc()
    finally:
        caller.sendall(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
