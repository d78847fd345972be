"""The page's static files. Each address names its content, so that caches may keep it for good."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from flask import Response, request

CACHE_CONTROL = "public, max-age=31536000, immutable"

_MIMETYPES = {"css": "text/css", "js": "text/javascript"}


@dataclass(frozen=True)
class Asset:
    """One file. A `gzipped` body is unpacked only for clients that do not accept gzip."""

    name: str
    kind: str
    body: bytes
    gzipped: bool = False

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        """The name with the digest in it. While a deployment is being replaced, a process of the
        other release has no file of this name and responds 404; with the digest in the query it
        would respond with its own file, which caches would then keep for a year."""
        return f"{self.name}-{self.digest}.{self.kind}"

    def response(self) -> Response:
        """The file for the current request, or 304 for a client that has it (RFC 9110, 13.1.2)."""
        compressed = self.gzipped and request.accept_encodings["gzip"] > 0
        body = gzip.decompress(self.body) if self.gzipped and not compressed else self.body
        response = Response(body, mimetype=_MIMETYPES[self.kind])
        response.headers["Cache-Control"] = CACHE_CONTROL
        if self.gzipped:
            response.vary.add("Accept-Encoding")
        if compressed:
            response.content_encoding = "gzip"
        # Two encodings are two representations: each has an ETag of its own (RFC 9110, 8.8.3.3).
        response.set_etag(f"{self.digest}-gzip" if compressed else self.digest)
        conditional: Response = response.make_conditional(request)  # type: ignore[assignment]
        return conditional


def own_asset(name: str, kind: str) -> Asset:
    """A file of ours, from `static/`."""
    return Asset(name, kind, (files("service.web.docs") / "static" / f"{name}.{kind}").read_bytes())
