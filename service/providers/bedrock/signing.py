"""Signs requests to Bedrock: AWS Signature Version 4 for POSTs of JSON (AWS General Reference,
"Create a signed AWS API request"). The tests hold it against botocore's own signer."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote, urlsplit

from service.core.clock import Clock, compact
from service.storage.credentials import NoCredentials
from service.storage.secrets import SecretUnavailable
from service.storage.signing import signing_key

SERVICE = "bedrock"
CONTENT_TYPE = "application/json"
_ALGORITHM = "AWS4-HMAC-SHA256"


class AwsKeys(Protocol):
    """Keys as botocore has them."""

    @property
    def access_key(self) -> str | None: ...

    @property
    def secret_key(self) -> str | None: ...

    @property
    def token(self) -> str | None: ...


class BedrockSigner:
    """Returns the headers of signed requests. Safe from any thread."""

    def __init__(self, credentials: Callable[[], AwsKeys], region: str, clock: Clock) -> None:
        self._credentials = credentials
        self._region = region
        self._clock = clock

    def headers(self, url: str, body: bytes) -> dict[str, str]:
        """The headers of a POST of that body to that address, which has no query. Raises
        `SecretUnavailable` when there are no credentials."""
        try:
            credentials = self._credentials()
        except NoCredentials as error:
            raise SecretUnavailable from error
        parts, moment = urlsplit(url), compact(self._clock.now())
        signed = {"content-type": CONTENT_TYPE, "host": parts.netloc, "x-amz-date": moment}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        # Every service but S3 signs a path that is encoded once more than it is sent.
        path, digest = quote(parts.path, safe="/-_.~"), hashlib.sha256(body).hexdigest()
        request = f"POST\n{path}\n\n{lines}\n{names}\n{digest}"
        scope = f"{moment[:8]}/{self._region}/{SERVICE}/aws4_request"
        hashed = hashlib.sha256(request.encode()).hexdigest()
        key = signing_key(credentials.secret_key or "", moment[:8], self._region, SERVICE)
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashed}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        # Whoever sends it names the host.
        del signed["host"]
        return signed
