"""AssemblyAI's credentials: read at run time, cached, and read again after a refusal."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

from service.core.clock import Clock
from service.core.settings import Secret
from service.storage.secrets import SecretUnavailable

MIN_SECONDS_BETWEEN_READS = 5.0


@dataclass(frozen=True)
class AssemblyAiKeys:
    """The API key, and what callbacks carry in a header."""

    api_key: Secret = Secret()
    callback_secret: Secret = Secret()


def parse_assemblyai_keys(text: str) -> AssemblyAiKeys:
    """A secret's text: JSON with `apiKey` and `callbackSecret`. Anything else has no usable key."""
    try:
        secret = json.loads(text)
    except ValueError:
        return AssemblyAiKeys()
    if not isinstance(secret, dict):
        return AssemblyAiKeys()
    values = (secret.get(name) for name in ("apiKey", "callbackSecret"))
    return AssemblyAiKeys(*(Secret(value if isinstance(value, str) else "") for value in values))


class AssemblyAiCredentials:
    """`read` fetches the keys; it is called first when they are needed and after `renew`, and again
    as long as one of them is missing (`SecretUnavailable`)."""

    def __init__(self, read: Callable[[], AssemblyAiKeys], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._guard = threading.Lock()
        self._keys: AssemblyAiKeys | None = None
        self._read_at = 0.0

    def keys(self) -> AssemblyAiKeys:
        """Raises `SecretUnavailable`."""
        with self._guard:
            if self._keys is None:
                keys = self._read()
                if not keys.api_key or not keys.callback_secret:
                    raise SecretUnavailable
                self._keys = keys
                self._read_at = self._clock.monotonic()
            return self._keys

    def renew(self) -> bool:
        """Forgets the keys, unless they were read a moment ago. Returns whether it did: else a
        refusal of them would be the same again."""
        with self._guard:
            is_old = self._clock.monotonic() - self._read_at >= MIN_SECONDS_BETWEEN_READS
            if is_old:
                self._keys = None
            return is_old
