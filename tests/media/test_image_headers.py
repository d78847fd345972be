"""The size of a picture from its header, against real pictures and a real decoder."""

import io
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devstack.simulators.kling.pictures import is_usable
from service.media.image_headers import MAX_PARTS, HeaderUnreadable, Size, read_size
from tests.doubles.pictures import (
    MEGABYTE,
    jpeg,
    padded,
    png,
    png_chunk,
    with_jpeg_segments,
    with_png_chunk,
)

MAX_SECONDS = 1.0
PNG, JPEG = png(), jpeg()
SIZE = Size(320, 320)


def readable(image: bytes) -> bool:
    try:
        return bool(read_size(image))
    except HeaderUnreadable:
        return False


def with_header(**fields: int) -> bytes:
    """A PNG whose header has these fields, and a checksum that fits."""
    header = {"width": 320, "height": 320, "depth": 8, "colour": 2, "zip": 0, "filter": 0}
    content = struct.pack(">IIBBBBB", *(header | {"interlace": 0} | fields).values())
    return PNG[:8] + png_chunk(b"IHDR", content) + PNG[33:]


@pytest.mark.parametrize("make", [png, jpeg])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (299, 300), (1200, 400), (1023, 2000)])
def test_the_size_is_what_the_picture_has(make: object, width: int, height: int) -> None:
    assert callable(make)
    assert read_size(make(width, height)) == Size(width, height)


@pytest.mark.parametrize(
    "image",
    [
        padded(PNG, 4 * MEGABYTE),
        padded(JPEG, 4 * MEGABYTE),
        with_png_chunk(PNG, b"eXIf", bytes(MEGABYTE)),
        with_jpeg_segments(JPEG, [bytes(65_533)] * 60),
        # A preview inside an APP1 segment, with a frame and an end of its own.
        JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(jpeg(16, 16)) + 2) + jpeg(16, 16) + JPEG[2:],
        # Fill bytes before a marker.
        JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
    ],
)
def test_what_surrounds_the_picture_does_not_matter(image: bytes) -> None:
    assert read_size(image) == SIZE
    assert is_usable(image)


def test_stray_bytes_between_segments_are_skipped_as_libjpeg_does() -> None:
    assert read_size(JPEG[:6] + b"\0\xff\0stray" + JPEG[6:]) == SIZE


@pytest.mark.parametrize("image", [PNG, JPEG], ids=["png", "jpeg"])
def test_a_picture_that_is_cut_off_anywhere_is_refused(image: bytes) -> None:
    end = len(image) - (12 if image is PNG else 2)
    for length in (*range(min(700, end)), *range(0, end, 7), end):
        assert not readable(image[:length]), length
    with pytest.raises(HeaderUnreadable, match="cut off"):
        read_size(image[:end])


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"GIF89a" + bytes(100),
        b"RIFF\x24\0\0\0WEBPVP8 " + bytes(100),
        b"\0\0\0\x18ftypheic" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"BM" + bytes(100),
    ],
)
def test_another_kind_of_file_is_refused_as_such(image: bytes) -> None:
    with pytest.raises(HeaderUnreadable, match="neither a JPEG nor a PNG"):
        read_size(image)


@pytest.mark.parametrize(
    "image",
    [
        with_header(width=0),
        with_header(height=0),
        with_header(width=2**31),
        with_header(depth=3),
        with_header(colour=5),
        with_header(colour=3, depth=16),
        with_header(zip=1),
        with_header(filter=1),
        with_header(interlace=2),
        PNG[:16] + b"\0\0\0\x01" + PNG[20:],
        PNG[:8] + png_chunk(b"tEXt", b"a\0b") + PNG[8:],
        PNG[:33] + png_chunk(b"IEND", b""),
        JPEG[:2] + b"\xff\xd8" + JPEG[2:],
        JPEG[:2] + b"\xff\xd9" + JPEG[2:],
        JPEG[:2] + b"\xff\xe0\0\0" + JPEG[2:],
        JPEG[:2] + b"\xff\xe0\0\x01" + JPEG[2:],
        # A scan without a frame, a frame of no components, one of no height.
        JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") :],
        JPEG[:2] + b"\xff\xc0\0\x08\x08\x01\x40\x01\x40\0" + JPEG[2:],
        JPEG.replace(b"\x08\x01\x40\x01\x40\x03", b"\x08\0\0\x01\x40\x03"),
    ],
)
def test_a_damaged_header_is_refused(image: bytes) -> None:
    with pytest.raises(HeaderUnreadable, match="damaged"):
        read_size(image)


@pytest.mark.parametrize(
    "image",
    [
        PNG[:33] + png_chunk(b"aaAa", b"") * (10 * MEGABYTE // 12) + PNG[33:],
        PNG[:-12] + png_chunk(b"aaAa", b"") * (10 * MEGABYTE // 12),
        b"\xff\xd8" + b"\xff\xe5\0\x02" * (10 * MEGABYTE // 4) + JPEG[2:],
        b"\xff\xd8" + b"\xff\x01" * (10 * MEGABYTE // 2) + JPEG[2:],
        b"\xff\xd8" + b"\xff" * (10 * MEGABYTE),
        b"\xff\xd8\xff\0" + b"\xff\0" * (5 * MEGABYTE),
        b"\xff\xd8\xff" + bytes(10 * MEGABYTE),
        b"\xff\xd8" + b"\xff\xe0\0\0" * MEGABYTE,
    ],
)
def test_the_work_is_bounded_whatever_was_sent(image: bytes) -> None:
    started = time.process_time()
    readable(image)
    assert time.process_time() - started < MAX_SECONDS


def test_many_parts_are_no_fault_once_the_pixels_have_begun() -> None:
    pixels = zlib.compress(bytes(320 * (1 + 3 * 320)), 0)
    chunks = b"".join(
        png_chunk(b"IDAT", pixels[start : start + 30]) for start in range(0, len(pixels), 30)
    )
    image = PNG[:33] + chunks + png_chunk(b"IEND", b"")
    assert len(pixels) / 30 > MAX_PARTS
    assert is_usable(image)
    assert read_size(image) == SIZE


@given(st.binary(max_size=200))
def test_any_bytes_have_a_size_or_a_sentence(tail: bytes) -> None:
    for image in (tail, PNG[:8] + tail, PNG[:33] + tail, JPEG[:2] + tail, JPEG[:20] + tail):
        readable(image)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "RGB", {"quality": 95, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
        ("JPEG", "RGB", {"progressive": True, "optimize": True}),
        ("JPEG", "RGB", {"quality": 5, "subsampling": 2, "dpi": (72, 72)}),
        ("JPEG", "RGB", {"restart_marker_rows": 1, "icc_profile": bytes(200_000)}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("PNG", "RGBA", {"optimize": True, "dpi": (72, 72), "icc_profile": bytes(200_000)}),
    ],
)
def test_every_common_encoding_is_read(kind: str, mode: str, options: dict[str, object]) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((640, 360), 80).convert("L").convert(mode).save(buffer, kind, **options)
    assert is_usable(buffer.getvalue())
    assert read_size(buffer.getvalue()) == Size(640, 360)
