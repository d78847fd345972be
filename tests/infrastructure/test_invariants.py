"""Every check passes for every stage. For the choices that an operator has: test_measure.py."""

import pytest

from service.core.settings import STAGES
from tests.infrastructure.checks.everything import Check, checks
from tests.infrastructure.deployments import Deployment, deployment

STAGED = {stage: deployment(stage) for stage in STAGES}


@pytest.mark.parametrize("staged", STAGED.values(), ids=STAGED)
@pytest.mark.parametrize("check", checks().values(), ids=checks())
def test_every_check_passes_for_every_stage(check: Check, staged: Deployment) -> None:
    faults = list(check(staged))
    assert not faults, "\n".join(faults)
