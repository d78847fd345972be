"""Process entry `python -m service.local.dynamodb`: DynamoDB Local, on loopback only, without Docker or a Java of one's own.

It prints one line, `ready http://127.0.0.1:PORT`, once it answers, and stops cleanly on SIGTERM or SIGINT.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from service.local.errors import LocalSetupError
from service.local.jars import cache_directory, provide_jars
from service.local.jvm import JavaServer, start_jvm
from service.local.locks import locked_file
from service.local.ports import LOOPBACK, require_free

READY = "ready "
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(port: int, path: Path | None, jars: Path) -> None:
    """Serves the data below `path` (None: in memory, gone at the end) until this process is told to stop.

    Raises `LocalSetupError` if it cannot start.
    """
    # Blocked here, the signals are blocked in every thread that Java starts, and none is lost before `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    if port:
        require_free(port, "DYNAMODB_PORT", "make run")
    with _place(path) as place:
        start_jvm(jars)
        server = JavaServer([*place, "-sharedDb", "-disableTelemetry"], port)
        chosen = server.start()
        print(f"{READY}http://{LOOPBACK}:{chosen}", flush=True)
        signal.sigwait(_STOP_SIGNALS)
        server.stop()


@contextmanager
def _place(path: Path | None) -> Iterator[list[str]]:
    """The server's arguments. A folder is locked: two servers on the same files would destroy them."""
    if path is None:
        yield ["-inMemory"]
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalSetupError(f"The data cannot be kept in {path}: {error}.") from error
    with locked_file(path / ".lock", f"Another DynamoDB Local already serves the data in {path}; stop it first."):
        yield ["-dbPath", str(path)]


def _stop_when_input_ends() -> None:
    """The system closes our standard input when the process that holds its other end dies, however it dies."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m service.local.dynamodb", description="DynamoDB Local on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one (default)")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--in-memory", action="store_true", help="keep nothing (default)")
    place.add_argument("--path", type=Path, help="keep the data in this folder")
    parser.add_argument(
        "--jars", type=Path, help="folder with the archives; default: the user's cache, filled if need be"
    )
    parser.add_argument("--while-input-open", action="store_true", help="stop when standard input ends")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Serves until stopped; 1 and one sentence on standard error if it cannot."""
    given = _arguments(arguments)
    try:
        if given.while_input_open:
            Thread(target=_stop_when_input_ends, daemon=True).start()
        serve(given.port, given.path, given.jars or provide_jars(cache_directory()))
    except LocalSetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
