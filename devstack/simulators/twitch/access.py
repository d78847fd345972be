"""Who may call: application tokens that expire, and how many calls they are good for."""

import hmac
import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from devstack.simulators.twitch.errors import TwitchError
from service.core.clock import Clock

BUCKET_SECONDS = 60
MAX_TOKENS = 1_000
MAX_FORM_FIELDS = 20
_BEARER = "Bearer "


@dataclass
class Token:
    text: str
    ends_at: float


class Tokens:
    """The tokens of one application. Thread-safe."""

    def __init__(self, clock: Clock, client_id: str, client_secret: str, seconds: int) -> None:
        self._clock = clock
        self._client_id = client_id
        self._client_secret = client_secret
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._tokens: dict[str, Token] = {}
        self.seconds = seconds
        self.issued = 0

    def issue(self, content_type: str, body: bytes) -> dict[str, object]:
        """Raises `TwitchError`."""
        if not content_type.startswith("application/x-www-form-urlencoded"):
            raise TwitchError(400, "missing client id")
        form = _form(body)
        if form.keys() != {"client_id", "client_secret", "grant_type"}:
            raise TwitchError(400, "missing or unknown parameter")
        if form["grant_type"] != "client_credentials":
            raise TwitchError(400, "invalid grant type")
        if not hmac.compare_digest(form["client_id"].encode(), self._client_id.encode()):
            raise TwitchError(400, "invalid client")
        if not hmac.compare_digest(form["client_secret"].encode(), self._client_secret.encode()):
            raise TwitchError(403, "invalid client secret")
        with self._lock:
            token = Token(
                f"twitchtoken{next(self._numbers):019d}", self._clock.monotonic() + self.seconds
            )
            if len(self._tokens) >= MAX_TOKENS:
                self._tokens.clear()
            self._tokens[token.text] = token
            self.issued += 1
        return {"access_token": token.text, "expires_in": self.seconds, "token_type": "bearer"}

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises `TwitchError` unless token and client id are those of the application."""
        given = {name.lower(): value for name, value in headers.items()}
        client_id, authorization = given.get("client-id", ""), given.get("authorization", "")
        if not client_id:
            raise TwitchError(401, "Client ID is missing")
        if not authorization:
            raise TwitchError(401, "OAuth token is missing")
        with self._lock:
            token = self._tokens.get(authorization.removeprefix(_BEARER))
        is_bearer = authorization.startswith(_BEARER)
        if not is_bearer or token is None or self._clock.monotonic() >= token.ends_at:
            raise TwitchError(401, "Invalid OAuth token")
        if client_id != self._client_id:
            raise TwitchError(401, "Client ID and OAuth token do not match")

    def revoke_all(self) -> None:
        with self._lock:
            self._tokens.clear()


class Bucket:
    """So many calls a minute, by fixed minutes. Thread-safe."""

    def __init__(self, clock: Clock, size: int) -> None:
        self._clock = clock
        self._size = size
        self._lock = threading.Lock()
        self._left, self._reset_at = size, 0

    def take(self) -> tuple[bool, dict[str, str]]:
        """Whether one more call is taken, and the headers that say what is left."""
        with self._lock:
            now = self._clock.now() // 1000
            if now >= self._reset_at:
                self._left, self._reset_at = self._size, now + BUCKET_SECONDS
            taken = self._left > 0
            self._left -= int(taken)
            return taken, self._headers()

    def change(self, left: int, seconds: int) -> None:
        """So many calls are left, until so many seconds from here on."""
        with self._lock:
            self._left, self._reset_at = left, self._clock.now() // 1000 + seconds

    def reset(self) -> None:
        with self._lock:
            self._left, self._reset_at = self._size, 0

    def _headers(self) -> dict[str, str]:
        return {
            "Ratelimit-Limit": str(self._size),
            "Ratelimit-Remaining": str(self._left),
            "Ratelimit-Reset": str(self._reset_at),
        }


def _form(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise TwitchError(400, "missing client id") from None
    return {name: values[0] for name, values in found.items() if len(values) == 1}
