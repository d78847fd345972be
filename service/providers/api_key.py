"""A vendor's API key: read at run time, cached, and read again after a refusal."""

import json
import threading
from collections.abc import Callable

from service.core.clock import Clock
from service.core.settings import Secret
from service.storage.secrets import SecretUnavailable

MIN_SECONDS_BETWEEN_READS = 5.0


def parse_api_key(text: str) -> Secret:
    """A secret's text: a bare key, or JSON with `apiKey`. Raises `SecretUnavailable` if it is no
    key that a header can carry."""
    try:
        secret = json.loads(text)
    except (ValueError, RecursionError):
        secret = text
    key = secret.get("apiKey") if isinstance(secret, dict) else text
    key = key.strip() if isinstance(key, str) else ""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SecretUnavailable
    return Secret(key)


class ApiKey:
    """`read` fetches the secret's text; it is called when the key is first needed and after
    `renew`."""

    def __init__(self, read: Callable[[], str], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._guard = threading.Lock()
        self._key: Secret | None = None
        self._read_at = 0.0

    def current(self) -> Secret:
        """Raises `SecretUnavailable`."""
        with self._guard:
            if self._key is None:
                self._key = parse_api_key(self._read())
                self._read_at = self._clock.monotonic()
            return self._key

    def renew(self) -> None:
        """Forgets a key that was refused, unless it was read a moment ago."""
        with self._guard:
            if self._clock.monotonic() - self._read_at >= MIN_SECONDS_BETWEEN_READS:
                self._key = None
