"""Every effect of the main flow with every fault, every effect of the others with one of them, a
sample of pairs, and the proof that a broken rule is noticed.

The table is the simulation's, behind botocore's own wire protocol, which is what makes thousands of
runs affordable; that flows go the same way on DynamoDB Local, and a sample of faults with them, is
tested here too."""

import random
from collections import Counter
from typing import Any

import pytest

from service.ledger import keys as ledger_keys
from service.ledger import operations as ledger_operations
from service.providers.http import NeverSent, NoResponse
from service.providers.kling import client as kling
from service.storage import table
from service.storage.table import NotApplied
from service.storage.writes import Update, When
from tests.faults.enumeration.flows import FLOWS, MAIN, Flow, flow
from tests.faults.enumeration.replay import Enumeration, Hit, Replay, rows
from tests.faults.enumeration.run import Effect
from tests.faults.enumeration.stage import USER, Scenario, Stage
from tests.faults.enumeration.tables import LocalTable, MemoryBehind
from tests.faults.library.effects import Kind

pytestmark = pytest.mark.sample

SEED = 1
PAIRS = 60
ON_DYNAMODB = 40


@pytest.fixture(scope="module")
def memory() -> Enumeration:
    return Enumeration(Stage(MemoryBehind()))


@pytest.fixture
def dynamodb_local(client: Any, table_name: str) -> Enumeration:
    return Enumeration(Stage(LocalTable(client, table_name)))


def broken(replays: list[Replay]) -> str:
    return "\n".join(str(replay) for replay in replays if replay.violation)


@pytest.fixture(scope="module")
def sample(memory: Enumeration) -> dict[str, list[Hit]]:
    """By the name of the flow. Of the main flow all; of the others one for each effect, with the
    fault that effects of its kind have met the fewest times so far."""
    met: Counter[tuple[Kind, str]] = Counter()
    chosen: dict[str, list[Hit]] = {}
    for each in FLOWS:
        possible: dict[Effect, list[Hit]] = {}
        for (hit,) in memory.singles(each, thorough=False):
            possible.setdefault(hit.effect, []).append(hit)
        chosen[each.name] = []
        for hits in possible.values():
            rarest = min(hits, key=lambda hit: met[kind_of(hit)])
            taken = hits if each is MAIN else [rarest]
            chosen[each.name] += taken
            met.update(map(kind_of, taken))
    return chosen


def kind_of(hit: Hit) -> tuple[Kind, str]:
    return hit.effect.kind, hit.fault.name


@pytest.mark.timeout(900)
@pytest.mark.parametrize("each", FLOWS, ids=lambda each: each.name)
def test_a_fault_at_any_effect_breaks_no_promise(
    memory: Enumeration, sample: dict[str, list[Hit]], each: Flow
) -> None:
    assert broken([memory.play(each, (hit,)) for hit in sample[each.name]]) == ""


def test_each_kind_of_effect_meets_every_fault(
    memory: Enumeration, sample: dict[str, list[Hit]]
) -> None:
    possible = {kind_of(hit) for each in FLOWS for (hit,) in memory.singles(each, thorough=False)}
    assert {kind_of(hit) for hits in sample.values() for hit in hits} == possible


@pytest.mark.timeout(900)
def test_two_faults_in_one_job_break_no_promise(memory: Enumeration) -> None:
    pairs = memory.some_pairs(MAIN, PAIRS, random.Random(SEED))
    assert broken([memory.play(MAIN, hits) for hits in pairs]) == ""


@pytest.mark.timeout(900)
def test_flows_go_the_same_way_on_dynamodb_local(
    memory: Enumeration, dynamodb_local: Enumeration
) -> None:
    for each in FLOWS:
        assert dynamodb_local.record(each).effects == memory.record(each).effects


@pytest.mark.timeout(900)
def test_faults_break_no_promise_on_dynamodb_local_either(dynamodb_local: Enumeration) -> None:
    each = flow("retry-at-once")
    hits = random.Random(SEED).sample(list(dynamodb_local.singles(each)), ON_DYNAMODB)
    assert broken([dynamodb_local.play(each, hit) for hit in hits]) == ""


def test_a_flow_with_one_more_write_has_one_more_effect_to_fail(memory: Enumeration) -> None:
    def with_a_write(scenario: Scenario) -> None:
        MAIN.play(scenario)
        same = Update(
            ledger_keys.wallet(USER), When(equals={"deviceCount": 1}), set={"deviceCount": 1}
        )
        scenario.run.step("count", lambda: scenario.process().table.write(same))

    more = Flow("with-a-write", with_a_write)
    effects, others = memory.record(more).effects, memory.record(MAIN).effects
    *_, added = (effect for effect in effects if effect.step == "count")
    assert len(effects) == len(others) + 2  # A process that begins reads the prices.
    assert added.what.startswith("UpdateItem METADATA")
    assert {hit.fault.name for hit in rows(more, [added])} >= {
        "killed-before",
        "lost-answer",
        "slow",
        "throttled",
    }


def test_a_run_is_the_same_each_time(memory: Enumeration) -> None:
    hits = memory.some_pairs(MAIN, 3, random.Random(SEED))
    assert [memory.play(MAIN, pair) for pair in hits] == [memory.play(MAIN, pair) for pair in hits]


def test_a_failure_names_the_run_that_fails_again(
    memory: Enumeration, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_again_without_a_response(monkeypatch)
    failed = next(
        replay for hits in memory.singles(MAIN) if (replay := memory.play(MAIN, hits)).violation
    )
    (hit,) = failed.hits
    assert memory.play_named(MAIN, {hit.effect.number: hit.fault.name}) == failed
    assert f"delivered --only {hit}" in str(failed)


def lost_response_taken_for_a_failure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(table, "MaybeApplied", NotApplied)


def doubt_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger_operations._Attempts, "doubt", lambda *_: None)


def sent_again_without_a_response(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kling, "NeverSent", (NeverSent, NoResponse))


@pytest.mark.parametrize(
    "break_it",
    [lost_response_taken_for_a_failure, doubt_forgotten, sent_again_without_a_response],
    ids=lambda break_it: break_it.__name__,
)
def test_a_broken_rule_is_noticed(
    memory: Enumeration, monkeypatch: pytest.MonkeyPatch, break_it: Any
) -> None:
    break_it(monkeypatch)
    assert any(memory.play(MAIN, hits).violation for hits in memory.singles(MAIN))
