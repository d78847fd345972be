"""The size of a JPEG or PNG, read from its header; no pixel is decoded.

Our own code, because the work must be bounded: it is done in the event loop, on what a stranger
sent. Pillow and imagesize follow any number of segments: 10 MB of empty ones keep them busy for 2
to 3 seconds. Here the number of parts is bounded, and each is skipped by its length.

Sources: ITU T.81, Annex B (JPEG); PNG Specification (Third Edition), 5 and 11.2.1."""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

MAX_PARTS = 4096

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = struct.Struct(">I4sIIBBBBBI")
_PNG_CHUNK = struct.Struct(">I4s")
_PNG_CHUNK_BYTES = 12
# Allowed bit depths by colour type.
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}

# The next marker, behind fill bytes and whatever else libjpeg skips. Without a repetition, which
# would make the search quadratic.
_JPEG_MARKER = re.compile(rb"\xff([^\xff\x00])")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_FRAME = struct.Struct(">HBHHB")
_JPEG_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_JPEG_MISPLACED = frozenset((0xD8, 0xD9))


class HeaderUnreadable(Exception):
    """The message says what is wrong with the image, in a sentence for its sender."""


@dataclass(frozen=True)
class Size:
    """In pixels, as stored: turning the image by its EXIF data may exchange the two."""

    width: int
    height: int


def read_size(image: bytes) -> Size:
    """Raises `HeaderUnreadable` for what is neither JPEG nor PNG, for a damaged header, and for
    data that ends before the image does, as far as that can be known without decoding it."""
    if image.startswith(_PNG):
        return _read(_png_size, image)
    if image.startswith(_JPEG):
        return _read(_jpeg_size, image)
    raise HeaderUnreadable("The image is neither a JPEG nor a PNG.")


def _read(read: Callable[[bytes], Size], image: bytes) -> Size:
    try:
        return read(image)
    except struct.error:
        raise _cut_off() from None


def _png_size(image: bytes) -> Size:
    length, kind, width, height, depth, colour, compression, filters, interlace, checksum = (
        _PNG_HEADER.unpack_from(image, len(_PNG))
    )
    is_valid = (
        (length, kind, compression, filters) == (13, b"IHDR", 0, 0)
        and depth in _PNG_DEPTHS.get(colour, ())
        and interlace in (0, 1)
        and 0 < width < 2**31
        and 0 < height < 2**31
        and zlib.crc32(image[12:29]) == checksum
    )
    if not is_valid:
        raise _damaged()
    _check_png_chunks(image)
    return Size(width, height)


def _check_png_chunks(image: bytes) -> None:
    """Raises unless pixels come within `MAX_PARTS` chunks, and the image ends where its chunks
    say, as far as they were followed."""
    position, has_pixels = len(_PNG), False
    for _ in range(MAX_PARTS):
        length, kind = _PNG_CHUNK.unpack_from(image, position)
        position += _PNG_CHUNK_BYTES + length
        if position > len(image):
            raise _cut_off()
        has_pixels = has_pixels or kind == b"IDAT"
        if kind == b"IEND":
            break
    if not has_pixels:
        raise _damaged()


def _jpeg_size(image: bytes) -> Size:
    position, size = 2, None
    for _ in range(MAX_PARTS):
        marker, position = _jpeg_marker(image, position)
        if marker in _JPEG_WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", image, position)
        if marker in _JPEG_FRAMES:
            size = _jpeg_frame(image, position)
        if marker == _JPEG_SCAN and size:
            _check_jpeg_end(image, position + length)
            return size
        if length < 2 or marker in (_JPEG_SCAN, *_JPEG_MISPLACED):
            raise _damaged()
        position += length
    raise _damaged()


def _jpeg_marker(image: bytes, position: int) -> tuple[int, int]:
    """The next marker, and where what follows it begins."""
    found = _JPEG_MARKER.search(image, position)
    if found is None:
        raise _cut_off()
    return found[1][0], found.end()


def _jpeg_frame(image: bytes, position: int) -> Size:
    length, precision, height, width, components = _JPEG_FRAME.unpack_from(image, position)
    if length != 8 + 3 * components or not (precision and height and width and components):
        raise _damaged()
    return Size(width, height)


def _check_jpeg_end(image: bytes, scan: int) -> None:
    """Within a scan, 0xFF is followed by 0 or a restart marker: the end marker is an end."""
    if image.find(_JPEG_END, scan) < 0:
        raise _cut_off()


def _damaged() -> HeaderUnreadable:
    return HeaderUnreadable("The image's header cannot be read; the file is damaged.")


def _cut_off() -> HeaderUnreadable:
    return HeaderUnreadable("The image is cut off: its data ends before the image does.")
