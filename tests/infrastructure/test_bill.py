"""What each stage costs while no one uses it."""

import json
from datetime import date
from decimal import Decimal

import pytest

from service.core.settings import STAGES
from tests.infrastructure.bill import PRICES, idle, lines
from tests.infrastructure.deployments import deployment


def test_a_founder_pays_less_than_forty_dollars_for_dev() -> None:
    running, paused = idle(deployment("dev"))
    assert running < 40
    assert paused < 30


def test_each_stage_costs_more_than_the_one_before() -> None:
    costs = [idle(deployment(stage))[0] for stage in ("dev", "staging", "production")]
    assert costs == sorted(costs)


@pytest.mark.parametrize(
    ("choice", "what", "more"),
    [
        ({"NatGateways": "single"}, "NAT gateways, with their addresses", Decimal("36.5")),
        ({"ZoneCount": "3"}, "public addresses of the balancer", Decimal("3.65")),
        ({"CpuArchitecture": "X86_64"}, "tasks", Decimal("1.22")),
        ({"OnlySpot": "false"}, "tasks", Decimal("9.52")),
        ({"WorkerIntervalSeconds": "1"}, "the workers' queries for due work", Decimal("1.31")),
    ],
)
def test_a_choice_shows_in_its_line_of_the_bill(
    choice: dict[str, str], what: str, more: Decimal
) -> None:
    (before,) = [line.dollars for line in lines(deployment("dev")) if line.what == what]
    (after,) = [line.dollars for line in lines(deployment("dev", **choice)) if line.what == what]
    assert round(after - before, 2) == more


@pytest.mark.parametrize("stage", STAGES)
def test_a_paused_stage_pays_for_no_task(stage: str) -> None:
    paid = {line.what for line in lines(deployment(stage)) if line.paused and line.dollars}
    assert "tasks" not in paid
    assert {"load balancer", "keys and secrets"} <= paid


def test_every_price_says_where_it_is_from_or_that_it_is_from_memory() -> None:
    known = json.loads(PRICES.read_text(encoding="utf-8"))
    assert date.fromisoformat(known["reviewed"]) >= date(2026, 1, 1)
    entries = {name: entry for name, entry in known.items() if isinstance(entry, dict)}
    assert len(entries) >= 15
    assert all(set(entry) > {"source"} for entry in entries.values())
    assert "from memory" in known["about"]
