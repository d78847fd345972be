"""Someone who issues tokens and publishes keys on loopback, well or badly."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from service.identity.google import ISSUERS, GoogleTokens
from service.identity.key_sets import KeySetAddress
from service.identity.signing_keys import SigningKeys
from service.identity.tokens import BearerTokens
from service.outbound.network import Network
from service.outbound.trust import public_roots
from tests.doubles.clock import FakeClock

CLIENT = "farebox-web.apps.example"
SUBJECT = "110248495921238986420"


class _Remove:
    """Takes a claim out; named the same in every process, so that tests are too."""

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE = _Remove()


@cache
def rsa_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """The same key for the same name all through a test run: making one takes a while."""
    del name
    return generate_private_key(65537, bits)


def published(kid: str, **changes: object) -> dict[str, object]:
    """The public half of the key named `kid` as Google publishes it."""
    whole = RSAAlgorithm.to_jwk(rsa_key(kid).public_key(), as_dict=True)
    return {
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": kid,
        "n": whole["n"],
        "e": whole["e"],
        **changes,
    }


def segment(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Publisher:
    """What the certs address returns, and how often it was requested."""

    def __init__(self) -> None:
        self.kids = ["one"]
        self.cache_control = "public, max-age=3600, must-revalidate"
        self.status = 200
        self.body: bytes | None = None
        self.before: Callable[[], None] = lambda: None
        self.between: Callable[[], None] | None = None
        self.pieces_sent = 0
        self.requested = 0
        self.url = ""
        self._guard = threading.Lock()

    def response(self) -> tuple[int, dict[str, str], bytes]:
        with self._guard:
            self.requested += 1
        self.before()
        body = (
            self.body
            if self.body is not None
            else json.dumps({"keys": [published(kid) for kid in self.kids]}).encode()
        )
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return (
            self.status,
            headers | ({"Cache-Control": self.cache_control} if self.cache_control else {}),
            body,
        )

    def send(self, write: Callable[[bytes], object], body: bytes) -> None:
        """At once, or byte by byte with `between` after each."""
        if self.between is None:
            write(body)
            return
        for place in range(len(body)):
            write(body[place : place + 1])
            self.pieces_sent += 1
            self.between()


@contextmanager
def publishing() -> Iterator[Publisher]:
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = publisher.response()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if 300 <= status < 400:
                self.send_header("Location", publisher.url + "?elsewhere")
            self.end_headers()
            with suppress(ConnectionError):
                publisher.send(self.wfile.write, body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    publisher.url = f"http://127.0.0.1:{server.server_port}/certs"
    try:
        yield publisher
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Issuer:
    """Makes tokens like Google's, changed as the test wants, and the verifier under test."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.clock = FakeClock()
        self.connections = Network(self.clock).pool(public_roots(), 1)
        self.tokens = self.verifier(lambda work: work())

    def verifier(self, start: Callable[[Callable[[], None]], None]) -> BearerTokens:
        """A verifier whose fetches of keys are started so; the one in `tokens` fetches at once, in
        the thread that needs the keys."""
        client_ids = (CLIENT, "farebox-ios.apps.example")
        address = KeySetAddress(lambda: self.connections, self.publisher.url)
        google = GoogleTokens(SigningKeys(address.fetch, self.clock, start), client_ids)
        return BearerTokens(dict.fromkeys(ISSUERS, google), self.clock)

    @property
    def now(self) -> int:
        return self.clock.now() // 1000

    def claims(self, **changes: object) -> dict[str, object]:
        usual = {
            "iss": "https://accounts.google.com",
            "aud": CLIENT,
            "azp": CLIENT,
            "sub": SUBJECT,
            "email": "cat@mail.example",
            "email_verified": True,
            "iat": self.now,
            "exp": self.now + 3600,
        }
        return {name: value for name, value in (usual | changes).items() if value is not REMOVE}

    def token(
        self, *, kid: str = "one", header: dict[str, Any] | None = None, **changes: object
    ) -> str:
        """Signed with the key named `kid`."""
        head = {"alg": "RS256", "kid": kid, "typ": "JWT"} | (header or {})
        head = {name: value for name, value in head.items() if value is not REMOVE}
        return self.signed(head, json.dumps(self.claims(**changes)).encode(), kid)

    def signed(self, header: object, payload: bytes, kid: str = "one") -> str:
        """Signs any claims, however wrong."""
        start = f"{segment(header)}.{segment(payload)}"
        signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(start.encode(), rsa_key(kid))
        return f"{start}.{segment(signature)}"

    def with_secret(self, algorithm: str, secret: bytes) -> str:
        """A token by HMAC, made by hand, for PyJWT refuses to misuse a public key so."""
        start = (
            f"{segment({'alg': algorithm, 'kid': 'one', 'typ': 'JWT'})}.{segment(self.claims())}"
        )
        name = {
            "HS256": jwt.algorithms.HMACAlgorithm.SHA256,
            "HS512": jwt.algorithms.HMACAlgorithm.SHA512,
        }[algorithm]
        return f"{start}.{segment(jwt.algorithms.HMACAlgorithm(name).sign(start.encode(), secret))}"
