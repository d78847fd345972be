"""A client of the operators' API, for commands: signs each request (HTTP Message Signatures,
RFC 9421), and repeats one whose response was lost under the same idempotency key."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPSignatureAlgorithm,
    MappingKeyResolver,
    SigningKey,
    algorithms,
)
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from service.core.clock import Clock, utc

LIFE_MILLISECONDS = 55_000
TRIES = 4
PAUSE_SECONDS = 1.0
CALL_SECONDS = 30.0
COVERED = ("@method", "@authority", "@path", "@query", "content-digest")
IDEMPOTENCY_HEADER = "Idempotency-Key"

_NONCE_BYTES = 24
_REPEATED = (429, 503)

Send = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]
"""Sends method, address, headers and body, and returns status and body. Raises `NoResponse`."""


class KeyUnusable(Exception):
    """What was given as a key does not sign."""


class NoResponse(Exception):
    """No response came: the request may have arrived."""


@dataclass(frozen=True)
class OperatorKey:
    """A key that signs."""

    key_id: str
    algorithm: type[HTTPSignatureAlgorithm]
    key: SigningKey = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """A response in the envelope of the API."""

    status: int
    content: Mapping[str, Any]

    @property
    def data(self) -> Any:
        return self.content.get("data")


@dataclass
class _Message:
    """A request to be signed."""

    method: str
    url: str
    headers: dict[str, str]


def key_of_text(text: str) -> OperatorKey:
    """`key id:algorithm:key`, the first of several separated by commas: `hmac-sha256` with the
    secret, or `ed25519` with the private key's 32 bytes in base64. Raises `KeyUnusable`."""
    key_id, _, rest = text.split(",")[0].strip().partition(":")
    algorithm, _, key = rest.partition(":")
    return _key(key_id, algorithm, key)


def key_of_secret(text: str, key_id: str) -> OperatorKey:
    """The key with that id in a secret like that of `OPERATOR_KEYS_SECRET_NAME`; an Ed25519 key has
    `privateKey` there. Raises `KeyUnusable`."""
    try:
        fields = json.loads(text)[key_id]
        algorithm = fields["algorithm"]
        key = fields["privateKey" if algorithm == "ed25519" else "secret"]
    except (ValueError, KeyError, TypeError):
        raise KeyUnusable(f"The secret has no key {key_id} that signs.") from None
    return _key(key_id, algorithm, key)


def _key(key_id: str, algorithm: str, text: str) -> OperatorKey:
    if not key_id or not text:
        raise KeyUnusable("A key is given as key id:algorithm:key.")
    if algorithm == "hmac-sha256":
        return OperatorKey(key_id, algorithms.HMAC_SHA256, text.encode())
    if algorithm != "ed25519":
        raise KeyUnusable(f"The algorithm of {key_id} must be ed25519 or hmac-sha256.")
    try:
        raw = base64.b64decode(text, validate=True)
        return OperatorKey(key_id, algorithms.ED25519, Ed25519PrivateKey.from_private_bytes(raw))
    except ValueError:
        raise KeyUnusable(f"{key_id} is no private key: 32 bytes in base64.") from None


class AdminClient:
    """Calls the operators' API at `url`, the address of the service."""

    def __init__(self, url: str, key: OperatorKey, send: Send, clock: Clock) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._send = send
        self._clock = clock

    def get(self, path: str) -> Reply:
        """Raises `NoResponse`."""
        return self._repeated("GET", path, b"", {})

    def post(self, path: str, body: Mapping[str, object], idempotency_key: str) -> Reply:
        """Raises `NoResponse` when none came after some tries: the same key finds out."""
        headers = {"Content-Type": "application/json", IDEMPOTENCY_HEADER: idempotency_key}
        return self._repeated("POST", path, json.dumps(body).encode(), headers)

    def _repeated(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Each try is signed anew: a nonce is accepted once."""
        for _ in range(TRIES - 1):
            try:
                reply = self._once(method, path, body, headers)
            except NoResponse:
                self._clock.sleep(PAUSE_SECONDS)
                continue
            if reply.status not in _REPEATED:
                return reply
            self._clock.sleep(PAUSE_SECONDS)
        return self._once(method, path, body, headers)

    def _once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        message = _Message(method, self._url + path, dict(headers))
        now = self._clock.now()
        resolver = MappingKeyResolver(
            public_keys={}, private_keys={self._key.key_id: self._key.key}
        )
        signer = HTTPMessageSigner(signature_algorithm=self._key.algorithm, key_resolver=resolver)
        extra = tuple(name.lower() for name in headers if name == IDEMPOTENCY_HEADER)
        signer.sign(
            message,
            key_id=self._key.key_id,
            created=utc(now),
            expires=utc(now + LIFE_MILLISECONDS),
            nonce=secrets.token_urlsafe(_NONCE_BYTES),
            label="farebox",
            covered_component_ids=(*COVERED[:-1], *extra),
            body=body,
        )
        status, raw = self._send(method, message.url, message.headers, body)
        try:
            content = json.loads(raw)
        except ValueError:
            raise NoResponse(f"HTTP {status} without JSON") from None
        return Reply(status, content if isinstance(content, dict) else {})


def sender(pool: PoolManager) -> Send:
    """Sends over that pool; redirects are not followed, and nothing is retried."""

    def send(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        try:
            response = pool.request(
                method,
                url,
                headers=dict(headers),
                body=body or None,
                timeout=Timeout(total=CALL_SECONDS),
                redirect=False,
            )
        except (HTTPError, HTTPException, OSError) as error:
            raise NoResponse(type(error).__name__) from error
        return response.status, response.data

    return send
