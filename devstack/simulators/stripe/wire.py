"""What goes over the wire: requests and replies without Flask, so that the same account serves
HTTP and tests in process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

API_VERSION = "2026-10-28.endive"
# An object as Stripe sends it, or parameters as they were read.
Wire = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One API request. `path` starts with `/v1/` and has no query; `query` and `body` are
    form-encoded text. Header names are lower case."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """A response with `content` as JSON; a stored reply is returned as its first `text`."""

    status: int
    content: Wire | None = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> str:
        return self.text or json.dumps(self.content)
