"""Signs requests to DynamoDB: AWS Signature Version 4 for the one form of request that its JSON
protocol has (AWS General Reference, "Create a signed AWS API request").

botocore's own signer prepares a request of any form for any service and takes seven times as long.
The tests hold this one against it."""

import hashlib
import hmac
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.core.clock import Clock, compact

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

CONTENT_TYPE = "application/x-amz-json-1.0"
_ALGORITHM = "AWS4-HMAC-SHA256"
_TARGET = "DynamoDB_20120810."
_USUAL_PORTS = {"http": 80, "https": 443}


class Signer:
    """Returns the headers of signed requests. Safe from any thread."""

    def __init__(
        self,
        credentials: Callable[[], "ReadOnlyCredentials"],
        url: str,
        region: str,
        clock: Clock,
    ) -> None:
        self._credentials = credentials
        self._host = _host(url)
        self._region = region
        self._clock = clock
        self._skew = 0
        self._derived: tuple[tuple[str, str], bytes] = (("", ""), b"")

    def headers(self, operation: str, body: bytes) -> dict[str, str]:
        """The headers of a POST of that body to `/`. Raises when there are no credentials."""
        credentials = self._credentials()
        moment = compact(self._clock.now() + self._skew)
        signed = {
            "content-type": CONTENT_TYPE,
            "host": self._host,
            "x-amz-date": moment,
            "x-amz-target": _TARGET + operation,
        }
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join(f"{name}:{_trimmed(signed[name])}\n" for name in names)
        named, digest = ";".join(names), hashlib.sha256(body).hexdigest()
        request = f"POST\n/\n\n{lines}\n{named}\n{digest}"
        scope = f"{moment[:8]}/{self._region}/dynamodb/aws4_request"
        hashed = hashlib.sha256(request.encode()).hexdigest()
        key = self._key(credentials.secret_key or "", moment[:8])
        signature = _hmac(key, f"{_ALGORITHM}\n{moment}\n{scope}\n{hashed}").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={named}, Signature={signature}"
        )
        return signed

    def set_clock(self, date: str) -> None:
        """From now on, signs with the time of that HTTP date. Ignores what is no date."""
        try:
            moment = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError, OverflowError):
            return
        self._skew = int(moment * 1000) - self._clock.now()

    def _key(self, secret_key: str, day: str) -> bytes:
        """The key of a day; the latest is kept."""
        source, key = self._derived
        if source != (secret_key, day):
            key = signing_key(secret_key, day, self._region, "dynamodb")
            self._derived = ((secret_key, day), key)
        return key


def signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """The key that signs the requests of one day to one service of a region."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _host(url: str) -> str:
    """The `Host` header of requests to that address: in lower case, with a port if it is not the
    usual one (RFC 9110, 7.2)."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    unusual = parts.port and parts.port != _USUAL_PORTS.get(parts.scheme)
    return f"{host}:{parts.port}" if unusual else host


def _trimmed(value: str) -> str:
    """A header's value as it is signed: no space around it, and single ones within."""
    return " ".join(value.split())


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
