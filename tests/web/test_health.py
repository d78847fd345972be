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
        self.asked = 0
        self.well = True
        self.broken = False

    def ready(self) -> bool:
        self.asked += 1
        if self.broken:
            raise ConnectionError
        return self.well


class Stack:
    def __init__(self, drain_flag: str = "") -> None:
        self.table, self.clock, self.counts = Table(), FakeClock(), Counts()
        app = Flask("x", static_folder=None)
        app.register_blueprint(health_blueprint(self.table.ready, drain_flag, self.clock))
        log_requests(app, self.clock, self.counts, production=False)
        register_errors(app, self.counts)
        self.client: FlaskClient = app.test_client()


def test_health_is_brief_003_s_body_to_the_letter() -> None:
    response = Stack().client.get("/health")
    assert response.status_code == 200
    assert response.get_json() == {
        "status": "healthy",
        "dynamodb": "connected",
        "environment": "configured",
    }


def test_without_its_table_the_service_is_unhealthy_and_not_ready_but_alive() -> None:
    stack = Stack()
    for trouble in ("well", "broken"):
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
    stack.table.well = False
    stack.clock.advance(CACHE_SECONDS)
    assert stack.client.get("/health/ready").status_code == 200
    assert stack.client.get("/health").status_code == 503


def test_a_process_becomes_ready_once_the_table_answers() -> None:
    stack = Stack()
    stack.table.well = False
    assert stack.client.get("/health/ready").status_code == 503
    stack.table.well = True
    stack.clock.advance(CACHE_SECONDS)
    assert stack.client.get("/health/ready").status_code == 200


def test_liveness_never_asks_the_table() -> None:
    stack = Stack()
    assert stack.client.get("/health/live").get_json() == {
        "success": True,
        "data": {"status": "alive"},
    }
    assert stack.table.asked == 0


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
    assert stack.table.asked == 1
    stack.clock.advance(CACHE_SECONDS - 0.01)
    stack.client.get("/health")
    assert stack.table.asked == 1
    stack.clock.advance(0.02)
    stack.client.get("/health")
    assert stack.table.asked == 2


def test_recovery_shows_within_two_seconds() -> None:
    stack = Stack()
    stack.table.well = False
    assert stack.client.get("/health").status_code == 503
    stack.table.well = True
    stack.clock.advance(CACHE_SECONDS)
    assert stack.client.get("/health").status_code == 200


def test_only_one_thread_asks_and_nobody_waits_for_it_but_the_first() -> None:
    clock, asked, go = FakeClock(), threading.Semaphore(0), threading.Event()
    calls: list[int] = []

    def slow() -> bool:
        calls.append(1)
        asked.release()
        assert go.wait(10)
        return True

    check = CachedCheck(slow, clock)
    responses: list[bool] = []
    threads = [threading.Thread(target=lambda: responses.append(check.passes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert asked.acquire(timeout=10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert (responses, len(calls)) == ([True] * 8, 1)

    go.clear()
    clock.advance(CACHE_SECONDS)
    asker = threading.Thread(target=check.passes)
    asker.start()
    assert asked.acquire(timeout=10)
    assert check.passes() is True
    go.set()
    asker.join(10)
    assert len(calls) == 2


@pytest.mark.parametrize(("well", "lines"), [(True, 0), (False, 2)])
def test_probes_that_succeed_fill_no_log(well: bool, lines: int) -> None:
    stack = Stack()
    stack.table.well = well
    with structlog.testing.capture_logs() as logs:
        for path in ("/health", "/health/live", "/health/ready"):
            stack.client.get(path)
    assert len(logs) == lines
    assert len(stack.counts.of(Metric.REQUEST_LATENCY)) == lines
