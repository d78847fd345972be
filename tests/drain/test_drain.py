"""A sample of `make drain`: a few deployments under load."""

import pytest

from tests.drain.balancer import haproxy
from tests.drain.rehearsal import Plan, rehearse

# Four replacements of web and worker.
PLAN = Plan(deployments=2, size=2, clients=6, seconds=600)
# Less patient than the long rehearsal, so that the worker's turn comes sooner.
TIMES = {
    "DYNAMODB_READ_TIMEOUT_SECONDS": "4",
    "TRANSACTION_DEADLINE_SECONDS": "5",
    "KLING_CREATE_SECONDS": "4",
    "SUBMIT_SECONDS": "17.1",
}


@pytest.mark.timeout(900)
def test_replacing_web_and_worker_under_load_fails_no_request_and_loses_no_job() -> None:
    program = haproxy()
    if program is None:
        pytest.skip("HAProxy is not here and cannot be installed (Debian: apt-get install haproxy)")
    outcome = rehearse(program, PLAN, told=lambda line: None, **TIMES)
    assert outcome.faults == (), outcome.summary()
    assert outcome.requests > 50
