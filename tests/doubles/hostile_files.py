"""Files that are not what they say, or more than that: how each is made, and the type it is said to
have."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tests.doubles.pictures import jpeg, png, png_chunk, with_jpeg_segments, with_png_chunk
from tests.doubles.sounds import box, element, flac, mp3, mp4, ogg, wav, webm

PNG, JPEG = png(), jpeg()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"


@dataclass(frozen=True)
class Hostile:
    """A file, the type that it was announced with, and what is said of it."""

    content: bytes
    content_type: str
    sentence: str


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("evil.class", b"\xca\xfe\xba\xbe" * 10)
    return content.getvalue()


def with_size(width: int, height: int, *, checksum: bool = True) -> bytes:
    """A PNG whose header claims another size than its data has."""
    content = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = png_chunk(b"IHDR", content)
    return PNG[:8] + (chunk if checksum else chunk[:-4] + bytes(4)) + PNG[33:]


def bomb(side: int) -> bytes:
    """A PNG of that many black pixels a side in a thousandth of their bytes."""
    packed = zlib.compress(bytes((1 + side) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")
    return PNG[:8] + chunks


def with_frame(width: int, height: int) -> bytes:
    """A JPEG whose frame claims another size."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


_NOT_WHAT = "not what"
_BESIDES = "something else besides"
_IMAGES: Mapping[str, tuple[bytes, str, str]] = {
    "a page as PNG": (HTML, "image/png", _NOT_WHAT),
    "a drawing as PNG": (SVG, "image/png", _NOT_WHAT),
    "a drawing as JPEG": (SVG, "image/jpeg", _NOT_WHAT),
    "a JPEG as PNG": (JPEG, "image/png", _NOT_WHAT),
    "a PNG as JPEG": (PNG, "image/jpeg", _NOT_WHAT),
    "a GIF as PNG": (b"GIF89a" + bytes(100), "image/png", _NOT_WHAT),
    "a program as JPEG": (b"MZ" + bytes(500), "image/jpeg", _NOT_WHAT),
    "an archive as PNG": (archive(), "image/png", _NOT_WHAT),
    "sound as PNG": (wav(), "image/png", _NOT_WHAT),
    "the signature alone": (PNG[:8], "image/png", "cut off"),
    "a header alone": (PNG[:33], "image/png", "cut off"),
    "a PNG that is cut off": (PNG[:-20], "image/png", "cut off"),
    "a JPEG that is cut off": (JPEG[:-2], "image/jpeg", "cut off"),
    "a JPEG without a frame": (b"\xff\xd8\xff\xd9", "image/jpeg", "cut off"),
    "a JPEG of endless segments": (
        with_jpeg_segments(JPEG, [b""] * 5000),
        "image/jpeg",
        "damaged",
    ),
    "a PNG with a wrong checksum": (with_size(640, 640, checksum=False), "image/png", "damaged"),
    "a PNG of no pixels": (with_size(0, 320), "image/png", "damaged"),
    "a PNG that lies of its size": (with_size(9000, 9000), "image/png", "less data"),
    "a PNG of four gigapixels": (with_size(60_000, 60_000), "image/png", "at most 100,000,000"),
    "a JPEG of four gigapixels": (with_frame(65_000, 65_000), "image/jpeg", "at most 100,000"),
    "a decompression bomb": (bomb(10_500), "image/png", "at most 100,000,000"),
    "too few pixels": (png(299, 299), "image/png", "at least 300"),
    "too few pixels on one side": (jpeg(700, 299), "image/jpeg", "at least 300"),
    "too long": (png(1000, 300), "image/png", "at most 2.5 times"),
    "a PNG and an archive": (PNG + archive(), "image/png", "behind the end"),
    "a JPEG and an archive": (JPEG + archive(), "image/jpeg", _BESIDES),
    "a PNG and a page": (PNG + HTML, "image/png", "behind the end"),
    "a PNG with a page in front": (
        with_png_chunk(PNG, b"tEXt", b"Comment\0" + HTML),
        "image/png",
        _BESIDES,
    ),
    "a JPEG with a script": (with_jpeg_segments(JPEG, [b"<?php ?>"]), "image/jpeg", _BESIDES),
    "a JPEG that is a PDF": (
        with_jpeg_segments(JPEG, [b"%PDF-1.7\n1 0 obj"]),
        "image/jpeg",
        _BESIDES,
    ),
    "a JPEG with a phar": (JPEG + b"<?php __HALT_COMPILER(); ?>", "image/jpeg", _BESIDES),
}
_SOUNDS: Mapping[str, tuple[bytes, str, str]] = {
    "a page as sound": (HTML, "audio/mpeg", "no WAV"),
    "a picture as sound": (PNG, "audio/wav", "no WAV"),
    "a WAV as MP3": (wav(), "audio/mpeg", "WAV, not what"),
    "an MP3 as Ogg": (mp3(), "audio/ogg", "MP3, not what"),
    "a WAV that is cut off": (wav()[:100], "audio/wav", "cut off"),
    "a FLAC without samples": (flac()[:42], "audio/flac", "damaged"),
    "an Ogg of nothing": (ogg()[:40], "audio/ogg", "cut off"),
    "an MP3 of one frame": (mp3()[:208], "audio/mpeg", "cut off"),
    "an MP4 without a movie": (
        box(b"ftyp", b"M4A ") + box(b"mdat", bytes(90)),
        "audio/mp4",
        "damaged",
    ),
    "an MP4 of endless boxes": (
        box(b"ftyp", b"M4A ") + box(b"free", b"") * 5000,
        "video/mp4",
        "damaged",
    ),
    "an MP4 for a month": (mp4(10**6), "audio/mp4", "damaged"),
    "a WebM of endless length": (webm(float("inf")), "audio/webm", "damaged"),
    "a WebM whose length overflows": (webm(1e305), "audio/webm", "damaged"),
    "a WebM without a segment": (element(0x1A45DFA3, b"webm"), "video/webm", "cut off"),
    "an MP3 and an archive": (mp3() + archive(), "audio/mpeg", _BESIDES),
    "an MP3 that is a page": (mp3(tag=HTML), "audio/mpeg", _BESIDES),
}
HOSTILE: Mapping[str, Hostile] = {
    name: Hostile(*each) for name, each in (dict(_IMAGES) | dict(_SOUNDS)).items()
}
