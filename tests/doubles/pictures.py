"""Real JPEGs and PNGs, of any size in pixels and in bytes."""

import base64
import io
import struct
import zlib

from PIL import Image

MEGABYTE = 1024 * 1024


def png(width: int = 320, height: int = 320, *, comment: bytes = b"") -> bytes:
    """A PNG of one colour. The comment is a text chunk before the pixels."""
    return with_png_chunk(_encoded("PNG", width, height), b"tEXt", b"Comment\0" + comment)


def jpeg(width: int = 320, height: int = 320, *, comment: bytes = b"") -> bytes:
    """A JPEG of one colour. The comment is a segment before the pixels."""
    return with_jpeg_segments(_encoded("JPEG", width, height), [comment])


def with_png_chunk(image: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG with another chunk behind its header."""
    return image[:33] + png_chunk(kind, content) + image[33:]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def with_jpeg_segments(image: bytes, comments: list[bytes]) -> bytes:
    """The JPEG with comments, each at most 65,533 bytes, before everything else."""
    segments = (b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text for text in comments)
    return image[:2] + b"".join(segments) + image[2:]


def padded(image: bytes, size: int) -> bytes:
    """The image followed by zeros that decoders ignore, in that many bytes together."""
    return image.ljust(size, b"\0")


def in_base64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def _encoded(kind: str, width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (40, 80, 120)).save(buffer, kind)
    return buffer.getvalue()
