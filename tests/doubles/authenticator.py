"""A software authenticator: makes genuine attestations and assertions (Web Authentication Level 3,
6 and 7), and, where a test says so, wrong ones."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
AAGUID = bytes(16)
ES256, EDDSA, RS256, ES384 = -7, -8, -257, -35


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One credential of one authenticator. Its attributes are what it says of itself: a test
    changes one of them to make a wrong response."""

    origin: str = "https://farebox.example.com"
    rp_id: str = "farebox.example.com"
    algorithm: int = ES256
    flags: int = PRESENT | VERIFIED
    count: int = 0
    step: int = 1
    cross_origin: bool = False
    attestation: str = "none"
    user_handle: bytes = b""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        self.key = _new_key(self.algorithm)

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """As `navigator.credentials.create` responds to these options, in JSON."""
        self.user_handle = decoded(options["user"]["id"])
        client_data = self._client_data("webauthn.create", options["challenge"])
        key = cbor2.dumps(_cose(self.key, self.algorithm))
        length = len(self.credential_id).to_bytes(2)
        attested = AAGUID + length + self.credential_id + key
        auth_data = self._auth_data(self.flags | ATTESTED) + attested
        statement: dict[str, Any] = {}
        if self.attestation == "packed":
            signed = auth_data + hashlib.sha256(client_data).digest()
            statement = {"alg": self.algorithm, "sig": self._signed(signed)}
        content = {"fmt": self.attestation, "attStmt": statement, "authData": auth_data}
        return self._credential(
            clientDataJSON=encoded(client_data),
            attestationObject=encoded(cbor2.dumps(content)),
            transports=["internal", "hybrid"],
        )

    def get(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """As `navigator.credentials.get` does."""
        self.count += self.step
        client_data = self._client_data("webauthn.get", options["challenge"])
        auth_data = self._auth_data(self.flags)
        signature = self._signed(auth_data + hashlib.sha256(client_data).digest())
        return self._credential(
            clientDataJSON=encoded(client_data),
            authenticatorData=encoded(auth_data),
            signature=encoded(signature),
            userHandle=encoded(self.user_handle),
        )

    def _credential(self, **response: Any) -> dict[str, Any]:
        own_id = encoded(self.credential_id)
        return {"id": own_id, "rawId": own_id, "type": "public-key", "response": response}

    def _client_data(self, kind: str, challenge: str) -> bytes:
        content = {"type": kind, "challenge": challenge, "origin": self.origin}
        return json.dumps(content | {"crossOrigin": self.cross_origin}).encode()

    def _auth_data(self, flags: int) -> bytes:
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_id_hash + bytes([flags]) + self.count.to_bytes(4)

    def _signed(self, content: bytes) -> bytes:
        match self.key:
            case ec.EllipticCurvePrivateKey():
                digest = SHA384() if self.algorithm == ES384 else SHA256()
                return self.key.sign(content, ec.ECDSA(digest))
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(content)
            case rsa.RSAPrivateKey():
                return self.key.sign(content, padding.PKCS1v15(), SHA256())
        raise AssertionError(self.key)


def _new_key(algorithm: int) -> Any:
    match algorithm:
        case -7:
            return ec.generate_private_key(ec.SECP256R1())
        case -35:
            return ec.generate_private_key(ec.SECP384R1())
        case -8:
            return ed25519.Ed25519PrivateKey.generate()
        case -257:
            return rsa.generate_private_key(65537, 2048)
    raise AssertionError(algorithm)


def _cose(key: Any, algorithm: int) -> dict[int, Any]:
    """The public half as a COSE key (RFC 9053, 7)."""
    public = key.public_key()
    match public:
        case ec.EllipticCurvePublicKey():
            size, curve = (48, 2) if algorithm == ES384 else (32, 1)
            point = public.public_numbers()
            return {1: 2, 3: algorithm, -1: curve, -2: point.x.to_bytes(size)} | {
                -3: point.y.to_bytes(size)
            }
        case ed25519.Ed25519PublicKey():
            return {1: 1, 3: algorithm, -1: 6, -2: public.public_bytes_raw()}
    numbers = public.public_numbers()
    return {1: 3, 3: algorithm, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}
