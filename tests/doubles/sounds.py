"""Small files of sound in every container that is taken, as their formats have them."""

import struct


def wav(seconds: float = 2.0, rate: int = 8000) -> bytes:
    sound = bytes(int(seconds * rate) * 2)
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flac(seconds: int = 2, rate: int = 44_100) -> bytes:
    packed = rate << 44 | 1 << 41 | 15 << 36 | seconds * rate
    info = bytes(10) + packed.to_bytes(8) + bytes(16)
    return b"fLaC" + b"\x80" + (34).to_bytes(3) + info + bytes(64)


def ogg(seconds: int = 2, *, vorbis: bool = False, serial: int = 7) -> bytes:
    if vorbis:
        rate, head = 44_100, b"\x01vorbis" + bytes(4) + b"\x01" + struct.pack("<I", 44_100)
    else:
        rate, head = 48_000, b"OpusHead\x01\x01" + struct.pack("<HI", 312, 48_000)
    head = head.ljust(30, b"\0")
    skipped = 0 if vorbis else 312
    last = seconds * rate + skipped
    return _page(head, 2, 0, serial) + _page(bytes(200), 4, last, serial)


def _page(content: bytes, flags: int, position: int, serial: int) -> bytes:
    header = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, serial, 0, 0, 1)
    return header + bytes([len(content)]) + content


def mp3(seconds: float = 2.0, *, xing: bool = False, tag: bytes = b"") -> bytes:
    """64 kbit/s, 44.1 kHz, mono."""
    header = bytes([0xFF, 0xFB, 0x50, 0xC4])
    frame = header.ljust(208, b"\0")
    count = int(seconds * 44_100 / 1152)
    first = frame
    if xing:
        first = header + bytes(17) + b"Xing" + struct.pack(">II", 1, count)
        first = first.ljust(208, b"\0")
    id3 = b""
    if tag:
        size = len(tag)
        digits = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
        id3 = b"ID3\x04\0\0" + digits + tag
    return id3 + first + frame * count


def mp4(seconds: int = 2, *, at_end: bool = False, media: int = 1000, long: bool = False) -> bytes:
    if long:
        content = b"\x01" + bytes(19) + struct.pack(">IQ", 1000, seconds * 1000)
    else:
        content = bytes(12) + struct.pack(">II", 1000, seconds * 1000)
    movie = box(b"moov", box(b"mvhd", content.ljust(100, b"\0")) + box(b"trak", bytes(8)))
    kind, data = box(b"ftyp", b"M4A \0\0\0\0"), box(b"mdat", bytes(media))
    return kind + (data + movie if at_end else movie + data)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def webm(seconds: float | None = 2.0, scale: int = 1_000_000) -> bytes:
    info = element(0x2AD7B1, scale.to_bytes((scale.bit_length() + 7) // 8))
    if seconds is not None:
        info += element(0x4489, struct.pack(">d", seconds * 1000))
    content = element(0x1549A966, info) + element(0x1F43B675, bytes(50))
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, content)


def element(kind: int, content: bytes) -> bytes:
    length = (1 << 28 | len(content)).to_bytes(4)
    return kind.to_bytes((kind.bit_length() + 7) // 8) + length + content
