"""A web server in this process."""

import threading
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


class _Server(ThreadedWSGIServer):
    request_queue_size = 512
    daemon_threads = True


class WebServer:
    """One web server: it has its address before it has its application."""

    def __init__(self) -> None:
        self._server = _Server("127.0.0.1", 0, Flask("not ready"), _Quiet)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, app: Flask) -> None:
        self._server.app = app
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()
