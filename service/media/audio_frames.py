"""How long MP3 files say they last: by the number of frames in a Xing, Info or VBRI header, else by
the bit rate of the first frame, as players do.

Sources: ISO/IEC 11172-3, 2.4.1.3 and ISO/IEC 13818-3 (frame headers); ID3v2.4.0, 3.1; Xing's and
Fraunhofer's headers as LAME and the Fraunhofer encoder write them."""

import struct
from dataclasses import dataclass

from service.media.reading import Source, cut_off, damaged, required

_ID3 = b"ID3"
_ID3_BYTES = 10
_ID3_FOOTER = 0x10
MAX_TAGS = 4
_XING_HAS_FRAMES = 1
_VBRI_AT = 36
# By version and layer, in thousands of bits a second; from MPEG 1 on, then MPEG 2 and 2.5.
_RATES_1 = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_RATES_2 = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44_100, 48_000, 32_000)
_DIVISORS = {3: 1, 2: 2, 0: 4}


@dataclass(frozen=True)
class Frame:
    """The header of one frame. `length` is that of the whole frame, in bytes; `side_bytes` lie
    between the header and a Xing header."""

    bit_rate: int
    sample_rate: int
    samples: int
    length: int
    side_bytes: int


def begins_as_mp3(beginning: bytes) -> bool:
    return beginning.startswith(_ID3) or frame_of(beginning[:4]) is not None


def frame_of(header: bytes) -> Frame | None:
    """None for bytes that are no header of a frame with a length of its own."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, sample_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or sample_index == 3 or rate_index in (0, 15):
        return None
    bit_rate = (_RATES_1 if version == 3 else _RATES_2)[layer][rate_index - 1] * 1000
    sample_rate = _SAMPLE_RATES[sample_index] // _DIVISORS[version]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    padding = header[2] >> 1 & 1
    if layer == 1:
        length = (12 * bit_rate // sample_rate + padding) * 4
    else:
        length = samples // 8 * bit_rate // sample_rate + padding
    is_mono = header[3] >> 6 == 3
    side = (17 if is_mono else 32) if version == 3 else (9 if is_mono else 17)
    return Frame(bit_rate, sample_rate, samples, length, side)


def mp3_milliseconds(source: Source) -> int | None:
    start = _sound_start(source)
    first = frame_of(required(source, start, 4))
    if first is None:
        raise damaged()
    _check_next(source, start + first.length)
    frames = _stated_frames(source, start, first)
    if frames is not None:
        return frames * first.samples * 1000 // first.sample_rate
    return (source.size - start) * 8 * 1000 // first.bit_rate


def _sound_start(source: Source) -> int:
    """Behind the tags that stand in front, cover pictures in them."""
    position = 0
    for _ in range(MAX_TAGS):
        head = source.read(position, _ID3_BYTES)
        if not head.startswith(_ID3):
            return position
        if len(head) < _ID3_BYTES or any(each & 0x80 for each in head[6:10]):
            raise damaged()
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        position += _ID3_BYTES + size + (_ID3_BYTES if head[5] & _ID3_FOOTER else 0)
    raise damaged()


def _check_next(source: Source, position: int) -> None:
    """Two frames in a row: four bytes alone may be anything."""
    following = source.read(position, 4)
    if len(following) < 4:
        raise cut_off()
    if frame_of(following) is None:
        raise damaged()


def _stated_frames(source: Source, start: int, first: Frame) -> int | None:
    content = required(source, start, min(first.length, source.size - start))
    xing = content[4 + first.side_bytes :]
    if xing[:4] in (b"Xing", b"Info") and len(xing) >= 12:
        flags, frames = struct.unpack_from(">4xII", xing)
        return frames or None if flags & _XING_HAS_FRAMES else None
    vbri = content[_VBRI_AT:]
    if vbri[:4] == b"VBRI" and len(vbri) >= 18:
        return struct.unpack_from(">14xI", vbri)[0] or None
    return None
