import threading
from pathlib import Path

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from service.core.metrics import Metric
from service.web.errors import register_errors
from service.web.health import CACHE_SECONDS, CachedCheck, health_blueprint
from service.web.request_log import log_requests
from tests.doubles.clock import FakeClock
from tests.web.small_app import Counts


class Table:
    def __init__(self) -> None:
        self.calls = 0
        self.healthy = True
        self.broken = False

    def ready(self) -> bool:
        self.calls += 1
        if self.broken:
            raise ConnectionError
        return self.healthy


class Stack:
    def __init__(self, drain_flag: str = "") -> None:
        self.table, self.clock, self.counts = Table(), FakeClock(), Counts()
        app = Flask("x", static_folder=None)
        app.register_blueprint(health_blueprint(self.table.ready, drain_flag, self.clock))
        log_requests(app, self.clock, self.counts, production=False)
        register_errors(app, self.counts)
        self.client: FlaskClient = app.test_client()


def test_a_healthy_service_has_exactly_this_body() -> None:
    response = Stack().client.get("/health")
    assert response.status_code == 200
    assert response.get_json() == {
        "status": "healthy",
        "dynamodb": "connected",
        "environment": "configured",
    }


def test_without_its_table_the_service_is_unhealthy_and_not_ready_but_alive() -> None:
    stack = Stack()
    for trouble in ("healthy", "broken"):
        setattr(stack.table, trouble, trouble == "broken")
        stack.clock.advance(CACHE_SECONDS)
        response = stack.client.get("/health")
        assert response.status_code == 503
        assert response.get_json() == {
            "status": "unhealthy",
            "dynamodb": "disconnected",
            "environment": "configured",
        }
        ready = stack.client.get("/health/ready")
        assert (ready.status_code, ready.get_json()["code"]) == (503, "NOT_READY")
        assert ready.get_json()["details"] == {"reason": "dynamodb"}
        assert ready.headers["Retry-After"] == "5"
        assert stack.client.get("/health/live").status_code == 200


def test_a_process_that_was_ready_once_stays_so_when_the_table_goes_away() -> None:
    """It is the table of all processes: a balancer that takes them out, and an orchestrator that
    replaces them, mend nothing."""
    stack = Stack()
    assert stack.client.get("/health/ready").status_code == 200
    stack.table.healthy = False
    stack.clock.advance(CACHE_SECONDS)
    assert stack.client.get("/health/ready").status_code == 200
    assert stack.client.get("/health").status_code == 503


def test_a_process_becomes_ready_once_the_table_responds() -> None:
    stack = Stack()
    stack.table.healthy = False
    assert stack.client.get("/health/ready").status_code == 503
    stack.table.healthy = True
    stack.clock.advance(CACHE_SECONDS)
    assert stack.client.get("/health/ready").status_code == 200


def test_liveness_never_calls_the_table() -> None:
    stack = Stack()
    assert stack.client.get("/health/live").get_json() == {
        "success": True,
        "data": {"status": "alive"},
    }
    assert stack.table.calls == 0


def test_a_process_that_drains_is_not_ready_and_still_healthy(tmp_path: Path) -> None:
    flag = tmp_path / "draining"
    stack = Stack(str(flag))
    assert stack.client.get("/health/ready").get_json() == {
        "success": True,
        "data": {"status": "ready"},
    }
    flag.touch()
    response = stack.client.get("/health/ready")
    assert (response.status_code, response.get_json()["details"]) == (503, {"reason": "draining"})
    assert stack.client.get("/health").status_code == 200
    flag.unlink()
    assert stack.client.get("/health/ready").status_code == 200


def test_probing_hard_does_not_load_the_table() -> None:
    stack = Stack()
    for _ in range(50):
        stack.client.get("/health")
        stack.client.get("/health/ready")
    assert stack.table.calls == 1
    stack.clock.advance(CACHE_SECONDS - 0.01)
    stack.client.get("/health")
    assert stack.table.calls == 1
    stack.clock.advance(0.02)
    stack.client.get("/health")
    assert stack.table.calls == 2


def test_recovery_shows_within_two_seconds() -> None:
    stack = Stack()
    stack.table.healthy = False
    assert stack.client.get("/health").status_code == 503
    stack.table.healthy = True
    stack.clock.advance(CACHE_SECONDS)
    assert stack.client.get("/health").status_code == 200


def test_only_one_thread_checks_and_only_the_first_result_is_waited_for() -> None:
    clock, started, go = FakeClock(), threading.Semaphore(0), threading.Event()
    calls: list[int] = []

    def slow() -> bool:
        calls.append(1)
        started.release()
        assert go.wait(60)
        return True

    check = CachedCheck(slow, clock)
    responses: list[bool] = []
    threads = [threading.Thread(target=lambda: responses.append(check.passes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert started.acquire(timeout=60)
    go.set()
    for thread in threads:
        thread.join(60)
    assert (responses, len(calls)) == ([True] * 8, 1)

    go.clear()
    clock.advance(CACHE_SECONDS)
    checker = threading.Thread(target=check.passes)
    checker.start()
    assert started.acquire(timeout=60)
    assert check.passes() is True
    go.set()
    checker.join(60)
    assert len(calls) == 2


@pytest.mark.parametrize(("healthy", "lines"), [(True, 0), (False, 2)])
def test_probes_that_succeed_fill_no_log(healthy: bool, lines: int) -> None:
    stack = Stack()
    stack.table.healthy = healthy
    with structlog.testing.capture_logs() as logs:
        for path in ("/health", "/health/live", "/health/ready"):
            stack.client.get(path)
    assert len(logs) == lines
    assert len(stack.counts.of(Metric.REQUEST_LATENCY)) == lines
