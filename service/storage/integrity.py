"""Whether a response is DynamoDB's own. Pure.

Something between us and DynamoDB (a proxy, a sign-in page, a load balancer) can respond in its
place. botocore takes a body that is no JSON behind a status of 200 for an empty success, and in
the standard retry mode it does not check the CRC."""

import json
import zlib
from collections.abc import Mapping

_CONTENT_TYPE = "application/x-amz-json-"


def response_fault(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Why DynamoDB cannot have sent this response; empty if it can have. Header names in any case.

    DynamoDB sends JSON with the CRC-32 of the body (Amazon DynamoDB Developer Guide, Low-level
    API). DynamoDB Local leaves the CRC out of its errors, which name their kind in `__type`."""
    values = {name.lower(): value for name, value in headers.items()}
    if not values.get("content-type", "").startswith(_CONTENT_TYPE):
        return "the content type is not DynamoDB's"
    crc = values.get("x-amz-crc32")
    if crc is None and status < 300:
        return "the CRC is missing"
    if crc is not None and crc != str(zlib.crc32(body)):
        return "the CRC is not that of the body"
    content = _object(body)
    if content is None:
        return "the body is not a JSON object"
    if status >= 300 and not isinstance(content.get("__type"), str):
        return "the error does not name its kind"
    return ""


def _object(body: bytes) -> Mapping[str, object] | None:
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
