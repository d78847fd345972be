"""An issuer's public keys: refreshed rarely, whatever tokens strangers send, and kept during an
outage."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import PyJWTError

from service.core.clock import Clock
from service.core.threads import in_thread
from service.identity.entities import IdentityUnavailable

MIN_FRESH_SECONDS = 60.0
MAX_FRESH_SECONDS = 86_400.0
MAX_STALE_SECONDS = 86_400.0
BETWEEN_FETCHES_SECONDS = 30.0
AFTER_FAILURE_SECONDS = 5.0
# How many requests with keys that are not known may wait for a fetch while others are known, and
# for how long: a fetch has a deadline of its own, which is shorter.
MAX_WAITING = 16
MAX_WAIT_SECONDS = 8.0

ALGORITHM = "RS256"
MAX_KEYS = 50
MIN_KEY_BITS = 2048
MAX_KEY_BITS = 8192

log = structlog.get_logger()


@dataclass(frozen=True)
class KeySet:
    """Keys by `kid`, and for how many seconds the issuer lets them be cached."""

    keys: Mapping[str, RSAPublicKey]
    max_age_seconds: float


class KeysNotFetched(Exception):
    """The issuer's keys could not be fetched this time."""


@dataclass(frozen=True)
class _Known:
    keys: Mapping[str, RSAPublicKey]
    fresh_until: float
    usable_until: float


class SigningKeys:
    """Looks keys up by `kid`. Safe from any thread.

    A set is fresh for the promised time, at least a minute, at most a day. A stale set is fetched
    anew while the old keys go on serving, for a day at most. An unknown `kid` causes a fetch too,
    at most once in 30 s (5 s after a failure).

    One fetch runs at a time, started by `start` in the background, so that a known key never waits
    for it. A few requests with unknown keys wait for its end; the rest are refused at once."""

    def __init__(
        self,
        fetch: Callable[[], KeySet],
        clock: Clock,
        start: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._start = start
        self._guard = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._known = _Known({}, fresh_until=float("-inf"), usable_until=float("-inf"))
        self._fetch_again_at = float("-inf")
        self._failed = False
        self._fetching: threading.Event | None = None

    def find(self, kid: str) -> RSAPublicKey | None:
        """Returns the key with that id, None if the issuer has none. Raises `IdentityUnavailable`
        if that cannot be determined now."""
        key = self._usable(kid)
        if key is not None and self._clock.monotonic() < self._known.fresh_until:
            return key
        fetching = self._refreshed()
        if key is not None:
            return self._usable(kid)
        if fetching is not None:
            self._wait(fetching)
        key = self._usable(kid)
        if key is None and self._failed:
            raise IdentityUnavailable
        return key

    def _usable(self, kid: str) -> RSAPublicKey | None:
        known = self._known
        return known.keys.get(kid) if self._clock.monotonic() < known.usable_until else None

    def _refreshed(self) -> threading.Event | None:
        """Starts a fetch when one is due. Returns the end of the one that runs, None if none
        does."""
        with self._guard:
            if self._fetching is not None or self._clock.monotonic() < self._fetch_again_at:
                return self._fetching
            ended = self._fetching = threading.Event()
        try:
            self._start(self._fetch_once)
        except BaseException:
            self._end_fetch(AFTER_FAILURE_SECONDS, failed=True)
            raise
        return ended

    def _wait(self, fetching: threading.Event) -> None:
        """Waits for the end of the fetch. Raises `IdentityUnavailable` when enough wait already, or
        it takes too long: what it fetches may well contain the key."""
        is_first = not self._known.keys
        if not is_first and not self._waiting.acquire(blocking=False):
            raise IdentityUnavailable
        try:
            if not fetching.wait(MAX_WAIT_SECONDS):
                raise IdentityUnavailable
        finally:
            if not is_first:
                self._waiting.release()

    def _fetch_once(self) -> None:
        try:
            fetched = self._fetch()
        except KeysNotFetched as error:
            log.warning("signing_keys_not_fetched", reason=str(error))
            self._end_fetch(AFTER_FAILURE_SECONDS, failed=True)
        except BaseException:
            self._end_fetch(AFTER_FAILURE_SECONDS, failed=True)
            raise
        else:
            now = self._clock.monotonic()
            fresh = min(max(fetched.max_age_seconds, MIN_FRESH_SECONDS), MAX_FRESH_SECONDS)
            self._known = _Known(fetched.keys, now + fresh, now + fresh + MAX_STALE_SECONDS)
            self._end_fetch(BETWEEN_FETCHES_SECONDS, failed=False)

    def _end_fetch(self, pause_seconds: float, *, failed: bool) -> None:
        with self._guard:
            ended, self._fetching = self._fetching, None
            self._failed = failed
            self._fetch_again_at = self._clock.monotonic() + pause_seconds
        if ended is not None:
            ended.set()


def published_keys(body: bytes) -> dict[str, RSAPublicKey]:
    """The usable keys of a JSON Web Key Set (RFC 7517) by `kid`: RSA, for RS256 signatures, 2048 to
    8192 bits. Raises `KeysNotFetched` if there is none, or more than 50 of any kind."""
    try:
        entries = json.loads(body)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeysNotFetched("not a key set") from None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise KeysNotFetched("not a key set")
    found = {entry["kid"]: _public_key(entry) for entry in entries if _is_ours(entry)}
    keys = {key_id: key for key_id, key in found.items() if key is not None}
    if not keys:
        raise KeysNotFetched("no usable key")
    return keys


def _is_ours(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("kid"), str)
        and entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", ALGORITHM) == ALGORITHM
    )


def _public_key(entry: dict[str, Any]) -> RSAPublicKey | None:
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": entry["n"], "e": entry["e"]})
    except (PyJWTError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(key, RSAPublicKey) or not MIN_KEY_BITS <= key.key_size <= MAX_KEY_BITS:
        return None
    return key
