"""A sample of `make simulate`, and the proof that it can fail."""

import os
import subprocess
import sys

import pytest

from tests.faults.library.random_faults import QUERY_FAULTS, TABLE_FAULTS, VENDOR_FAULTS
from tests.simulation.__main__ import Run, report
from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import CORRECTIONS, draw
from tests.simulation.shrink import Shrinker
from tests.simulation.text_vendor import TEXT_FAULTS
from tests.simulation.world import play

pytestmark = pytest.mark.sample

SAMPLE_SEED = 38
SAMPLE_STEPS = 5_000
MUTANT_STEPS = 12_000
# From which world on a mutant is looked for; it is to be noticed from any, from these quickly.
MUTANT_SEEDS = {
    "key_before_wallet": 100_122,
    "doubt_forgotten": 100_017,
    "refusal_final_while_in_doubt": 100_017,
    "unresolved_ends_no_key": 100_004,
    "nothing_is_watched": 100_008,
    "sign_up_refuses_whoever_is_known": 100_002,
    "record_unguarded": 100_013,
    "device_claim_unguarded": 100_031,
    "capture_forgets_the_device": 100_003,
    "every_report_believed": 100_012,
    "vendor_faults_charged": 100_001,
    "text_charged_before_it_is_stored": 100_001,
    "stored_text_ignored_by_the_worker": 100_001,
    "cap_only_read": 100_026,
    "version_not_compared": 100_002,
}
_BRANCHES = (
    "response: job",
    "response: replayed",
    "response: no response",
    "response: INSUFFICIENT_CREDITS",
    "response: SYSTEM_LIMIT_REACHED",
    "response: DEVICE_ALREADY_USED",
    "response: IDEMPOTENCY_KEY_REUSED",
    "response: OUTCOME_UNKNOWN",
    "response: PROVIDER_BUSY",
    "response: PROVIDER_UNAVAILABLE",
    "response: LOSS_LIMIT_REACHED",
    "callbacks",
    "end: SUCCEEDED",
    "end: FAILED GENERATION_FAILED",
    "end: FAILED PROVIDER_UNRESOLVED",
    "house loss",
    "end: FAILED INTERRUPTED",
    "end: FAILED NO_RESPONSE",
    "end: FAILED PROVIDER_BROKE_OFF",
    "text: ended by cancelled",
    "text: ended by drained",
    "text: ended by late",
    "reads: text",
    "drains",
    "device at a capture",
    "claim at a capture",
    "late writes that landed",
    "wallets compared with an earlier audit",
    "process deaths",
    *(f"correction: {what} done" for what in CORRECTIONS),
    "correction: take INSUFFICIENT_CREDITS",
)
# What hardly ever happens, and a world in which it does.
_RARE = {"correction: grant OUTCOME_UNKNOWN": 29}


@pytest.fixture(scope="module")
def sample() -> Run:
    run = Run(SAMPLE_SEED, SAMPLE_STEPS)
    failed = run.play()
    if failed is not None:
        report(run.next_seed - 1, failed.violation)
        pytest.fail(f"world {run.next_seed - 1}: {failed.violation}")
    return run


@pytest.mark.timeout(900)
def test_a_sample_of_worlds_keeps_every_promise(sample: Run) -> None:
    assert sample.counts["user operations"] >= SAMPLE_STEPS


@pytest.mark.timeout(900)
def test_every_fault_and_every_branch_really_happens_in_the_sample(sample: Run) -> None:
    wanted = (*TABLE_FAULTS, *VENDOR_FAULTS, *QUERY_FAULTS, *TEXT_FAULTS, *_BRANCHES)
    assert [name for name in wanted if not sample.counts[name]] == []


@pytest.mark.parametrize("branch", _RARE)
def test_what_hardly_ever_happens_breaks_no_promise_either(branch: str) -> None:
    outcome = play(draw(_RARE[branch]))
    assert (outcome.violation, outcome.journal.counts[branch] > 0) == ("", True)


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    summaries = {_run_in_a_process_with_hash_seed(hash_seed) for hash_seed in ("1", "2")}
    assert len(summaries) == 1
    assert "digest" in summaries.pop()


def test_another_seed_is_another_run() -> None:
    runs = [Run(seed, 1) for seed in (7, 8)]
    for run in runs:
        run.play()
    assert runs[0].digest != runs[1].digest


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_taken_away_is_noticed(name: str) -> None:
    run = Run(MUTANT_SEEDS.get(name, 100_000), MUTANT_STEPS)
    with MUTANTS[name]():
        failed = run.play()
    assert failed is not None


def test_a_violation_is_shrunk_before_it_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with MUTANTS["charge_before_delivery"]():
        plan = Shrinker(draw(100_000)).shrink()
        report(100_000, "for the test")
    assert len(plan.requests) == 1
    assert plan.requests[0].twins == 1
    out = capsys.readouterr().out
    assert "delivered what is not there" in out
    assert "make simulate SEED=100000 STEPS=1" in out


def _run_in_a_process_with_hash_seed(hash_seed: str) -> str:
    """The summary without its last line, which states the speed."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "7", "--steps", "100"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    summaries = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return summaries.stdout.rpartition("\n")[0].rpartition("\n")[0]
