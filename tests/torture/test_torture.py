"""A small sample of `make torture` with every change; the whole of it is for the night."""

from pathlib import Path

import pytest

from tests.torture.run import Plan, Run

pytestmark = pytest.mark.sample


@pytest.mark.timeout(900)
def test_fifteen_kills_under_load_leave_nothing_wrong(tmp_path: Path) -> None:
    outcome = Run(Plan(kills=15, seed=1, seconds=240.0), tmp_path, lambda _: None).play()
    assert outcome.violations == (), outcome.summary()
    assert outcome.kills >= 10, outcome.summary()
    assert outcome.captured > 0, outcome.summary()
