"""Endpoints that speak the wire protocol of DynamoDB, Kling and Google and always return the same
responses at once: a process of their own, so that what is measured is the service alone."""

import json
import multiprocessing
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.bench.wire import LOOPBACK, Ended, Wire
from tests.doubles.certificate import Certificate

IDLE_SECONDS = 120
_REQUEST_ID = b"4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG"

Responses = Mapping[bytes, bytes | Callable[[bytes], object]]


def _serve_connection(
    connection: socket.socket,
    responses: Responses,
    tls: ssl.SSLContext | None,
    content_type: bytes,
) -> None:
    """Responds by the first marker found in the request; keeps the connection until the client
    closes it."""
    try:
        connection = tls.wrap_socket(connection, server_side=True) if tls else connection
        wire = Wire.of(connection, IDLE_SECONDS)
        while True:
            request = b"".join(wire.read())
            body = next(response for marker, response in responses.items() if marker in request)
            body = body if isinstance(body, bytes) else json.dumps(body(request)).encode()
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n"
                b"x-amzn-RequestId: %b\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%b"
                % (content_type, _REQUEST_ID, zlib.crc32(body), len(body), body)
            )
    except (OSError, Ended):
        return
    finally:
        connection.close()


def _run(
    port_out: Any, responses: Responses, certificate: Certificate | None, content_type: bytes
) -> None:
    tls = certificate.serving() if certificate else None
    with socket.create_server((LOOPBACK, 0), backlog=512) as listener:
        port_out.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            threading.Thread(
                target=_serve_connection,
                args=(connection, responses, tls, content_type),
                daemon=True,
            ).start()


@contextmanager
def canned(
    responses: dict[str, object],
    certificate: Certificate | None = None,
    content_type: str = "application/x-amz-json-1.0",
) -> Iterator[str]:
    """Serves these responses, chosen by a marker in the request (a target, a path, a key), until
    the block ends; over TLS if there is a certificate. A function is called with the whole request.
    Yields the address."""
    ours, theirs = multiprocessing.Pipe()
    bodies = {
        marker.encode(): response if callable(response) else json.dumps(response).encode()
        for marker, response in responses.items()
    }
    process = multiprocessing.Process(
        target=_run, args=(theirs, bodies, certificate, content_type.encode()), daemon=True
    )
    process.start()
    try:
        yield f"http{'s' if certificate else ''}://{LOOPBACK}:{ours.recv()}"
    finally:
        process.terminate()
        process.join(5)
