"""A sample of `make proof ONLY=streams`, and the proof that it can fail."""

from collections.abc import Callable

import pytest

from service.text import calling, verdicts
from service.text.verdicts import Stop, TextVerdict
from tests.simulation.journal import Journal
from tests.simulation.logs import counted_logs
from tests.streams.world import ENDINGS, World

pytestmark = pytest.mark.sample

SEED = 1


def play(seed: int = SEED) -> tuple[World, list[str]]:
    with counted_logs(Journal()) as broken:
        world = World(seed)
        return world, world.play() + broken


def test_what_random_streams_are_charged_is_what_the_rules_say_of_the_vendor_s_books() -> None:
    world, faults = play()
    assert faults == []
    assert world.counts["thousandths captured"] == world.counts["thousandths by the rules"] > 100
    assert {name.partition(":")[0] for name in world.counts} >= set(ENDINGS)


def test_the_same_seed_is_the_same_world() -> None:
    first, second = (World(7, 20) for _ in range(2))
    assert (first.play(), first.counts) == (second.play(), second.counts)


def every_report_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdicts, "usage_fault", lambda *_: "")


def vendor_faults_charged(patch: pytest.MonkeyPatch) -> None:
    def charged(last: object, stop: Stop | None, *others: object) -> TextVerdict:
        return verdicts.verdict_of(None, stop or Stop.LIMIT, *others)  # type: ignore[arg-type]

    patch.setattr(calling, "verdict_of", charged)


@pytest.mark.parametrize(
    "break_it", [every_report_believed, vendor_faults_charged], ids=lambda each: each.__name__
)
def test_a_broken_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch, break_it: Callable[[pytest.MonkeyPatch], None]
) -> None:
    break_it(monkeypatch)
    _, faults = play()
    assert faults
