"""Signed requests to public addresses, with one time limit and a bounded response."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.core.clock import Clock, SystemClock
from service.notifications.entities import SHOWN_RESPONSE_BYTES, Event, EventType, event
from service.notifications.sender import WebhookSender, signed_headers
from service.outbound.addresses import public_only
from service.outbound.network import Address, Network
from service.outbound.trust import public_roots
from tests.doubles.certificate import make_certificate
from tests.doubles.quick import MovedClock
from tests.doubles.slow_servers import SlowServer, drip

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMEOUT_SECONDS = 60.0
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
HAPPENED = event(EventType.CREDITS_LOW, "ann", "7", 1_790_000_000_000, {"credits": 0.5, "é": "ü"})


def sender(network: Network | None = None, clock: Clock | None = None) -> WebhookSender:
    clock = clock or SystemClock()
    tls = public_roots()
    return WebhookSender(network or Network(clock), tls, clock, TIMEOUT_SECONDS)


Respond = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def receiver(respond: Respond) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(({name.lower(): text for name, text in self.headers.items()}, body))
            respond(self, body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook?for=tests", received
        server.shutdown()
        thread.join()


def respond_with(status: int, body: bytes = b"", **headers: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def test_a_receiver_verifies_what_was_sent_with_the_reference_library() -> None:
    with receiver(respond_with(204)) as (url, received):
        attempt = sender().send(url, HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.status, attempt.error) == (True, 204, "")
    headers, body = received[0]
    content = Webhook(SECRET).verify(body, headers)
    assert content == json.loads(HAPPENED.body)
    assert content["type"] == "credits.low"
    assert headers["webhook-id"] == HAPPENED.event_id
    assert headers["content-type"] == "application/json"


def test_a_request_verifies_with_the_old_and_with_the_new_secret_during_a_rotation() -> None:
    now = time.time_ns() // 1_000_000
    headers = signed_headers(HAPPENED, [SECRET, OTHER], now)
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(HAPPENED.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "b" * 32).verify(HAPPENED.body, headers)


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp"])
def test_the_signature_covers_id_time_and_body(changed: str) -> None:
    now = time.time_ns() // 1_000_000
    headers, body = signed_headers(HAPPENED, [SECRET], now), HAPPENED.body
    if changed == "body":
        body = body.replace("0.5", "5")
    else:
        headers[changed] = {"webhook-id": "evt_x", "webhook-timestamp": str(now // 1000 + 1)}[
            changed
        ]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md."""
    example = Event(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", EventType.WEBHOOK_TEST, "", 0, '{"test": 2432232314}'
    )
    at = round(datetime.fromtimestamp(1614265330, UTC).timestamp()) * 1000
    headers = signed_headers(example, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at)
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_a_refusal_is_recorded_with_its_body(status: int) -> None:
    with receiver(respond_with(status, "nö".encode())) as (url, _):
        attempt = sender().send(url, HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.status, attempt.response) == (False, status, "nö")
    assert attempt.is_gone == (status == 410)


def test_a_redirect_is_not_followed() -> None:
    with (
        receiver(respond_with(200)) as (elsewhere, reached),
        receiver(respond_with(307, location=elsewhere)) as (url, _),
    ):
        attempt = sender().send(url, HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.status) == (False, 307)
    assert reached == []


@pytest.mark.parametrize(("value", "milliseconds"), [("120", 120_000), ("soon", 0), ("-1", 0)])
def test_a_retry_after_in_seconds_is_read(value: str, milliseconds: int) -> None:
    with receiver(respond_with(429, retry_after=value)) as (url, _):
        assert sender().send(url, HAPPENED, [SECRET]).wait_milliseconds == milliseconds


def test_of_a_large_response_only_the_beginning_is_read() -> None:
    with receiver(respond_with(200, b"x" * 10_000_000)) as (url, _):
        attempt = sender().send(url, HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.response) == (True, "x" * SHOWN_RESPONSE_BYTES)


def test_a_response_that_drips_ends_with_the_time_limit_and_its_status_counts() -> None:
    clock = MovedClock()

    def serve(connection: socket.socket) -> None:
        # Until the whole request has left, the time to connect limits it, which is shorter.
        received = b""
        while not received.endswith(HAPPENED.body.encode()):
            received += connection.recv(65536)
        clock.step = TIMEOUT_SECONDS / 12
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nz")
        drip(connection, b"z" * 999)

    with SlowServer(serve) as server:
        attempt = sender(clock=clock).send(server.url, HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.status) == (True, 200)
    assert 0 < attempt.response.count("z") < 100


@pytest.mark.parametrize(
    "serve", [lambda c: drip(c, b"HTTP/1.1 200 OK\r\n" * 99), lambda c: c.recv(1)]
)
def test_a_head_that_does_not_come_in_time_is_no_response(serve: Any) -> None:
    clock = MovedClock()

    def late(connection: socket.socket) -> None:
        clock.ahead = TIMEOUT_SECONDS
        serve(connection)

    with SlowServer(late) as server:
        attempt = sender(clock=clock).send(server.url, HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.status) == (False, None)
    assert attempt.error == "no response"


def test_an_endless_head_is_no_response() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 0123456789\r\n" * 50_000)

    with SlowServer(serve) as server:
        assert sender().send(server.url, HAPPENED, [SECRET]).status is None


def test_what_no_one_listens_on_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    attempt = sender().send(f"http://127.0.0.1:{port}/", HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.error) == (False, "no connection")


def test_a_name_that_leads_to_a_private_address_is_refused_before_anything_is_sent() -> None:
    """Even where it was public at another time: each connection checks what it connects to."""
    with receiver(respond_with(200)) as (url, received):
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        addresses: Any = iter(["93.184.215.14", "127.0.0.1"])

        def resolve(*_: object) -> list[Address]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(addresses), port))]

        guarded = public_only(resolve)
        assert guarded("hooks.example", port)
        network = Network(SystemClock(), guarded)
        attempt = sender(network=network).send(f"http://hooks.example:{port}/", HAPPENED, [SECRET])
    assert (attempt.accepted, attempt.error) == (False, "address refused")
    assert received == []


def test_the_certificate_must_be_that_of_the_name_although_the_address_is_pinned(
    tmp_path: Path,
) -> None:
    """A name server that leads our name to another's server gains nothing."""
    certificate = make_certificate(tmp_path)
    clock = SystemClock()

    def serve(connection: socket.socket) -> None:
        received = b""
        while HAPPENED.body.encode() not in received:
            received += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with SlowServer(serve, certificate.serving()) as server:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        network = Network(clock, lambda *_: there)
        trusting = WebhookSender(network, certificate.trusting(), clock, 30.0)
        assert trusting.send(f"https://127.0.0.1:{port}/", HAPPENED, [SECRET]).accepted
        other = trusting.send(f"https://hooks.example:{port}/", HAPPENED, [SECRET])
    assert (other.accepted, other.error) == (False, "no connection")
