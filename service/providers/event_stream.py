"""AWS's binary event streams, as they come in
(https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html, "Message
structure"; the same format everywhere).

botocore's own reader belongs to its own transport, which has no limit for a whole response."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# A message of Bedrock's holds a piece of text.
MAX_MESSAGE_BYTES = 1024 * 1024

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_STRING = 7
# The length of a header's value by its type; of bytes (6) and strings, it stands before the value.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class BadMessage(Exception):
    """What came in is no event stream."""


@dataclass(frozen=True)
class StreamMessage:
    """One message. `headers` has only those that are strings."""

    headers: Mapping[str, str]
    payload: bytes


class MessageReader:
    """Reads the messages of one stream, and checks each of their sums."""

    def __init__(self) -> None:
        self._unread = bytearray()

    def feed(self, piece: bytes) -> Iterator[StreamMessage]:
        """The messages that this piece completes. Raises `BadMessage`."""
        self._unread += piece
        while len(self._unread) >= _PRELUDE.size:
            total, headers, crc = _PRELUDE.unpack_from(self._unread)
            if zlib.crc32(self._unread[: _PRELUDE.size - _CRC.size]) != crc:
                raise BadMessage
            overhead = _PRELUDE.size + _CRC.size
            if not overhead + headers <= total <= MAX_MESSAGE_BYTES:
                raise BadMessage
            if len(self._unread) < total:
                return
            message = bytes(self._unread[:total])
            del self._unread[:total]
            yield _message(message, headers)


def _message(message: bytes, headers: int) -> StreamMessage:
    (crc,) = _CRC.unpack_from(message, len(message) - _CRC.size)
    if zlib.crc32(message[: -_CRC.size]) != crc:
        raise BadMessage
    starts = _PRELUDE.size + headers
    try:
        read = dict(_headers(message[_PRELUDE.size : starts]))
    except (struct.error, IndexError, KeyError, UnicodeDecodeError):
        raise BadMessage from None
    return StreamMessage(read, message[starts : -_CRC.size])


def _headers(block: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(block):
        ends = place + 1 + block[place]
        name, kind = block[place + 1 : ends].decode(), block[ends]
        place = ends + 1
        size = _SIZES.get(kind)
        if size is None:
            if kind not in (6, _STRING):
                raise BadMessage
            (size,) = _LENGTH.unpack_from(block, place)
            place += _LENGTH.size
        value = block[place : place + size]
        if len(value) < size:
            raise BadMessage
        if kind == _STRING:
            yield name, value.decode()
        place += size
