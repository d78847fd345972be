"""Process entry `python -m devstack.dynamodb`: DynamoDB Local on loopback, without Docker and
without an installed Java.

It prints one line, `ready http://127.0.0.1:PORT`, when it accepts requests, and stops cleanly on
SIGTERM or SIGINT."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Self

from devstack.child import Child, Program
from devstack.errors import LocalSetupError
from devstack.jars import cache_directory, provide_jars
from devstack.jvm import JavaServer, end_process, start_jvm
from devstack.locks import locked_file
from devstack.ports import LOOPBACK, require_free
from devstack.terminal import complain, output
from service.core.clock import SystemClock
from service.settings import process_environment

READY = "ready "
# Ends what hangs: several start at once on a busy machine.
START_SECONDS = 180.0
# Long, because SIGKILL loses acknowledged writes.
STOP_SECONDS = 60.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def command(port: int, path: Path | None, jars: Path) -> tuple[str, ...]:
    """The command line of this process entry. Data is in memory if `path` is None; the port is a
    free one if `port` is 0."""
    storage = ("--in-memory",) if path is None else ("--path", str(path))
    return (
        sys.executable,
        "-m",
        "devstack.dynamodb",
        "--port",
        str(port),
        *storage,
        "--jars",
        str(jars),
    )


class DynamoDbLocal:
    """DynamoDB Local for the life of a `with` block: `with DynamoDbLocal() as db: … db.url`.

    Data is stored below `path`, or in memory. The server ends with the block or with this process,
    even if that is killed."""

    def __init__(
        self, path: Path | None = None, *, port: int = 0, jars: Path | None = None
    ) -> None:
        self._path = path
        self._port = port
        self._jars = jars
        self._lines: Queue[str] = Queue()
        self._child: Child | None = None
        self.url = ""

    def __enter__(self) -> Self:
        """Raises `LocalSetupError`, with its last lines of output, if it does not start within a
        minute."""
        jars = self._jars or _cached_jars()
        line = (*command(self._port, self._path, jars), "--while-input-open")
        self._child = Child(
            Program("dynamodb", line, process_environment(), STOP_SECONDS), self._lines.put
        )
        try:
            self.url = self._ready_url(self._child)
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._child:
            self._child.stop()

    @property
    def pid(self) -> int:
        """The process id of the server; 0 before it is started."""
        return self._child.pid if self._child else 0

    def _ready_url(self, child: Child) -> str:
        clock = SystemClock()
        deadline = clock.monotonic() + START_SECONDS
        while clock.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.1)
            except Empty:
                if child.running:
                    continue
                break
            if line.startswith(READY):
                return line.removeprefix(READY)
        raise LocalSetupError(
            f"DynamoDB Local did not start; its last output: {child.tail() or 'none'}"
        )


def _cached_jars() -> Path:
    return provide_jars(cache_directory(process_environment().get("XDG_CACHE_HOME", "")))


def serve(port: int, path: Path | None, jars: Path) -> None:
    """Serves the data below `path` (None: in memory) until a signal to stop.

    Raises `LocalSetupError` if it cannot start.
    """
    # Every thread that Java starts inherits the mask, so that only `sigwait` receives the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    if port:
        require_free(port, "DYNAMODB_PORT", "make run")
    with _locked_data(path) as storage:
        start_jvm(jars)
        server = JavaServer([*storage, "-sharedDb", "-disableTelemetry"], port)
        chosen = server.start()
        output().say(f"{READY}http://{LOOPBACK}:{chosen}")
        signal.sigwait(_STOP_SIGNALS)
        server.stop()


@contextmanager
def _locked_data(path: Path | None) -> Iterator[list[str]]:
    """The server's arguments. Locks the folder: two servers on the same files would corrupt
    them."""
    if path is None:
        yield ["-inMemory"]
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalSetupError(f"The data cannot be kept in {path}: {error}.") from error
    with locked_file(
        path / ".lock", f"Another DynamoDB Local already serves the data in {path}; stop it first."
    ):
        yield ["-dbPath", str(path)]


def _stop_when_input_ends() -> None:
    """Stops this process when its parent has ended: the system then closes our standard input."""
    while sys.stdin.buffer.read(1):
        pass
    main_thread = threading.main_thread().ident
    if main_thread is not None:
        signal.pthread_kill(main_thread, signal.SIGTERM)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m devstack.dynamodb", description="DynamoDB Local on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one (default)")
    storage = parser.add_mutually_exclusive_group()
    storage.add_argument("--in-memory", action="store_true", help="keep nothing (default)")
    storage.add_argument("--path", type=Path, help="keep the data in this folder")
    parser.add_argument(
        "--jars",
        type=Path,
        help="folder with the archives; default: the user's cache, filled if necessary",
    )
    parser.add_argument(
        "--while-input-open", action="store_true", help="stop when standard input ends"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Serves until stopped. Returns 1, with one sentence on standard error, if it cannot start."""
    options = _arguments(arguments)
    try:
        if options.while_input_open:
            threading.Thread(target=_stop_when_input_ends, daemon=True).start()
        serve(options.port, options.path, options.jars or _cached_jars())
    except LocalSetupError as error:
        complain(error)
        return 1
    return 0


if __name__ == "__main__":
    end_process(main(sys.argv[1:]))
