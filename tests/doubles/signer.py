"""An operator's machine: signs requests as RFC 9421 says, well or badly."""

import base64
import datetime
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    MappingKeyResolver,
    algorithms,
)

COVERED = ("@method", "@authority", "@path", "@query", "content-digest")
SHARED_SECRET = "operator-secret-of-the-tests-0123456789"
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
_nonces = itertools.count()


@dataclass
class Message:
    """A request to be signed."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Signer:
    """Signs with one key. The changes of a test are the arguments of `sign`."""

    key_id: str = "machine"
    key: Any = SHARED_SECRET.encode()
    algorithm: type[Any] = algorithms.HMAC_SHA256

    def sign(
        self,
        method: str,
        path: str,
        now_seconds: float,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        created: float = 0,
        life: float | None = 60,
        nonce: str | None = "",
        authority: str = "localhost",
        covered: Sequence[str] | None = None,
    ) -> dict[str, str]:
        """The headers of the signed request. `created` is seconds from now."""
        message = Message(method, f"http://{authority}{path}", dict(headers or {}))
        message.headers["Content-Digest"] = ContentDigest.create(body)
        names = {name.lower() for name in message.headers}
        usual = (*COVERED, *(("idempotency-key",) if "idempotency-key" in names else ()))
        resolver = MappingKeyResolver(public_keys={}, private_keys={self.key_id: self.key})
        signer = HTTPMessageSigner(signature_algorithm=self.algorithm, key_resolver=resolver)
        at = now_seconds + created
        signer.sign(
            message,
            key_id=self.key_id,
            created=_time(at),
            expires=None if life is None else _time(at + life),
            nonce=f"nonce-of-the-tests-{next(_nonces)}" if nonce == "" else nonce,
            label="sig1",
            covered_component_ids=tuple(usual if covered is None else covered),
            use_existing_digest=True,
        )
        return message.headers


MACHINE = Signer()
LAPTOP = Signer("laptop", PRIVATE_KEY, algorithms.ED25519)
PUBLIC_KEY = base64.b64encode(
    PRIVATE_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()
OPERATORS_SECRET = json.dumps(
    {
        "machine": {"algorithm": "hmac-sha256", "secret": SHARED_SECRET},
        "laptop": {"algorithm": "ed25519", "publicKey": PUBLIC_KEY, "operator": "test|anna"},
    }
)


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
