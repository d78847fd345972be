"""A vendor that does not respond leaves a log line that says what happened to which job, and what
happens next."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog.testing

from service.core.metrics import Metric
from service.providers.base import Indeterminate, Rejected, RejectionReason
from service.providers.kling.credentials import KlingKeys
from tests.doubles.quick import QuickClock
from tests.doubles.slow_servers import (
    IN_TIME_SECONDS,
    SlowServer,
    drip_head,
    stay_silent,
    until_received,
)
from tests.providers.kling.harness import ORDER, KlingHarness, soon

SECONDS = 0.3


@pytest.fixture
def harness() -> KlingHarness:
    return KlingHarness("", [])


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.mark.parametrize("serve", [stay_silent, drip_head])
def test_a_create_without_a_response_is_logged_and_counted(
    harness: KlingHarness, logs: list[Any], serve: Any
) -> None:
    with SlowServer(serve) as server:

        def create() -> object:
            logs.clear()
            harness.metrics.counts.clear()
            return harness.kling(server.url).create(ORDER, QuickClock().monotonic() + SECONDS)

        assert until_received(server, create) == Indeterminate()
    (line,) = logs
    assert (line["event"], line["operation"], line["job_id"]) == (
        "provider_silent",
        "create",
        "job_1",
    )
    assert 0 < line["seconds"] < IN_TIME_SECONDS
    assert "stay held" in line["next"]
    assert harness.metrics.counts[Metric.PROVIDER_SILENT] == 1


def test_a_query_without_a_response_is_logged_and_counted(
    harness: KlingHarness, logs: list[Any]
) -> None:
    with SlowServer(stay_silent) as server:
        kling = harness.kling(server.url, seconds=SECONDS)
        assert kling.fetch_task(None, "job_1") == Indeterminate()
    (line,) = logs
    assert (line["event"], line["operation"], line["job_id"]) == (
        "provider_silent",
        "query",
        "job_1",
    )
    assert "queried again" in line["next"]
    assert harness.metrics.counts[Metric.PROVIDER_SILENT] == 1


def test_a_call_that_is_not_sent_for_want_of_a_key_names_its_job(
    harness: KlingHarness, logs: list[Any]
) -> None:
    harness.keys = KlingKeys()
    kling = harness.kling("http://127.0.0.1:9")
    assert kling.create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert kling.fetch_task(None, "job_1") == Indeterminate()
    assert {(line["event"], line["reason"], line["job_id"]) for line in logs} == {
        ("provider_not_reached", "SecretUnavailable", "job_1")
    }
    assert [line["operation"] for line in logs] == ["create"] * 3 + ["query"]
    assert harness.metrics.counts[Metric.PROVIDER_SILENT] == 0
