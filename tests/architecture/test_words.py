"""No banned word is left in a name, a docstring or a comment (`tests.architecture.words`)."""

import pytest

from tests.architecture.words import SOURCES, files, uses


@pytest.mark.parametrize("source", SOURCES)
def test_no_banned_word_is_used(source: str) -> None:
    assert [use for file in files([source]) for use in uses(file)] == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("def spoilt_image() -> None: ...", "spoilt"),
        ("class WeatherReport: ...", "weather"),
        ("most_waiting = 3", "most"),
        ('"""Gives a wallet."""', "gives"),
        ("x = 1  # whoever asked", "asked"),
    ],
)
def test_a_banned_word_is_found(
    tmp_path_factory: pytest.TempPathFactory, text: str, word: str
) -> None:
    file = tmp_path_factory.mktemp("words") / "module.py"
    file.write_text(text)
    assert [use.split(": ")[1].split()[0] for use in uses(file)] == [word]


@pytest.mark.parametrize(
    "text", ["# the most expensive, at least once", "parts = text.split()", '"""Call `tell()`."""']
)
def test_plain_english_is_not(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("words") / "module.py"
    file.write_text(text)
    assert list(uses(file)) == []
