"""What a pause of the machine excuses, and what it does not."""

import pytest

from tests.doubles.pulse import MAX_TRIES, Pulse, unless_paused

LIMIT_SECONDS = 0.5


class Failing:
    """A test that fails a number of times."""

    def __init__(self, failures: int) -> None:
        self.calls = 0
        self._failures = failures

    def __call__(self) -> None:
        self.calls += 1
        assert self.calls > self._failures


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """As if the machine had stood still for so many seconds."""
    monkeypatch.setattr(Pulse, "max_pause", request.param)


@pytest.mark.parametrize("paused", [0.1, LIMIT_SECONDS], indirect=True)
@pytest.mark.usefixtures("paused")
def test_a_failure_without_a_pause_counts_at_once() -> None:
    test = Failing(1)
    with pytest.raises(AssertionError):
        unless_paused(LIMIT_SECONDS)(test.__call__)()
    assert test.calls == 1


@pytest.mark.parametrize("paused", [LIMIT_SECONDS + 0.1], indirect=True)
@pytest.mark.usefixtures("paused")
def test_a_failure_of_a_paused_machine_is_tried_again_a_few_times() -> None:
    test = Failing(2)
    unless_paused(LIMIT_SECONDS)(test.__call__)()
    assert test.calls == 3
    for_ever = Failing(100)
    with pytest.raises(AssertionError):
        unless_paused(LIMIT_SECONDS)(for_ever.__call__)()
    assert for_ever.calls == MAX_TRIES
