"""A sample of `make drain`: a few deployments under load."""

import pytest

from tests.drain.balancer import haproxy
from tests.drain.outcome import Plan
from tests.drain.rehearsal import rehearse
from tests.stack.processes import Processes

pytestmark = pytest.mark.sample

# Two replacements of each, one of them announced to the balancer; all videos end by callback, or
# the slowest would take a minute.
PLAN = Plan(deployments=2, size=1, clients=3, seconds=600, dropped_callbacks=0)


@pytest.mark.timeout(900)
def test_replacing_everything_under_load_fails_no_request_and_loses_no_text_and_no_socket() -> None:
    program = haproxy()
    if program is None:
        pytest.skip("HAProxy is not here and cannot be installed (Debian: apt-get install haproxy)")
    with Processes() as launcher:
        outcome = rehearse(program, PLAN, launcher, on_progress=lambda line: None)
    assert outcome.faults == (), outcome.summary()
    assert outcome.requests > 50
