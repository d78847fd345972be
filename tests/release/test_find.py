"""`release/find`: what a deployment logged of one id."""

import json
import time

import pytest

from tests.release.machine import Machine

JOB = "job_01m8hz23m44nm7szy60kbsvecp"
NOW = int(time.time() * 1000)
REQUEST_LINE = json.dumps({"event": "request", "request_id": "req_1", "job_id": JOB})
OTHER_LINE = json.dumps({"event": "request", "request_id": "req_2"})
WORKER_LINE = json.dumps({"event": "job_settled", "job_id": JOB})
OLD_LINE = json.dumps({"event": "request", "request_id": "req_1", "age": "old"})


@pytest.fixture
def logged(machine: Machine) -> Machine:
    machine.set(
        logs={
            "/farebox/dev/web": [
                [NOW - 48 * 3600 * 1000, OLD_LINE],
                [NOW - 5_000, OTHER_LINE],
                [NOW - 3_000, REQUEST_LINE],
            ],
            "/farebox/dev/worker": [[NOW - 1_000, WORKER_LINE]],
        }
    )
    return machine


def test_a_request_leads_to_its_job_and_the_job_s_other_lines(logged: Machine) -> None:
    done = logged.run("find", "req_1")
    assert (done.returncode, done.stdout.splitlines()) == (0, [REQUEST_LINE, WORKER_LINE])
    assert f'make operate STAGE=dev COMMAND="find {JOB}"' in done.stderr


def test_more_hours_find_older_lines(logged: Machine) -> None:
    done = logged.run("find", "req_1", HOURS="72")
    assert done.stdout.splitlines() == [OLD_LINE, REQUEST_LINE, WORKER_LINE]


def test_an_id_that_is_not_in_the_logs_leads_to_the_table(logged: Machine) -> None:
    done = logged.run("find", "179589933020200001")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No log line of the last 24 hours names it." in done.stderr
    assert 'COMMAND="find 179589933020200001"' in done.stderr


@pytest.mark.parametrize("wanted", ["", 'a" || "b', "a b", "x" * 65])
def test_what_cannot_be_an_id_is_refused(logged: Machine, wanted: str) -> None:
    done = logged.run("find", wanted)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Which id?" in done.stderr
