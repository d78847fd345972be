"""How long WAV, FLAC and Ogg files say they last.

Sources: Multimedia Programming Interface 1.0 (RIFF, WAVE) and ITU-R BS.2088 (RF64), RFC 9639
(FLAC), RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), Vorbis I specification, 4.2.2."""

import struct

from service.media.reading import PAGE_BYTES, Source, cut_off, damaged, required

MAX_CHUNKS = 64
_UNKNOWN_SIZE = 0xFFFFFFFF
_OPUS_RATE = 48_000
_NO_POSITION = -1
_OGG_HEADER = struct.Struct("<4sBBqIIIB")


def wav_milliseconds(source: Source) -> int | None:
    """By the bytes of sound that are there, whatever the header says of more."""
    position, bytes_a_second, long_size = 12, 0, 0
    for _ in range(MAX_CHUNKS):
        kind, size = struct.unpack("<4sI", required(source, position, 8))
        if kind == b"ds64":
            long_size = struct.unpack_from("<8xQ", required(source, position + 8, 16))[0]
        if kind == b"fmt ":
            bytes_a_second = _wav_rate(required(source, position + 8, 16))
        if kind == b"data":
            return _wav_length(source, position + 8, long_size or size, bytes_a_second)
        position += 8 + size + size % 2
    raise damaged()


def _wav_rate(content: bytes) -> int:
    _, channels, rate, bytes_a_second, _, _ = struct.unpack("<HHIIHH", content)
    if not (channels and rate and bytes_a_second):
        raise damaged()
    return int(bytes_a_second)


def _wav_length(source: Source, start: int, size: int, bytes_a_second: int) -> int:
    stored = source.size - start
    if not bytes_a_second or stored <= 0:
        raise damaged()
    # A program that writes to a pipe cannot know the size, and leaves 0 or the highest number.
    length = stored if size in (0, _UNKNOWN_SIZE) else size
    if length > stored:
        raise cut_off()
    return length * 1000 // bytes_a_second


def flac_milliseconds(source: Source) -> int | None:
    header = required(source, 4, 4)
    kind, length = header[0] & 0x7F, int.from_bytes(header[1:])
    if (kind, length) != (0, 34):
        raise damaged()
    packed = int.from_bytes(required(source, 8, 34)[10:18])
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    if not rate or source.size <= 42:
        raise damaged()
    return samples * 1000 // rate if samples else None


def ogg_milliseconds(source: Source) -> int | None:
    """By the position of the last page of the first stream; None where it is too far from the end
    of the file."""
    first = required(source, 0, _OGG_HEADER.size)
    _, version, flags, _, serial, _, _, segments = _OGG_HEADER.unpack(first)
    if version or not flags & 2 or not segments:
        raise damaged()
    head = required(source, _OGG_HEADER.size + segments, 19)
    rate, skipped = _ogg_rate(head)
    last = _last_ogg_position(source, serial)
    return None if last is None else max(0, last - skipped) * 1000 // rate


def _ogg_rate(head: bytes) -> tuple[int, int]:
    """Samples a second of the positions, and how many at the beginning are not played."""
    if head.startswith(b"OpusHead"):
        return _OPUS_RATE, struct.unpack_from("<10xH", head)[0]
    if head.startswith(b"\x01vorbis"):
        rate = struct.unpack_from("<12xI", head)[0]
        if rate:
            return rate, 0
    raise damaged()


def _last_ogg_position(source: Source, serial: int) -> int | None:
    start = max(0, source.size - PAGE_BYTES)
    tail = source.read(start, PAGE_BYTES)
    place = len(tail)
    for _ in range(MAX_CHUNKS):
        place = tail.rfind(b"OggS", 0, place)
        if place < 0:
            return None
        if len(tail) - place < _OGG_HEADER.size:
            continue
        _, version, _, position, of_stream, _, _, _ = _OGG_HEADER.unpack_from(tail, place)
        if (version, of_stream) == (0, serial) and position > 0:
            return int(position)
    return None
