"""Verifies Signature Version 4 (Amazon S3 API Reference, "Authenticating Requests"): of headers, of
query strings and of form policies."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from devstack.simulators.s3.errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_LINK_SECONDS = 604_800
MAX_SKEW_MILLISECONDS = 15 * 60 * 1000
_AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=([^, ]+), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class Keys:
    """The one account's access key and its secret."""

    access_key: str
    secret_key: str

    def sign(self, credential: str, text: str) -> str:
        """The signature of a text under that credential. Raises `S3Error` for a credential that is
        not ours."""
        parts = credential.split("/")
        if len(parts) != 5 or parts[0] != self.access_key:
            raise S3Error(403, "InvalidAccessKeyId", "The service's AWS_ACCESS_KEY_ID is another.")
        _, day, region, service, end = parts
        if (service, end) != ("s3", "aws4_request"):
            raise S3Error(400, "AuthorizationHeaderMalformed")
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, region, service, end):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class SignedRequest:
    """What of a request is signed. `path` is as sent, still encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def check_request(request: SignedRequest, keys: Keys, now: int) -> None:
    """Raises `S3Error` for a request that no one who has the secret has signed, for this moment."""
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    if "X-Amz-Signature" in given:
        _check_link(request, given, keys, now)
    else:
        _check_header(request, keys, now)


def time_of(text: str) -> int:
    """Epoch milliseconds of `20261121T090000Z`. Raises `S3Error`."""
    try:
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Error(403, "AccessDenied", "X-Amz-Date is not a time") from None
    return int(moment.timestamp() * 1000)


def _check_link(request: SignedRequest, given: Mapping[str, str], keys: Keys, now: int) -> None:
    try:
        seconds = int(given["X-Amz-Expires"])
        signed, at = given["X-Amz-SignedHeaders"], given["X-Amz-Date"]
        credential = given["X-Amz-Credential"]
    except (KeyError, ValueError):
        raise S3Error(400, "AuthorizationQueryParametersError") from None
    if given.get("X-Amz-Algorithm") != ALGORITHM or not 0 < seconds <= MAX_LINK_SECONDS:
        raise S3Error(400, "AuthorizationQueryParametersError")
    began = time_of(at)
    if not began - MAX_SKEW_MILLISECONDS <= now < began + seconds * 1000:
        raise S3Error(403, "AccessDenied", "Request has expired")
    text = _text(request, signed, at, credential, "UNSIGNED-PAYLOAD")
    if not hmac.compare_digest(keys.sign(credential, text), given["X-Amz-Signature"]):
        raise S3Error(403, "SignatureDoesNotMatch")


def _check_header(request: SignedRequest, keys: Keys, now: int) -> None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    matched = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not matched:
        raise S3Error(403, "AccessDenied", "There is no signature")
    credential, signed, signature = matched.groups()
    at, payload = headers.get("x-amz-date", ""), headers.get("x-amz-content-sha256", "")
    if abs(time_of(at) - now) > MAX_SKEW_MILLISECONDS:
        raise S3Error(403, "RequestTimeTooSkewed")
    if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(request.body).hexdigest()):
        raise S3Error(400, "XAmzContentSHA256Mismatch")
    text = _text(request, signed, at, credential, payload)
    if not hmac.compare_digest(keys.sign(credential, text), signature):
        raise S3Error(403, "SignatureDoesNotMatch")


def _text(request: SignedRequest, signed: str, at: str, credential: str, payload: str) -> str:
    """The string to sign."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    names = signed.split(";")
    if "host" not in names:
        raise S3Error(403, "AccessDenied", "host must be signed")
    lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names)
    canonical = "\n".join(
        (request.method, request.path, _canonical_query(request.query), lines, signed, payload)
    )
    scope = credential.partition("/")[2]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return "\n".join((ALGORITHM, at, scope, digest))


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in pairs
        if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in encoded)
