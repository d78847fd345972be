"""What a browser does with the form of an upload."""

from collections.abc import Mapping
from typing import Any

import requests

MULTIPART = "multipart/form-data; boundary="


def post_form(
    url: str,
    fields: Mapping[str, str],
    file: bytes,
    *,
    name: str = "file",
    filename: str = "file.bin",
) -> requests.Response:
    """Posts the fields, then the file."""
    parts: list[tuple[str, Any]] = [(each, (None, text)) for each, text in fields.items()]
    parts.append((name, (filename, file, "application/octet-stream")))
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, files=parts, timeout=20)


def fetch(url: str, **headers: str) -> requests.Response:
    """Fetches a link as a provider does."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=20)
