"""Whatever happens to a connection, the outcome of a write is right, comes in time, and leaves the
next call alone: a sample of `python -m tests.faults.connections`."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.storage.dynamodb import HttpWire
from service.storage.outcomes import HttpResponse, NeverSent, Outcome, PossiblyApplied
from tests.faults.connections.authority import make_certificates
from tests.faults.connections.disturbances import DISTURBANCES
from tests.faults.connections.lane import Lane
from tests.faults.connections.run import crowds, run

CHECKOUT = Path(__file__).parents[2]
SEED = "1"


def test_outcomes_are_right_with_threads() -> None:
    summary = run(SEED, 240)
    assert summary.faults == []
    assert {each.outcome for each in summary.results} == {
        "NeverSent",
        "Refused",
        "Applied",
        "PossiblyApplied",
    }


def test_callers_that_share_a_pool_get_their_own_responses() -> None:
    for crowd in crowds(SEED, 160):
        assert crowd.faults == []
        assert crowd.outcomes["Applied"] > 20


def test_outcomes_are_right_with_greenlets() -> None:
    """In a process of its own, patched as gunicorn's worker patches itself."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.connections"),
            *("--model", "greenlets", "--count", "120", "--seed", SEED),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "120 disturbed calls" in result.stdout


def test_every_disturbance_is_of_another_name() -> None:
    assert len({each.name for each in DISTURBANCES}) == len(DISTURBANCES) > 100


class Hopeful(HttpWire):
    """Takes a write that may have been applied for one that was never sent."""

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        outcome = super().send(headers, body)
        return NeverSent(outcome.why) if isinstance(outcome, PossiblyApplied) else outcome


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_hopes_is_noticed(scheme: str, tmp_path: Path) -> None:
    cut = [each for each in DISTURBANCES if each.name == "closed after all but the last byte"]
    lane = Lane(SEED, make_certificates(tmp_path), scheme, Hopeful)
    [result] = lane.run(1, cut)
    lane.close()
    assert "never sent, but" in result.fault
