"""How the requests of Stripe's library travel: over our own connections, where one time limit
bounds each try and gevent knows of every wait. `requests`, which the library would use, limits each
pause only, and reads the proxies of the environment."""

import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

import stripe
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from service.outbound.network import Network

CONNECT_SECONDS = 3.0
MAX_CONNECTIONS = 32
# A page of 100 events, each with its object: 10 KB on average are 1 MB.
MAX_RESPONSE_BYTES = 8 * 1024 * 1024


class _Unreachable(stripe.APIConnectionError):
    """Repeatable, in the library's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, should_retry=True)  # type: ignore[no-untyped-call]


class StripeTransport(stripe.HTTPClient):
    """The library repeats what this reports as repeatable, with the same idempotency key."""

    name = "urllib3"

    def __init__(self, network: Network, tls: ssl.SSLContext, timeout_seconds: float) -> None:
        super().__init__()
        self._pool = network.pool(tls, MAX_CONNECTIONS, MAX_RESPONSE_BYTES)
        self._seconds = timeout_seconds

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """One try. Raises `stripe.APIConnectionError` if no whole response came within the time."""
        del _usage
        # A compressed response could be far larger than what was received.
        sent = {**(headers or {}), "Accept-Encoding": "identity"}
        wait = Timeout(total=self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
        try:
            response = self._pool.request(
                method.upper(),
                url,
                body=post_data,
                headers=sent,
                timeout=wait,
                redirect=False,
                decode_content=False,
            )
            body = response.data.decode("utf-8", errors="replace")
        except (HTTPError, HTTPException, OSError) as error:
            raise _Unreachable(type(error).__name__) from error
        return body, response.status, response.headers

    def close(self) -> None:
        self._pool.clear()
