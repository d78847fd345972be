"""A transcript as text, SubRip and WebVTT."""

from service.transcription.entities import (
    Transcript,
    Word,
    content_of,
    transcript_from,
    transcript_of,
)
from service.transcription.subtitles import Format, rendered

HELLO = Transcript(
    "Hello, A & B.",
    (
        Word(0, 400, "Hello,", "A"),
        Word(3_600_500, 3_600_900, "<i>A</i>", "B"),
        Word(3_600_950, 3_601_200, "-->", "B"),
    ),
)


def test_subrip_has_numbered_captions_of_one_speaker_each() -> None:
    assert rendered(HELLO, Format.SRT) == (
        "1\n00:00:00,000 --> 00:00:00,400\nA: Hello,\n\n"
        "2\n01:00:00,500 --> 01:00:01,200\nB: <i>A</i> ->\n"
    )


def test_webvtt_escapes_what_would_be_its_own() -> None:
    assert rendered(HELLO, Format.VTT) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.400\n<v A>Hello,\n\n"
        "01:00:00.500 --> 01:00:01.200\n<v B>&lt;i&gt;A&lt;/i&gt; --&gt;\n"
    )


def test_text_is_what_was_said() -> None:
    assert rendered(HELLO, Format.TEXT) == "Hello, A & B.\n"


def test_a_recording_in_which_no_one_speaks_has_empty_subtitles() -> None:
    silent = Transcript("", ())
    assert rendered(silent, Format.SRT) == ""
    assert rendered(silent, Format.VTT) == "WEBVTT\n"


def test_without_words_there_are_no_subtitles() -> None:
    assert rendered(Transcript("said", None), Format.SRT) is None


def test_captions_are_short_in_letters_and_in_time() -> None:
    words = tuple(Word(at, at + 400, "elephants") for at in range(0, 60_000, 500))
    shown = rendered(Transcript("", words), Format.SRT)
    assert shown is not None
    captions = shown.split("\n\n")
    assert len(captions) == 15
    assert all(len(caption.split("\n")[2]) <= 84 for caption in captions)


def test_a_line_break_within_a_word_ends_no_caption() -> None:
    shown = rendered(Transcript("", (Word(0, 1, "a\n\nb"),)), Format.SRT)
    assert shown == "1\n00:00:00,000 --> 00:00:00,001\na b\n"


def test_a_transcript_is_kept_as_it_is() -> None:
    assert transcript_of(content_of(HELLO)) == HELLO
    assert transcript_of(content_of(Transcript("a", None))) == Transcript("a", None)


def test_half_a_surrogate_pair_is_replaced() -> None:
    words = [{"text": "\ud800", "start": 0, "end": 1, "speaker": "\udfff"}]
    found = transcript_from({"text": "a\ud800", "words": words})
    assert (found.text, found.words) == ("a?", (Word(0, 1, "?", "?"),))
