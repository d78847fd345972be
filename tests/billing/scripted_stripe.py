"""A server that returns what a test has written down, for what no well-behaved Stripe would do."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import StripeKeys, StripeSecrets, stripe_secrets
from service.core.clock import SystemClock
from service.outbound.network import Network
from service.outbound.trust import public_roots

SECRETS = stripe_secrets("sk_test_one", ["whsec_one_0123456789abcdef"])
_TLS = public_roots()


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Script:
    """`responses` in order, as (status, JSON or text); the last one is repeated. 0: closes the
    connection without a response."""

    url: str
    responses: list[tuple[int, object]]
    received: list[Received] = field(default_factory=list)

    def next(self) -> tuple[int, object]:
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


@contextmanager
def scripted(*responses: tuple[int, object]) -> Iterator[Script]:
    script = Script("", list(responses))

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form = dict(parse_qsl(self.rfile.read(length).decode()))
            lower = {name.lower(): value for name, value in self.headers.items()}
            script.received.append(Received(self.command, self.path, lower, form))
            status, body = script.next()
            if status == 0:
                self.close_connection = True
                return
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = _respond  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def stripe_at(
    url: str,
    secrets: Sequence[StripeSecrets] = (SECRETS,),
    timeout_seconds: float = 30.0,
    production: bool = False,
) -> Stripe:
    """The real adapter. `secrets` are what one read after the other returns."""
    left = list(secrets)

    def read() -> StripeSecrets:
        return left.pop(0) if len(left) > 1 else left[0]

    clock = SystemClock()
    keys = StripeKeys(read, clock, production=production)
    return Stripe(StripeApi.connect(url, keys, Network(clock), _TLS, timeout_seconds))
