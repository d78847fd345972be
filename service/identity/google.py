"""Google ID tokens (https://developers.google.com/identity/gsi/web/guides/verify-google-id-token;
RFC 7519, RFC 8725)."""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from http.client import HTTPException
from typing import Any

from jwt import PyJWS
from jwt.exceptions import InvalidSignatureError, PyJWTError
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from service.core.clock import Clock
from service.core.principal import Principal
from service.core.threads import in_thread
from service.identity.claims import LEEWAY_SECONDS, key_id_of, principal_of
from service.identity.entities import Rejection, TokenRejected
from service.identity.signing_keys import (
    ALGORITHM,
    KeySet,
    KeysNotFetched,
    SigningKeys,
    published_keys,
)

MAX_TOKEN = 8192
MAX_REMEMBERED = 10_000

CONNECT_SECONDS = 2.0
FETCH_SECONDS = 5.0
MAX_KEY_SET_BYTES = 64 * 1024
CHUNK_BYTES = 8 * 1024
USUAL_MAX_AGE_SECONDS = 3600.0

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})\b", re.IGNORECASE)


class GoogleTokens:
    """Verifies ID tokens made for one of `client_ids`, by the keys at `certs_url`.

    `connect` returns connections that limit a whole call by its timeout (`service.outbound`). Keys
    are fetched within 5 s. A verified token is remembered by its SHA-256 until it ends; the latest
    10,000 are. Safe from any thread."""

    def __init__(
        self,
        connect: Callable[[], PoolManager],
        certs_url: str,
        client_ids: Collection[str],
        clock: Clock,
        start: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self._connect = connect
        self._certs_url = certs_url
        self._client_ids = frozenset(client_ids)
        self._clock = clock
        self._keys = SigningKeys(self._fetch_keys, clock, start)
        self._remembered = _Remembered()

    def verify(self, token: str) -> Principal:
        """Who the token is for.

        Taken only: at most 8 KB, RS256, a `kid` that Google publishes, no `crit`, `typ` JWT or
        none, a matching signature, Google as `iss`, one of our client ids as `aud` (no list), now
        between `nbf`, `iat` and `exp` (60 s of leeway, `iat` and `exp` required), a well-formed
        `sub`, `email_verified` true. Addresses of keys in the token are never followed. Raises
        `TokenRejected`, `EmailNotVerified` or `IdentityUnavailable`."""
        if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
            raise TokenRejected(Rejection.MALFORMED)
        digest = hashlib.sha256(token.encode()).digest()
        now_seconds = self._clock.now() / 1000
        remembered = self._remembered.get(digest, now_seconds)
        if remembered is not None:
            return remembered
        claims = self._signed_claims(token)
        principal = principal_of(claims, self._client_ids, now_seconds)
        self._remembered.put(digest, principal, claims["exp"] + LEEWAY_SECONDS)
        return principal

    def _signed_claims(self, token: str) -> dict[str, Any]:
        key = self._keys.find(key_id_of(token))
        if key is None:
            raise TokenRejected(Rejection.KEY)
        try:
            payload = PyJWS().decode(token, key, algorithms=[ALGORITHM])
            claims = json.loads(payload)
        except InvalidSignatureError:
            raise TokenRejected(Rejection.SIGNATURE) from None
        except (PyJWTError, ValueError, RecursionError):
            raise TokenRejected(Rejection.MALFORMED) from None
        if not isinstance(claims, dict):
            raise TokenRejected(Rejection.MALFORMED)
        return claims

    def _fetch_keys(self) -> KeySet:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        try:
            with self._connect().request(
                "GET",
                self._certs_url,
                headers=headers,
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


class _Remembered:
    """Principals of verified tokens; the least recently used are evicted first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def get(self, digest: bytes, now_seconds: float) -> Principal | None:
        with self._guard:
            principal, ends_at = self._known.get(digest, (None, 0.0))
            if principal is None:
                return None
            if now_seconds >= ends_at:
                del self._known[digest]
                return None
            self._known.move_to_end(digest)
            return principal

    def put(self, digest: bytes, principal: Principal, ends_at: float) -> None:
        with self._guard:
            self._known[digest] = (principal, ends_at)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)


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
