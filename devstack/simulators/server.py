"""The simulators as a server, in a process of their own or inside a test."""

import logging
import socket
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

from devstack.simulators.app import Simulators, create_app
from devstack.simulators.assemblyai.sockets import SpeechSockets
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.wire import RESET_ON_CLOSE
from service.core.clock import Clock, SystemClock

MAX_CONNECTIONS = 1_000
_IDLE_SECONDS = 60
_POLL_SECONDS = 0.02
_STOP_SECONDS = 0.5


class _Handler(WSGIRequestHandler):
    """Logs at debug level, and can reset a connection instead of closing it."""

    timeout = _IDLE_SECONDS
    error_content_type = "application/json"
    error_message_format = '{"error": "HTTP %(code)d"}'

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        logging.getLogger(__name__).debug("%s: " + message, type, *args)

    def connection_dropped(
        self, error: BaseException, environ: dict[str, Any] | None = None
    ) -> None:
        del error, environ
        self.close_connection = True

    def finish(self) -> None:
        """Closes a connection that must be reset: the server would end it with a FIN."""
        super().finish()
        if (
            self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE))
            == RESET_ON_CLOSE
        ):
            socket.close(self.connection.detach())


class _Listener(ThreadedWSGIServer):
    """A thread for each of at most 1,000 connections; more are closed at once."""

    request_queue_size = 512

    def __init__(self, host: str, port: int, descriptor: int) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(host, port, Response(status=503), _Handler, fd=descriptor)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            accepted = len(self._open) < MAX_CONNECTIONS
            if accepted:
                self._open.add(request)
        if accepted:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Closes the connections that are still open."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class SimulatorServer:
    """Serves between `start` and `stop`, or inside a `with`.

    `url` is its address; with port 0, `settings.port` is the port that was chosen. The constructor
    raises `OSError` if the port is taken."""

    def __init__(self, settings: SimulatorSettings, clock: Clock | None = None) -> None:
        with socket.create_server(
            (settings.host, settings.port), backlog=_Listener.request_queue_size
        ) as bound:
            self._listener = _Listener(settings.host, settings.port, bound.fileno())
        self.settings = replace(settings, port=self._listener.port)
        self.url = f"http://{settings.host}:{self._listener.port}"
        self._clock = clock or SystemClock()
        self._sockets = SpeechSockets(
            settings.host, settings.socket_port, settings.assemblyai_api_key
        )
        self._thread = threading.Thread(target=self._serve, name="simulators-server", daemon=True)
        self._simulators: Simulators | None = None

    def start(self) -> None:
        """Starts to accept requests."""
        app: Flask = create_app(self.settings, self._clock)
        self._simulators = app.extensions["simulators"]
        self._listener.app = app
        self._sockets.start(self._simulators.faults, self._simulators.assemblyai.sessions)
        self._thread.start()

    @property
    def socket_url(self) -> str:
        """Where AssemblyAI's live sessions are."""
        return f"ws://{self.settings.host}:{self._sockets.port}/assemblyai"

    def _serve(self) -> None:
        self._listener.serve_forever(poll_interval=_POLL_SECONDS)

    def stop(self) -> None:
        """Closes all connections and ends all threads within a second. May be called twice."""
        if self._simulators is None:
            self._listener.server_close()
            return
        self._listener.shutdown()
        self._thread.join(_STOP_SECONDS)
        self._listener.hang_up()
        self._sockets.stop()
        self._simulators.stop()

    def __enter__(self) -> "SimulatorServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
