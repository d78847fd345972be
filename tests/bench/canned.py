"""Endpoints that answer the wire protocol of DynamoDB, Kling and Google at once and always the same: a process of their own, so
that what is measured is the service alone."""

import json
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.wire import LOOPBACK, Ended, Wire

IDLE_SECONDS = 120


def _serve_connection(connection: socket.socket, answers: dict[bytes, bytes]) -> None:
    """Answers by the first marker found in the request; keeps the connection until the client ends it."""
    wire = Wire.of(connection, IDLE_SECONDS)
    try:
        while True:
            request = b"".join(wire.read())
            body = next(answer for marker, answer in answers.items() if marker in request)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
    except (OSError, Ended):
        return
    finally:
        connection.close()


def _run(port_out: Any, answers: dict[bytes, bytes]) -> None:
    with socket.create_server((LOOPBACK, 0), backlog=512) as listener:
        port_out.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve_connection, args=(connection, answers), daemon=True).start()


@contextmanager
def canned(answers: dict[str, object]) -> Iterator[str]:
    """Serves those answers, by marker in the request (a target, a path, a key), until the block ends. Gives the address."""
    ours, theirs = multiprocessing.Pipe()
    bodies = {marker.encode(): json.dumps(answer).encode() for marker, answer in answers.items()}
    process = multiprocessing.Process(target=_run, args=(theirs, bodies), daemon=True)
    process.start()
    try:
        yield f"http://{LOOPBACK}:{ours.recv()}"
    finally:
        process.terminate()
        process.join(5)
