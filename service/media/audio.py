"""What a file of sound is, and how long it says it lasts.

The duration is a claim of the file: whoever made it may have written anything. It serves estimates;
it is no bound on what decoding the file yields.

In parts by family: `audio_chunks` (WAV, FLAC, Ogg), `audio_boxes` (MP4, WebM), `audio_frames`
(MP3)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from service.media.audio_boxes import mp4_milliseconds, webm_milliseconds
from service.media.audio_chunks import flac_milliseconds, ogg_milliseconds, wav_milliseconds
from service.media.audio_frames import begins_as_mp3, mp3_milliseconds
from service.media.image_headers import HeaderUnreadable
from service.media.reading import Source, damaged

SIGNATURE_BYTES = 12
MAX_MILLISECONDS = 7 * 24 * 3600 * 1000


class Container(StrEnum):
    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"
    MP4 = "mp4"
    WEBM = "webm"
    MP3 = "mp3"


@dataclass(frozen=True)
class Audio:
    """`milliseconds` is None where the file does not say how long it lasts."""

    container: Container
    milliseconds: int | None


_READ: dict[Container, Callable[[Source], int | None]] = {
    Container.WAV: wav_milliseconds,
    Container.FLAC: flac_milliseconds,
    Container.OGG: ogg_milliseconds,
    Container.MP4: mp4_milliseconds,
    Container.WEBM: webm_milliseconds,
    Container.MP3: mp3_milliseconds,
}


def container_of(beginning: bytes) -> Container | None:
    """By the signature in the file's first bytes; None for a file of another kind."""
    if beginning[:4] in (b"RIFF", b"RF64") and beginning[8:12] == b"WAVE":
        return Container.WAV
    if beginning[4:8] == b"ftyp":
        return Container.MP4
    for signature, container in (
        (b"fLaC", Container.FLAC),
        (b"OggS", Container.OGG),
        (b"\x1aE\xdf\xa3", Container.WEBM),
    ):
        if beginning.startswith(signature):
            return container
    return Container.MP3 if begins_as_mp3(beginning) else None


def read_audio(source: Source) -> Audio:
    """Raises `HeaderUnreadable` for what is no sound of these containers, is cut off within its
    headers or contradicts itself."""
    container = container_of(source.read(0, SIGNATURE_BYTES))
    if container is None:
        raise HeaderUnreadable("The file is no WAV, FLAC, Ogg, MP4, WebM or MP3.")
    milliseconds = _READ[container](source)
    if milliseconds is not None and not 0 < milliseconds <= MAX_MILLISECONDS:
        raise damaged()
    return Audio(container, milliseconds)
