"""HTTP to servers on this machine. Ignores proxy settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from devstack.errors import LocalSetupError


@dataclass(frozen=True)
class Response:
    """The response of a server."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Parses the body. Raises `LocalSetupError` if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise LocalSetupError(
                f"The response is not JSON (status {self.status}): {self.body[:200]!r}"
            ) from None


def call(
    method: str,
    url: str,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = 40.0,
) -> Response:
    """Sends one request with `body` as JSON, without following redirects. Raises `OSError` if no
    complete response arrives within `seconds`."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    content = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    try:
        connection.request(
            method,
            f"{parts.path or '/'}{parts.query and '?'}{parts.query}",
            content,
            kind | dict(headers or {}),
        )
        response = connection.getresponse()
        return Response(response.status, response.read(), dict(response.getheaders()))
    except HTTPException as error:
        raise ConnectionError(f"{method} {url}: {error!r}") from error
    finally:
        connection.close()
