"""A proxy on loopback that records operations and can kill a process at a chosen one."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

READS = ("GetItem", "BatchGetItem", "TransactGetItems", "Query")
SECONDS = 60


@dataclass
class Trap:
    """Kills at the nth occurrence of an operation: before it is forwarded, or after it was applied
    and before the response is passed back."""

    operation: str
    nth: int
    after: bool
    kill: Callable[[], None]
    sprung: bool = False


class Proxy:
    """Stands before one upstream. `passed` names every operation in order."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._guard = threading.Lock()
        self.passed: list[str] = []
        self.trap: Trap | None = None

    def __enter__(self) -> "Proxy":
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = SECONDS

            def do_POST(self) -> None:
                proxy.handle(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{self._upstream.path}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def set_trap(self, operation: str, nth: int, *, after: bool, kill: Callable[[], None]) -> Trap:
        with self._guard:
            self.passed = []
            self.trap = Trap(operation, nth, after, kill)
            return self.trap

    def effects(self) -> list[str]:
        """What passed and can have changed something, in order; a query at a provider counts, a
        read of the table does not."""
        with self._guard:
            return [operation for operation in self.passed if operation not in READS]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        trap = self._note(_operation(request))
        if trap and not trap.after:
            self._spring(trap, request)
            return
        status, headers, response = self._forward(request, body)
        if trap:
            self._spring(trap, request)
            return
        request.send_response(status)
        for name, value in headers:
            if name.lower() not in (
                "content-length",
                "transfer-encoding",
                "connection",
                "date",
                "server",
            ):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(response)))
        request.end_headers()
        request.wfile.write(response)

    def _note(self, operation: str) -> Trap | None:
        with self._guard:
            self.passed.append(operation)
            trap = self.trap
            if (
                trap
                and not trap.sprung
                and operation == trap.operation
                and self.passed.count(operation) == trap.nth
            ):
                trap.sprung = True
                return trap
            return None

    @staticmethod
    def _spring(trap: Trap, request: BaseHTTPRequestHandler) -> None:
        trap.kill()
        request.close_connection = True

    def _forward(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._upstream.netloc, timeout=SECONDS)
        try:
            headers = {
                name: value
                for name, value in request.headers.items()
                if name.lower() != "connection"
            }
            connection.request(request.command, request.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


def _operation(request: BaseHTTPRequestHandler) -> str:
    """DynamoDB's own name of it, or "create" and "query" at Kling."""
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.partition(".")[2]
    return "create" if request.command == "POST" else "query"
