"""Every log line of a paid request, and of the worker's look at a job, names the job."""

import json
from io import StringIO
from typing import Any

import pytest

from service.app import create_app
from service.core.logs import configure
from service.identity.operations import Identity
from service.providers.base import Rejected, RejectionReason, TaskStatus
from tests.doubles.service_harness import IMAGE, ServiceHarness


class Lines:
    """The log of this test, as the process writes it."""

    def __init__(self) -> None:
        self._out = StringIO()
        configure("INFO", "json", self._out)

    def read(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._out.getvalue().splitlines()]
        self._out.seek(0)
        self._out.truncate()
        return lines


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def browser(world: ServiceHarness) -> Any:
    world.parts.get(Identity)._trust_bare = True
    return create_app(world.parts).test_client()


def post(browser: Any, key: str | None = None) -> Any:
    body = {"GoogleID": "ann", "Fingerprint": "phone", "imageUrl": IMAGE, "promptKey": "foo_prompt"}
    return browser.post("/videos", json=body, headers={"Idempotency-Key": key} if key else {})


def test_the_request_s_own_line_names_the_job_and_so_does_that_of_its_repetition(
    browser: Any, lines: Lines
) -> None:
    job_id = post(browser, key="k").json["data"]["jobId"]
    assert post(browser, key="k").json["data"]["jobId"] == job_id
    read = lines.read()
    assert [line["event"] for line in read] == ["request", "request"]
    assert {line["job_id"] for line in read} == {job_id}


def test_the_job_keeps_the_id_that_its_request_is_logged_under(
    world: ServiceHarness, browser: Any, lines: Lines
) -> None:
    responded = post(browser)
    (line,) = lines.read()
    assert responded.headers["X-Request-Id"] == line["request_id"]
    assert world.job(responded.json["data"]["jobId"]).request_id == line["request_id"]


def test_the_next_request_does_not_name_it(browser: Any, lines: Lines) -> None:
    post(browser)
    lines.read()
    browser.get("/credits", headers={"X-Google-ID": "ann"})
    (line,) = lines.read()
    assert "job_id" not in line


@pytest.mark.protocol("job-named")
def test_every_line_of_a_refused_job_names_it(
    browser: Any, lines: Lines, world: ServiceHarness
) -> None:
    world.provider.creates = [Rejected(RejectionReason.BUSY), RuntimeError("a fault of ours")]
    for _ in range(2):
        response = post(browser)
        job_id = response.json.get("data", response.json.get("details"))["jobId"]
        read = lines.read()
        assert len(read) == 2
        assert {line["job_id"] for line in read} == {job_id}


def test_every_line_of_the_worker_about_a_job_names_it(lines: Lines, world: ServiceHarness) -> None:
    job_id = world.submit().job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    lines.read()
    world.clock.advance(30)
    world.work()
    read = lines.read()
    assert [line["event"] for line in read] == ["job_captured"]
    assert {line["job_id"] for line in read} == {job_id}
