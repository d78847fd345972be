"""Fetches the keys that an issuer publishes (RFC 7517)."""

import re
from collections.abc import Callable
from http.client import HTTPException

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from service.identity.signing_keys import KeySet, KeysNotFetched, published_keys

CONNECT_SECONDS = 2.0
FETCH_SECONDS = 5.0
MAX_KEY_SET_BYTES = 64 * 1024
CHUNK_BYTES = 8 * 1024
USUAL_MAX_AGE_SECONDS = 3600.0

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})\b", re.IGNORECASE)


class KeySetAddress:
    """The address of one issuer's keys. `connect` returns connections that limit a whole call by
    its timeout (`service.outbound`)."""

    def __init__(self, connect: Callable[[], PoolManager], url: str) -> None:
        self._connect = connect
        self._url = url

    def fetch(self) -> KeySet:
        """Within 5 s, without redirects, 64 KB at most. Raises `KeysNotFetched`."""
        try:
            with self._connect().request(
                "GET",
                self._url,
                headers=_HEADERS,
                timeout=Timeout(total=FETCH_SECONDS, connect=CONNECT_SECONDS),
                redirect=False,
                preload_content=False,
            ) as response:
                if response.status != 200:
                    raise KeysNotFetched(f"status {response.status}")
                keys = published_keys(_bounded(response))
                return KeySet(keys, _max_age_seconds(response.headers.get("Cache-Control", "")))
        except (HTTPError, HTTPException, OSError) as error:
            raise KeysNotFetched(type(error).__name__) from error


def _max_age_seconds(cache_control: str) -> float:
    match = _MAX_AGE.search(cache_control)
    return float(match[1]) if match else USUAL_MAX_AGE_SECONDS


def _bounded(response: BaseHTTPResponse) -> bytes:
    """The body; the connection limits the time it may take."""
    body = b""
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_KEY_SET_BYTES:
            raise KeysNotFetched("too long")
    return body
