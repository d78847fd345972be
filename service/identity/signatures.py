"""Signed requests (HTTP Message Signatures, RFC 9421): what must be covered, and for how long a
signature holds. `http-message-signatures` builds the signature base and checks signature and
digest; times are checked here, by the service's clock."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import http_sf
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    MappingKeyResolver,
    VerifyResult,
    algorithms,
)

from service.identity.entities import SignatureFault, SignatureRejected
from service.identity.operator_keys import ED25519, HMAC_SHA256, OperatorKey

MAX_LIFE_SECONDS = 60
# How far the signer's clock may be ahead of ours.
SKEW_SECONDS = 5
MAX_FIELD = 4096
COVERED = ("@method", "@authority", "@path", "@query", "content-digest")
IDEMPOTENCY_HEADER = "idempotency-key"

# Nothing that ends an authority, or a path (RFC 3986, 3.2 to 3.5): a server that passes on any Host
# would let it move the signed path.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_TARGET = re.compile(r"/[^#\s]*")
_NONCE = re.compile(r"[A-Za-z0-9_+/=-]{16,64}")
_ALGORITHMS: Mapping[str, type[HTTPSignatureAlgorithm]] = {
    ED25519: algorithms.ED25519,
    HMAC_SHA256: algorithms.HMAC_SHA256,
}


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came. `target` is its path and query, not decoded; names of `headers` are in
    lower case. `body` reads the body, within the route's limits."""

    method: str
    authority: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: Callable[[], bytes] = field(repr=False)

    @property
    def url(self) -> str:
        """The path is signed as it came. Clients leave the default port out of the authority, and
        TLS ends at the balancer: `http` is only to make an address of it."""
        return f"http://{self.authority}{self.target}"


@dataclass(frozen=True)
class Parameters:
    """What a signature says of itself; times in epoch seconds."""

    key_id: str
    created: int
    expires: int
    nonce: str


def read_parameters(request: SignedRequest, now_seconds: float) -> Parameters:
    """The parameters of the request's one signature. Raises `SignatureRejected`: malformed, or not
    valid at this time."""
    given = _declared(request)
    key_id, created = given.get("keyid"), given.get("created")
    expires, nonce = given.get("expires"), given.get("nonce")
    if type(created) is not int or type(expires) is not int:
        raise SignatureRejected(SignatureFault.MALFORMED)
    if not isinstance(key_id, str) or not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise SignatureRejected(SignatureFault.MALFORMED)
    is_short = 0 < expires - created <= MAX_LIFE_SECONDS
    if not is_short or not created - SKEW_SECONDS <= now_seconds < expires:
        raise SignatureRejected(SignatureFault.TIME)
    return Parameters(key_id, created, expires, nonce)


def verify(request: SignedRequest, key_id: str, key: OperatorKey | None) -> None:
    """Checks the signature, then the body against the digest that it covers: nothing of the body
    is read for a stranger. An unknown key (None) is a wrong signature. Raises
    `SignatureRejected`."""
    if key is None:
        raise SignatureRejected(SignatureFault.SIGNATURE)
    verifier = _Verifier(
        signature_algorithm=_ALGORITHMS[key.algorithm],
        key_resolver=MappingKeyResolver(public_keys={key_id: key.key}, private_keys={}),
    )
    try:
        results = verifier.verify(request, require_components=_required(request))
    except HTTPMessageSignaturesException:
        raise SignatureRejected(SignatureFault.SIGNATURE) from None
    _check_body(verifier, request, results)


def _check_body(
    verifier: HTTPMessageVerifier, request: SignedRequest, results: list[VerifyResult]
) -> None:
    try:
        verifier.verify_body(request, results, request.body())
    except HTTPMessageSignaturesException:
        raise SignatureRejected(SignatureFault.DIGEST) from None


def _required(request: SignedRequest) -> tuple[str, ...]:
    """A key that was not signed could be changed on the way, and the repeated request would then do
    the same again."""
    extra = (IDEMPOTENCY_HEADER,) if IDEMPOTENCY_HEADER in request.headers else ()
    return (*COVERED, *extra)


def _declared(request: SignedRequest) -> Mapping[str, Any]:
    text = request.headers.get("signature-input", "")
    if not text or len(text) > MAX_FIELD or not _is_one_address(request):
        raise SignatureRejected(SignatureFault.MALFORMED)
    try:
        members: Any = http_sf.parse(text.encode(), tltype="dictionary")
        ((_, parameters),) = members.values()
    except (ValueError, TypeError):
        raise SignatureRejected(SignatureFault.MALFORMED) from None
    given: Mapping[str, Any] = parameters
    return given


def _is_one_address(request: SignedRequest) -> bool:
    """Whether the path of `request.url` is that of the target, and no other."""
    if not _AUTHORITY.fullmatch(request.authority) or not _TARGET.fullmatch(request.target):
        return False
    try:
        return urlsplit(request.url).port != 0
    except ValueError:
        return False


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """`read_parameters` has checked them, more strictly."""
        del sig_input, max_age
