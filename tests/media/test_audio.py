"""How long files of sound last, and that nothing in them makes the reading long."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.media.audio import Container, read_audio
from service.media.audio_frames import Frame, frame_of
from service.media.image_headers import HeaderUnreadable
from service.media.reading import MAX_PAGES, PAGE_BYTES, Pages
from tests.doubles.sounds import box, element, flac, mp3, mp4, ogg, wav, webm

SOUNDS = {
    "wav": (wav(), Container.WAV, 2000),
    "flac": (flac(), Container.FLAC, 2000),
    "opus": (ogg(), Container.OGG, 2000),
    "vorbis": (ogg(vorbis=True), Container.OGG, 2000),
    "mp3": (mp3(), Container.MP3, 2002),
    "mp3 with frames counted": (mp3(10.0, xing=True), Container.MP3, 9978),
    "mp3 behind a cover": (mp3(tag=bytes(200_000)), Container.MP3, 2002),
    "mp4": (mp4(), Container.MP4, 2000),
    "mp4 with the movie last": (mp4(at_end=True, media=300_000), Container.MP4, 2000),
    "mp4 with long numbers": (mp4(long=True), Container.MP4, 2000),
    "webm": (webm(), Container.WEBM, 2000),
    "webm of a recorder": (webm(None), Container.WEBM, None),
}


class Reads:
    """A file, and how often it was read."""

    def __init__(self, content: bytes) -> None:
        self.content, self.count = content, 0
        self.pages = Pages(len(content), self.read)

    def read(self, position: int, length: int) -> bytes:
        self.count += 1
        return self.content[position : position + length]


def duration(content: bytes) -> int | None:
    return read_audio(Reads(content).pages).milliseconds


@pytest.mark.parametrize("name", SOUNDS)
def test_the_duration_is_what_the_file_says(name: str) -> None:
    content, container, milliseconds = SOUNDS[name]
    reads = Reads(content)
    found = read_audio(reads.pages)
    assert found.container is container
    if milliseconds is None:
        assert found.milliseconds is None
    else:
        assert found.milliseconds == pytest.approx(milliseconds, abs=30)
    assert reads.count <= 4


def test_a_header_of_a_frame_says_its_length_and_rate() -> None:
    assert frame_of(bytes([0xFF, 0xFB, 0x90, 0x00])) == Frame(128_000, 44_100, 1152, 417, 32)
    assert frame_of(bytes([0xFF, 0xF3, 0x80, 0xC0])) == Frame(64_000, 22_050, 576, 208, 9)
    for nothing in (b"\xff\xfb\xf0\0", b"\xff\xfb\0\0", b"\xff\xe9\x90\0", b"\xff\xfb\x9c\0", b""):
        assert frame_of(nothing) is None


@pytest.mark.parametrize("name", SOUNDS)
def test_a_file_that_is_cut_off_in_its_headers_is_refused(name: str) -> None:
    content = SOUNDS[name][0]
    for length in range(24):
        with pytest.raises(HeaderUnreadable):
            duration(content[:length])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        wav()[:-1],
        wav().replace(struct.pack("<I", 16_000), bytes(4)),
        b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 100,
        flac().replace(b"\x80\0\0\x22", b"\x80\0\0\x21"),
        ogg().replace(b"OpusHead", b"Opushead"),
        b"OggS\x01" + ogg()[5:],
        mp3()[:208],
        b"ID3\x04\0\0\xff\xff\xff\xff",
        b"ID3\x04\0\0\0\0\0\0" * 9,
        box(b"ftyp", b"M4A ") + box(b"mdat", bytes(100)),
        box(b"ftyp", b"M4A ") + box(b"moov", box(b"trak", b"")),
        box(b"ftyp", b"M4A ") + box(b"free", b"") * 100,
        box(b"ftyp", b"M4A ") + struct.pack(">I4sQ", 1, b"free", 3) + bytes(100),
        box(b"ftyp", b"M4A ") + box(b"moov", box(b"mvhd", bytes(20))),
        mp4(10**6),
        element(0x1A45DFA3, b"") + element(0xEC, b""),
        element(0x1A45DFA3, b"") + element(0x18538067, element(0xEC, b"") * 100),
        webm(float("nan")),
        webm(-1.0),
        webm(1e30),
        webm(1e305),
        webm(1e305, scale=2**64 - 1),
    ],
)
def test_what_contradicts_itself_is_refused(content: bytes) -> None:
    with pytest.raises(HeaderUnreadable):
        duration(content)


def test_a_recording_in_fragments_lasts_as_long_as_it_says_at_all() -> None:
    header = box(b"mvhd", (bytes(12) + struct.pack(">II", 1000, 0)).ljust(100, b"\0"))
    extends = box(b"mvex", box(b"mehd", bytes(4) + struct.pack(">I", 5000)))
    assert duration(box(b"ftyp", b"M4A ") + box(b"moov", header)) is None
    assert duration(box(b"ftyp", b"M4A ") + box(b"moov", header + extends)) == 5000


def test_no_more_pages_are_fetched_than_the_bound() -> None:
    """Sixty boxes of 100 KB in front of the movie: each header lies in another page."""
    content = box(b"ftyp", b"M4A ") + box(b"free", bytes(2 * PAGE_BYTES)) * 60 + mp4()
    reads = Reads(content)
    with pytest.raises(HeaderUnreadable, match="scattered"):
        read_audio(reads.pages)
    assert reads.count == MAX_PAGES


@given(st.sampled_from(sorted(SOUNDS)), st.integers(0, 400), st.binary(max_size=12))
def test_whatever_is_written_into_a_file_it_is_read_or_refused(
    name: str, place: int, written: bytes
) -> None:
    content = SOUNDS[name][0]
    changed = content[:place] + written + content[place + len(written) :]
    try:
        found = duration(changed)
    except HeaderUnreadable:
        return
    assert found is None or found > 0
