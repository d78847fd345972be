"""Bedrock's authentication: AWS Signature Version 4, or an API key as bearer
(AWS General Reference, "Create a signed AWS API request")."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from devstack.simulators.bedrock.errors import BedrockError

MAX_SKEW_SECONDS = 300

_BEARER = "Bearer "
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z-]+)/aws4_request, ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Keys:
    """What the account accepts."""

    access_key: str
    secret_key: str
    region: str
    api_key: str


def check(
    keys: Keys, method: str, raw_path: str, headers: Mapping[str, str], body: bytes, now: int
) -> None:
    """Returns for a valid signature and for the API key. `raw_path` is the path as it was sent,
    still encoded; header names are in lower case; `now` is in epoch milliseconds.

    Raises `BedrockError`."""
    given = headers.get("authorization", "")
    if not given:
        raise BedrockError("MissingAuthenticationTokenException")
    if given.startswith(_BEARER):
        token = given.removeprefix(_BEARER).encode("utf-8", "replace")
        if not keys.api_key or not hmac.compare_digest(token, keys.api_key.encode()):
            raise BedrockError("AccessDeniedException", "Invalid API Key format")
        return
    matched = _AUTHORIZATION.fullmatch(given)
    if matched is None:
        raise BedrockError("InvalidSignatureException", "The authorization header is malformed.")
    if matched["key"] != keys.access_key:
        raise BedrockError("UnrecognizedClientException")
    if (matched["service"], matched["region"]) != ("bedrock", keys.region):
        raise BedrockError("InvalidSignatureException", "Credential should be scoped correctly.")
    _check_moment(headers.get("x-amz-date", ""), matched["day"], now)
    if not hmac.compare_digest(
        _signature(keys, matched, f"{method}\n{raw_path}", headers, body), matched["signature"]
    ):
        raise BedrockError("InvalidSignatureException")


def _check_moment(text: str, day: str, now: int) -> None:
    try:
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise BedrockError("InvalidSignatureException", "x-amz-date is missing.") from None
    if not text.startswith(day) or abs(moment - now / 1000) > MAX_SKEW_SECONDS:
        raise BedrockError("InvalidSignatureException", "Signature expired or not yet current.")


def _signature(
    keys: Keys, matched: re.Match[str], line: str, headers: Mapping[str, str], body: bytes
) -> str:
    method, raw_path = line.split("\n")
    names = matched["names"].split(";")
    if "host" not in names or "x-amz-date" not in names:
        raise BedrockError("InvalidSignatureException", "host and x-amz-date must be signed.")
    lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names)
    path, _, query = raw_path.partition("?")
    digest = hashlib.sha256(body).hexdigest()
    request = "\n".join([method, quote(path, safe="/-_.~"), query, lines, matched["names"], digest])
    scope = f"{matched['day']}/{matched['region']}/{matched['service']}/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashed}"
    key = f"AWS4{keys.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
