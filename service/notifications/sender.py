"""Signs events and sends them, to public addresses only.

In a file of its own because it is the only part that reaches outside. The signature is that of
Standard Webhooks (https://www.standardwebhooks.com)."""

import ssl
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Protocol

from standardwebhooks import Webhook
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from service.core.clock import Clock, utc
from service.notifications.entities import SECOND, SHOWN_RESPONSE_BYTES, Attempt, Event
from service.outbound.addresses import AddressRefused
from service.outbound.network import Network, NotConnected

CONNECT_SECONDS = 5.0
MAX_CONNECTIONS = 16
MAX_RECEIVED_BYTES = 64 * 1024


class Sender(Protocol):
    """Sends one event to one address. Never raises for what the other side does."""

    def send(self, url: str, happened: Event, secrets: Sequence[str]) -> Attempt: ...


class WebhookSender:
    """Sends signed POSTs. One time limit holds for looking the name up, connecting, the handshake,
    the request and the response; redirects are not followed, proxies of the environment are not
    used, and only the beginning of a response is read. The network decides to which addresses a
    name may lead."""

    def __init__(
        self, network: Network, tls: ssl.SSLContext, clock: Clock, timeout_seconds: float
    ) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._pool = network.pool(tls, MAX_CONNECTIONS, MAX_RECEIVED_BYTES)

    def send(self, url: str, happened: Event, secrets: Sequence[str]) -> Attempt:
        at, began = self._clock.now(), self._clock.monotonic()
        status, error, response, wait_milliseconds = None, "", "", 0
        try:
            with self._posted(url, happened, secrets, at) as received:
                status = received.status
                wait_milliseconds = _wait_milliseconds(received.headers)
                response = _beginning(received)
        except NotConnected as failure:
            error = "address refused" if _was_refused(failure) else "no connection"
        except (HTTPError, HTTPException, OSError):
            error = "" if status is not None else "no response"
        milliseconds = round((self._clock.monotonic() - began) * SECOND)
        return Attempt(at, milliseconds, status, error, response, wait_milliseconds)

    def _posted(
        self, url: str, happened: Event, secrets: Sequence[str], at: int
    ) -> BaseHTTPResponse:
        total_seconds = self._timeout_seconds
        wait = Timeout(total=total_seconds, connect=min(CONNECT_SECONDS, total_seconds))
        return self._pool.urlopen(
            "POST",
            url,
            headers=signed_headers(happened, secrets, at),
            body=happened.body.encode(),
            timeout=wait,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )


def signed_headers(happened: Event, secrets: Sequence[str], at: int) -> dict[str, str]:
    """The headers of an attempt at that time. It is signed with each of the secrets, so that a
    receiver can change from one to the next at any moment."""
    signatures = (
        Webhook(secret).sign(happened.event_id, utc(at), happened.body) for secret in secrets
    )
    return {
        "content-type": "application/json",
        "user-agent": "farebox-webhooks",
        "accept-encoding": "identity",
        "connection": "close",
        "webhook-id": happened.event_id,
        "webhook-timestamp": str(at // SECOND),
        "webhook-signature": " ".join(signatures),
    }


def _beginning(received: BaseHTTPResponse) -> str:
    """The first 2 KB of the body, as far as they come in time."""
    body = b""
    try:
        while len(body) < SHOWN_RESPONSE_BYTES and (piece := received.read1(SHOWN_RESPONSE_BYTES)):
            body += piece
    except (HTTPError, HTTPException, OSError):
        # The status is known, and says what has become of the event.
        pass
    return body[:SHOWN_RESPONSE_BYTES].decode("utf-8", "replace")


def _wait_milliseconds(headers: Mapping[str, str]) -> int:
    """What a `Retry-After` in seconds says; 0 without one."""
    text = headers.get("retry-after", "")
    return int(text) * SECOND if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _was_refused(failure: NotConnected) -> bool:
    return isinstance(failure.__cause__, AddressRefused)
