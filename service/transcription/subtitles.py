"""A transcript as text and as subtitles.

In a file of its own because the forms are others' (SubRip as players read it; WebVTT,
https://www.w3.org/TR/webvtt1/)."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from service.transcription.entities import Transcript, Word, captions_of


class Format(StrEnum):
    """How a transcript can be had; `json` has everything."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.TEXT: "text/plain",
    Format.SRT: "application/x-subrip",
    Format.VTT: "text/vtt",
}


def rendered(transcript: Transcript, form: Format) -> str | None:
    """The transcript in a form other than JSON; None for subtitles of one without words."""
    if form is Format.TEXT:
        return transcript.text + "\n"
    if transcript.words is None:
        return None
    captions = tuple(captions_of(transcript.words))
    return _srt(captions) if form is Format.SRT else _vtt(captions)


def _srt(captions: tuple[tuple[Word, ...], ...]) -> str:
    return "\n".join(
        f"{number}\n{_span(caption, ',')}\n{_line(caption, str, '{}: ')}\n"
        for number, caption in enumerate(captions, 1)
    )


def _vtt(captions: tuple[tuple[Word, ...], ...]) -> str:
    parts = [
        f"{_span(caption, '.')}\n{_line(caption, _escaped, '<v {}>')}\n" for caption in captions
    ]
    return "\n".join(["WEBVTT\n", *parts])


def _line(caption: tuple[Word, ...], escape: Callable[[str], str], voice: str) -> str:
    """On one line: an empty one would end the caption. `-->` within text would be a time."""
    text = escape(" ".join(" ".join(word.text for word in caption).split()))
    speaker = caption[0].speaker
    return (voice.format(escape(speaker)) if speaker else "") + text.replace("-->", "->")


def _span(caption: tuple[Word, ...], point: str) -> str:
    return f"{_time(caption[0].start, point)} --> {_time(caption[-1].end, point)}"


def _time(at: int, point: str) -> str:
    seconds, milliseconds = divmod(at, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
