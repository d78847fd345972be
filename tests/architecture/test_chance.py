"""No test fails by chance for a reason that a reader can know beforehand."""

from pathlib import Path

import pytest

from tests.architecture.chance import files, found

ROOT = Path(__file__).parents[2]


def test_no_test_rests_on_chance() -> None:
    places = [
        f"{file.relative_to(ROOT)}:{each}"
        for file in files(ROOT)
        for each in found(file.read_text())
    ]
    assert places == []


@pytest.mark.parametrize(
    "line",
    [
        'assert "ann" not in str(world.items())',
        'assert "49" not in mail.text',
        'assert all("sss" not in repr(each) for each in found)',
        "assert time.monotonic() - began < 1",
        "assert 0.1 < SystemClock().monotonic() - began <= 2 * LIMIT",
        "assert threads.submit(act).result(1)",
        "reading.get(timeout=LIMIT / 2)",
    ],
)
def test_what_may_fail_by_chance_is_found(line: str) -> None:
    assert len(list(found(f"LIMIT = 0.5\n{line}\n"))) == 1


@pytest.mark.parametrize(
    "line",
    [
        'assert "ann@" not in str(world.items())',
        'assert "soul" not in str(world.items())',
        'assert "ann" not in names',
        "assert time.monotonic() - began < LONG",
        "assert world.clock.monotonic() - began < 1",
        "assert time.process_time() - began < 1",
        "reading.get(timeout=LONG)",
        "done.wait(0.01)",
    ],
)
def test_what_may_not_is_not(line: str) -> None:
    assert list(found(f"LONG = 60\n{line}\n")) == []
