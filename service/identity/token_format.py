"""The form of a signed token (RFC 7515, RFC 7519, RFC 8725), whoever issued it."""

import base64
import binascii
import json
import re
from collections.abc import Collection
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWS
from jwt.exceptions import InvalidSignatureError, PyJWTError

from service.identity.entities import Rejection, TokenRejected

MAX_TOKEN = 8192
PLAIN_TYPES = (None, "jwt")
"""The `typ` of a token whose issuer names none: left out, or JWT in any case."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

PublicKey = RSAPublicKey | EllipticCurvePublicKey


def check_form(token: str) -> None:
    """Refuses whatever is not three segments of base64url, 8 KB at most. Raises `TokenRejected`."""
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise TokenRejected(Rejection.MALFORMED)


def claimed_issuer(token: str) -> str:
    """The `iss` that a token of that form claims. Nothing is verified: it only decides whose rules
    the token has to meet. Raises `TokenRejected`."""
    issuer = _object(_decoded(token.split(".")[1])).get("iss")
    if not isinstance(issuer, str):
        raise TokenRejected(Rejection.ISSUER)
    return issuer


def key_id_of(token: str, algorithm: str, types: Collection[str | None]) -> str:
    """The `kid` of a token whose header has exactly that algorithm and one of those types, in lower
    case (None: no type). Keys and addresses of keys in the header are not read. Raises
    `TokenRejected`."""
    header = _object(_decoded(token.split(".")[0]))
    if header.get("alg") != algorithm:
        raise TokenRejected(Rejection.ALGORITHM)
    if _type_of(header) not in types:
        raise TokenRejected(Rejection.TYPE)
    if "crit" in header:
        raise TokenRejected(Rejection.MALFORMED)
    key_id = header.get("kid")
    if key_id is None:
        raise TokenRejected(Rejection.KEY)
    if not isinstance(key_id, str):
        raise TokenRejected(Rejection.MALFORMED)
    return key_id


def signed_claims(token: str, key: PublicKey | None, algorithm: str) -> dict[str, Any]:
    """The claims of a token that this key has signed; None is a key that the issuer does not have.
    Raises `TokenRejected`."""
    if key is None:
        raise TokenRejected(Rejection.KEY)
    try:
        payload = PyJWS().decode(token, key, algorithms=[algorithm])
    except InvalidSignatureError:
        raise TokenRejected(Rejection.SIGNATURE) from None
    except (PyJWTError, ValueError, RecursionError):
        raise TokenRejected(Rejection.MALFORMED) from None
    return _object(payload)


def _type_of(header: dict[str, Any]) -> str | None:
    if "typ" not in header:
        return None
    if not isinstance(header["typ"], str):
        raise TokenRejected(Rejection.TYPE)
    return header["typ"].lower()


def _decoded(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise TokenRejected(Rejection.MALFORMED) from None


def _object(raw: bytes) -> dict[str, Any]:
    """A JSON object in which no name is repeated: two readers could take a different one."""
    try:
        content = json.loads(raw, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        raise TokenRejected(Rejection.MALFORMED) from None
    if not isinstance(content, dict):
        raise TokenRejected(Rejection.MALFORMED)
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a repeated name")
    return content
