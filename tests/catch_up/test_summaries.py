"""What a model wrote counts only with a time at which something is said."""

import pytest

from service.catch_up.summaries import MAX_POINT_BYTES, points_of

TIMES = (10, 20, 40)


def read(written: str, limit: int = 9) -> list[tuple[int, str]]:
    return [(point.at, point.text) for point in points_of(written, TIMES, limit)]


@pytest.mark.parametrize(
    ("line", "point"),
    [
        ("[0:00:10] One.", (10, "One.")),
        ("  - [0:00:20]  Two.  ", (20, "Two.")),
        ("* [00:00:40] Three.", (40, "Three.")),
        ("• [0:00:10]Four.", (10, "Four.")),
        # Between two times something was being said since the earlier one.
        ("[0:00:39] Five.", (20, "Five.")),
    ],
)
def test_a_line_with_a_time_is_a_point(line: str, point: tuple[int, str]) -> None:
    assert read(f"Here you are:\n{line}\n\nBye.") == [point]


@pytest.mark.parametrize(
    "line",
    [
        "[0:00:09] Before anything was said.",
        "[0:00:41] After everything that was said.",
        "[999:59:59] Never.",
        "[9999:00:10] Never.",
        "[0:0:10] Another form.",
        "[0:00:60] No second.",
        "[-1:00:10] Never.",
        "[0:00:1٠] Other digits.",
        "[0:00:10]",
        "[0:00:10]   ",
        "0:00:10 Without brackets.",
        "",
    ],
)
def test_anything_else_is_none(line: str) -> None:
    assert read(line) == []


def test_points_are_in_the_order_of_their_times_and_bounded() -> None:
    written = "[0:00:40] Late.\n[0:00:10] Early.\n[0:00:20] Between."
    assert read(written) == [(10, "Early."), (20, "Between."), (40, "Late.")]
    assert read(written, limit=2) == [(10, "Early."), (20, "Between.")]


@pytest.mark.parametrize("character", ["x", "é", "字", "\U0001f600"])
def test_a_point_never_takes_more_bytes_than_was_held_for_it(character: str) -> None:
    ((_, text),) = read(f"[0:00:10] {character * 900}")
    assert 0 < len(text.encode()) <= MAX_POINT_BYTES
    assert set(text) == {character}


def test_half_a_character_is_none() -> None:
    ((_, text),) = read("[0:00:10] half \ud800 done")
    text.encode()


def test_a_page_of_brackets_takes_no_time() -> None:
    assert read("[" * 200_000) == []
    assert read("[0:00:10" * 20_000) == []
    assert read((" " * 5000 + "\n") * 20) == []
