"""The tools of a `Machine`: each is a shell script that sends its call to this process, which is
much cheaper than a Python process for each of the fifty calls of a deployment."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from devstack.ports import LOOPBACK
from tests.release.pretended_aws import TOOLS, Account, Call, Result, called

# A call is sent as the number of arguments, the tool, the arguments and the standard input; the
# result returns as exit code, errors and output, with a zero byte after each but the last. This
# process cannot open a pipe of the script that calls, so the content is sent in place of its name.
# `read` fails at the end of its input, with everything read.
_SCRIPT = """#!/usr/bin/env bash
arguments=() input=
for argument; do
    case $argument in
        file:///dev/*) IFS= read -r -d '' argument <"${{argument#file://}}" || : ;;
    esac
    arguments+=("$argument")
done
if [ "$1" = login ]; then IFS= read -r -d '' input || :; fi
exec 3<>/dev/tcp/{host}/{port} || exit 1
printf '%s\\0' "${{#arguments[@]}}" {tool} "${{arguments[@]}}" "$input" >&3
IFS= read -r -d '' code <&3 || exit 1
IFS= read -r -d '' errors <&3 || exit 1
printf '%s' "$errors" >&2
[ "$code" = 0 ] || exit "$code"
exec cat <&3
"""


class ToolServer:
    """Writes the tools into a folder and serves their calls, one at a time, between `start` and
    `stop`."""

    def __init__(self, folder: Path) -> None:
        self._account: Account = {}
        # Two tools of one pipe use the account at the same time.
        self._lock = threading.Lock()
        self._server = _Server((LOOPBACK, 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        host, port = self._server.server_address[:2]
        for tool in TOOLS:
            script = folder / tool
            script.write_text(_SCRIPT.format(host=host, port=port, tool=tool))
            script.chmod(0o755)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextmanager
    def locked(self) -> Iterator[Account]:
        """The account, which no tool uses meanwhile."""
        with self._lock:
            yield self._account

    def _call(self, call: Call) -> Result:
        with self.locked() as account:
            return called(account, call)

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        act = self._call

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                result = act(_received(self.rfile))
                head = f"{result.code}\0{result.stderr}\0"
                # The script ends when a reader of its output stops early.
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write((head + result.stdout).encode())

        return Handler


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def _received(file: IO[Any]) -> Call:
    count = int(_word(file))
    tool, *arguments = (_word(file) for _ in range(count + 1))
    return Call(tool, arguments, _word(file))


def _word(file: IO[Any]) -> str:
    """Everything before the next zero byte, or before the end."""
    word = bytearray()
    while (byte := file.read(1)) not in (b"", b"\0"):
        word += byte
    return word.decode()
