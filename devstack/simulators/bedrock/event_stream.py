"""Messages of AWS's binary event streams: prelude, headers, payload, and a checksum of each."""

import json
import struct
import zlib
from collections.abc import Mapping

_STRING = 7


def event(kind: str, content: Mapping[str, object]) -> bytes:
    """One event, with a JSON payload."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encoded(headers, json.dumps(content).encode())


def exception(name: str, message: str) -> bytes:
    """An exception, which ends the stream. Its name begins with a small letter."""
    headers = {
        ":exception-type": name[:1].lower() + name[1:],
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return encoded(headers, json.dumps({"message": message}).encode())


def encoded(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message. All headers are strings."""
    block = b"".join(
        bytes([len(name)]) + name.encode() + struct.pack(">BH", _STRING, len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return head + struct.pack(">I", zlib.crc32(head))
