"""How long MP4 and WebM files say they last.

Sources: ISO/IEC 14496-12 (4.2 boxes, 8.2.2 movie header, 8.8.2 movie extends header); RFC 8794
(EBML), RFC 9559 (Matroska: SegmentInfo)."""

import math
import struct
from collections.abc import Iterator

from service.media.reading import Source, damaged, required

MAX_BOXES = 64
MAX_ELEMENTS = 64
_SEGMENT, _INFO, _CLUSTER = 0x18538067, 0x1549A966, 0x1F43B675
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_EBML = 0x1A45DFA3
_DEFAULT_SCALE = 1_000_000


def mp4_milliseconds(source: Source) -> int | None:
    """None for a recording in fragments that does not say how long it became."""
    movie = _box(source, b"moov", 0, source.size)
    if movie is None:
        raise damaged()
    header = _box(source, b"mvhd", *movie)
    if header is None:
        raise damaged()
    scale, duration = _movie_header(source, *header)
    extends = None if duration else _box(source, b"mvex", *movie)
    fragments = _box(source, b"mehd", *extends) if extends else None
    if fragments:
        duration = _versioned(source, fragments[0])
    return duration * 1000 // scale if duration else None


def _boxes(source: Source, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two positions: kind, and where their content begins and ends."""
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        size, kind = struct.unpack(">I4s", required(source, start, 8))
        content = start + 8
        if size == 1:
            size, content = struct.unpack(">Q", required(source, content, 8))[0], start + 16
        size = size or end - start
        if start + size > end or start + size < content:
            raise damaged()
        yield kind, content, start + size
        start += size
    raise damaged()


def _box(source: Source, wanted: bytes, start: int, end: int) -> tuple[int, int] | None:
    for kind, content, stop in _boxes(source, start, end):
        if kind == wanted:
            return content, stop
    return None


def _movie_header(source: Source, start: int, end: int) -> tuple[int, int]:
    """Units a second, and the duration in them: 0 where it is not known."""
    is_long = required(source, start, 1) == b"\x01"
    layout, unknown = (">20xIQ", 2**64 - 1) if is_long else (">12xII", 2**32 - 1)
    length = struct.calcsize(layout)
    if end - start < length:
        raise damaged()
    scale, duration = struct.unpack(layout, required(source, start, length))
    if not scale:
        raise damaged()
    return scale, 0 if duration == unknown else duration


def _versioned(source: Source, start: int) -> int:
    is_long = required(source, start, 1) == b"\x01"
    content = required(source, start + 4, 8 if is_long else 4)
    return int.from_bytes(content)


def webm_milliseconds(source: Source) -> int | None:
    """None for a recording that was written as it came: browsers' recorders do not say how long it
    became."""
    head, after = _element(source, 0)
    if head != _EBML:
        raise damaged()
    segment, content = _element_content(source, after[1])
    if segment != _SEGMENT:
        raise damaged()
    position = content
    for _ in range(MAX_ELEMENTS):
        kind, (start, end) = _element(source, position)
        if kind == _INFO:
            return _webm_info(source, start, end)
        if kind == _CLUSTER:
            return None
        position = end
    raise damaged()


def _webm_info(source: Source, start: int, end: int) -> int | None:
    scale, duration = _DEFAULT_SCALE, 0.0
    position = start
    for _ in range(MAX_ELEMENTS):
        if position >= end:
            break
        kind, (content, stop) = _element(source, position)
        if kind == _SCALE and 0 < stop - content <= 8:
            scale = int.from_bytes(required(source, content, stop - content))
        if kind == _DURATION and stop - content in (4, 8):
            layout = ">f" if stop - content == 4 else ">d"
            duration = struct.unpack(layout, required(source, content, stop - content))[0]
        position = stop
    milliseconds = duration * scale / 1_000_000
    if not math.isfinite(milliseconds) or milliseconds < 0:
        raise damaged()
    return int(milliseconds) or None


def _element(source: Source, position: int) -> tuple[int, tuple[int, int]]:
    """An element's kind, and where its content begins and ends; one of unknown length ends with
    the file."""
    kind, content = _element_content(source, position)
    id_length = _width(required(source, position, 1)[0])
    length_at = position + id_length
    width = _width(required(source, length_at, 1)[0])
    length = int.from_bytes(required(source, length_at, width)) & (1 << 7 * width) - 1
    if length == (1 << 7 * width) - 1:
        return kind, (content, source.size)
    if content + length > source.size:
        raise damaged()
    return kind, (content, content + length)


def _element_content(source: Source, position: int) -> tuple[int, int]:
    """An element's kind, and where its content begins."""
    id_length = _width(required(source, position, 1)[0])
    if id_length > 4:
        raise damaged()
    kind = int.from_bytes(required(source, position, id_length))
    return kind, position + id_length + _width(required(source, position + id_length, 1)[0])


def _width(first: int) -> int:
    """How many bytes a number has that begins with this one."""
    if first == 0:
        raise damaged()
    return 9 - first.bit_length()
