"""Kling's credentials: read at run time, cached, signed again before they expire, and read again
after a refusal."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from service.core.clock import Clock
from service.core.settings import Secret
from service.storage.secrets import SecretUnavailable

TOKEN_SECONDS = 1800
RENEW_BEFORE_SECONDS = 60
# Kling's clock may be behind ours, and a token that is not valid yet is refused. One that is made
# after a refusal begins even earlier, so that the second try differs from the first.
BACKDATED_SECONDS = 60
BACKDATED_AFTER_REFUSAL_SECONDS = 300
MIN_SECONDS_BETWEEN_READS = 5.0


@dataclass(frozen=True)
class KlingKeys:
    """An API key, or a pair of access and secret key; `callback_secret` when callbacks are
    signed."""

    api_key: Secret = Secret()
    access_key: Secret = Secret()
    secret_key: Secret = Secret()
    callback_secret: Secret = Secret()


def parse_kling_keys(text: str) -> KlingKeys:
    """A secret's text: a bare API key, or JSON with `apiKey`, or `accessKey` and `secretKey`, and
    maybe `callbackSecret`."""
    try:
        secret = json.loads(text)
    except ValueError:
        return KlingKeys(api_key=Secret(text.strip()))
    if not isinstance(secret, dict):
        return KlingKeys(api_key=Secret(text.strip()))
    names = ("apiKey", "accessKey", "secretKey", "callbackSecret")
    return KlingKeys(*(Secret(secret.get(name) or "") for name in names))


class KlingCredentials:
    """What to send as bearer. `read` fetches the keys; it is called first when they are needed and
    after `renew`, and again as long as what it returns is no usable key (`SecretUnavailable`)."""

    def __init__(self, read: Callable[[], KlingKeys], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._guard = threading.Lock()
        self._keys: KlingKeys | None = None
        self._read_at = 0.0
        self._token = ""
        self._token_begins_at = 0
        self._token_ends_at = 0
        self._backdated_seconds = BACKDATED_SECONDS

    def bearer(self) -> str:
        """The API key, or a JWT of the key pair (HS256, good for 30 minutes that begin in the past,
        made anew in its last minute:
        https://kling.ai/document-api/api/get-started/authentication)."""
        with self._guard:
            keys = self._current()
            return keys.api_key or self._signed(keys)

    def callback_secret(self) -> str:
        with self._guard:
            return self._current().callback_secret

    def renew(self) -> None:
        """Forgets the refused token, and the keys too unless they were read a moment ago. The next
        token differs from the refused one."""
        with self._guard:
            self._token_ends_at = 0
            self._backdated_seconds = BACKDATED_AFTER_REFUSAL_SECONDS
            if self._clock.monotonic() - self._read_at >= MIN_SECONDS_BETWEEN_READS:
                self._keys = None

    def _current(self) -> KlingKeys:
        if self._keys is None:
            keys = self._read()
            if not keys.api_key and not (keys.access_key and keys.secret_key):
                raise SecretUnavailable
            self._keys = keys
            self._read_at = self._clock.monotonic()
        return self._keys

    def _signed(self, keys: KlingKeys) -> str:
        now = self._clock.now() // 1000
        if now >= self._token_ends_at - RENEW_BEFORE_SECONDS:
            begins_at = now - self._backdated_seconds
            # Two tokens of one second would be the same.
            self._token_begins_at = begins_at - (begins_at == self._token_begins_at)
            self._token_ends_at = self._token_begins_at + TOKEN_SECONDS
            claims = {
                "iss": keys.access_key,
                "exp": self._token_ends_at,
                "nbf": self._token_begins_at,
                "iat": self._token_begins_at,
            }
            self._token = jwt.encode(
                claims, keys.secret_key, algorithm="HS256", headers={"typ": "JWT"}
            )
        return self._token
