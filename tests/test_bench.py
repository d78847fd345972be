"""The benchmark itself still runs; how fast anything is, is no matter of tests."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sample

CHECKOUT = Path(__file__).parents[1]
ONE_TINY_ROUND = """
import sys
from tests.bench import __main__, cpu

cpu.QUICK_ROUNDS = cpu.QUICK_REQUESTS = cpu.TURN = 1
sys.exit(__main__.main(["cpu", "--quick"]))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: the benchmark takes over logs and environment of the one it runs in."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


def test_one_tiny_round_compares_every_contestant_on_every_path() -> None:
    done = run("-c", ONE_TINY_ROUND)
    assert done.returncode == 0, done.stderr
    for path in ("POST /videos", "GET /credits", "GET /jobs/{id}"):
        for contestant in ("service", "floor", "floor, tuned"):
            assert f"| {path} | {contestant} |" in done.stdout
    assert "| POST /videos | naive service |" in done.stdout


def test_both_processes_start_on_the_canned_endpoints() -> None:
    done = run("-m", "tests.bench", "startup", "--quick")
    assert done.returncode == 0, done.stderr
    assert "GET /health/ready" in done.stdout


def test_an_unknown_experiment_is_refused_with_the_names_of_all() -> None:
    done = run("-m", "tests.bench", "speed")
    assert done.returncode == 2
    assert "growth" in done.stderr
