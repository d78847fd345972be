"""Endpoints that answer the wire protocol of DynamoDB and Kling at once and always the same: a process of their own, so that
what is measured is the service alone."""

import json
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_HEADER_BYTES = 64 * 1024
IDLE_SECONDS = 60


def _serve_connection(connection: socket.socket, answers: dict[bytes, bytes]) -> None:
    """Answers by the first marker found in the request's head; keeps the connection until the client ends it."""
    connection.settimeout(IDLE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    try:
        while True:
            while b"\r\n\r\n" not in buffer:
                part = connection.recv(65536)
                if not part or len(buffer) > MOST_HEADER_BYTES:
                    return
                buffer += part
            head, _, rest = buffer.partition(b"\r\n\r\n")
            length = _length(head)
            while len(rest) < length:
                part = connection.recv(65536)
                if not part:
                    return
                rest += part
            buffer = rest[length:]
            body = next(answer for marker, answer in answers.items() if marker in head)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
    except OSError:
        return
    finally:
        connection.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _run(port_out: Any, answers: dict[bytes, bytes]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port_out.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve_connection, args=(connection, answers), daemon=True).start()


@contextmanager
def canned(answers: dict[str, object]) -> Iterator[str]:
    """Serves those answers, by marker in the head (a target, a path), until the block ends. Gives the address."""
    ours, theirs = multiprocessing.Pipe()
    bodies = {marker.encode(): json.dumps(answer).encode() for marker, answer in answers.items()}
    process = multiprocessing.Process(target=_run, args=(theirs, bodies), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join(5)
