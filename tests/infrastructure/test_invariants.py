"""Every check passes for every stage, and for the choices that an operator has."""

import pytest

from service.core.settings import STAGES
from tests.infrastructure.checks.everything import Check, checks
from tests.infrastructure.deployments import EVERYTHING, Deployment, deployment

CHOICES: tuple[dict[str, str], ...] = (
    {"NatGateways": "none", "ZoneCount": "3"},
    {"NatGateways": "per-az", "ZoneCount": "2"},
    {"NatGateways": "single", "ZoneCount": "3", "InterfaceEndpoints": "true"},
    {"CpuArchitecture": "ARM64", "WebSize": "large", "WorkerSize": "medium"},
)
STAGED = {stage: deployment(stage) for stage in STAGES}
CHOSEN = {"-".join(choice.values()): deployment("staging", **choice) for choice in CHOICES}
CHOSEN["everything"] = deployment("production", **EVERYTHING)


@pytest.mark.parametrize("staged", STAGED.values(), ids=STAGED)
@pytest.mark.parametrize("check", checks().values(), ids=checks())
def test_every_check_passes_for_every_stage(check: Check, staged: Deployment) -> None:
    faults = list(check(staged))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("chosen", CHOSEN.values(), ids=CHOSEN)
def test_every_check_passes_for_the_choices_of_an_operator(chosen: Deployment) -> None:
    faults = [f"{name}: {fault}" for name, check in checks().items() for fault in check(chosen)]
    assert not faults, "\n".join(faults)
