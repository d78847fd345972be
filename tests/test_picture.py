"""The picture in the README is drawn from the demo's own output."""

from xml.etree import ElementTree

from tests import picture

OUTPUT = [
    "Starting …",
    "\x1b[1m1. Sign in\x1b[0m",
    "  a token",
    "\x1b[1m3. Ask for a video\x1b[0m",
    "  POST /videos <&>",
    "",
    "\x1b[1m15. The audit\x1b[0m",
    "  " + "x" * picture.COLUMNS,
]


def test_the_excerpt_keeps_the_chosen_steps_and_shows_what_is_left_out() -> None:
    assert picture.excerpt(OUTPUT) == ["$ make demo", picture.GAP, "", *OUTPUT[3:]]


def test_the_drawing_is_well_formed_and_cuts_long_lines() -> None:
    texts = [
        "".join(text.itertext())
        for text in ElementTree.fromstring(picture.svg(picture.excerpt(OUTPUT)))
        if text.tag.endswith("}text")
    ]
    assert texts[2:4] == ["3. Ask for a video", "  POST /videos <&>"]
    assert len(texts[-1]) == picture.COLUMNS
    assert texts[-1].endswith("…")


def test_the_picture_in_the_readme_shows_a_demo_that_ended_well() -> None:
    drawn = ElementTree.parse(picture.PICTURE).getroot()
    text = "".join(drawn.itertext())
    assert "Every balance is proved by its entries." in text
    assert "All as promised." in text
