"""The whole embedded stack, once, in memory."""

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from devstack.calls import call
from devstack.demo import DEMO_SETTINGS, Demo, DemoFailed
from devstack.environment import without_settings
from devstack.errors import LocalSetupError
from devstack.folder import new_keys
from devstack.ports import Ports, free_port, is_free
from devstack.stack import Stack, StackConfiguration
from devstack.terminal import Terminal
from devstack.welcome import welcome
from service.core.clock import SystemClock
from service.settings import process_environment

pytestmark = pytest.mark.sample


def configuration(**own: str) -> StackConfiguration:
    environment = {**without_settings(process_environment()), **own}
    return StackConfiguration(
        Ports(*(free_port() for _ in range(5))), environment, new_keys(), None
    )


def eventually(holds: Callable[[], object], seconds: float = 200.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def responds(url: str) -> bool:
    try:
        return call("GET", url, seconds=10).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(configuration(**DEMO_SETTINGS), Terminal(io.StringIO()), SystemClock()) as running:
        yield running


def test_the_demo_finds_everything_as_promised(stack: Stack) -> None:
    shown = io.StringIO()
    Demo(stack.ports, stack.environment, Terminal(shown)).run()
    text = shown.getvalue()
    assert "All as promised." in text
    assert '"code": "INSUFFICIENT_CREDITS"' in text
    assert "200 video/mp4" in text
    assert "Every balance is proved by its entries." in text
    assert "  delta  " in text
    assert "it cost 0.015, and players can show it" in text
    summary = text[text.index("Summary") :]
    assert "videos delivered    3     3 charged" in summary
    assert "jobs failed         1     1 returned" in summary
    assert text.count("✓") >= 10
    assert "\x1b" not in text


def test_the_demo_says_where_something_is_not_as_it_should_be(stack: Stack) -> None:
    fault = {"service": "kling", "operation": "create", "fault": "job-fails"}
    assert call("POST", f"{stack.ports.simulators_url}/__faults", fault).status == 200
    with pytest.raises(DemoFailed, match=r"the job succeeded and cost 1 \(step 4\)"):
        Demo(stack.ports, stack.environment, Terminal(io.StringIO())).run()


def test_the_welcome_offers_calls_that_work_as_they_stand(stack: Stack) -> None:
    text = welcome(stack.ports, str)
    assert f"curl -s {stack.ports.app_url}/videos" in text
    assert responds(f"{stack.ports.app_url}/docs")
    token = text.split("TOKEN=")[1].split()[0]
    balance = call(
        "GET", f"{stack.ports.app_url}/credits", headers={"Authorization": f"Bearer {token}"}
    )
    assert balance.json()["data"]["registered"] is False


@pytest.mark.parametrize("name", ["web", "worker", "simulators"])
def test_a_process_that_dies_is_started_again(stack: Stack, name: str) -> None:
    before = stack.pids()[name]
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: stack.pids().get(name, before) != before)
    assert eventually(lambda: responds(f"{stack.ports.app_url}/health/ready"))
    assert stack.failure == ""


def test_settings_that_cannot_be_used_stop_the_start_before_anything_runs() -> None:
    with (
        pytest.raises(LocalSetupError, match="TRUST_BARE_GOOGLE_ID must not be on in production"),
        Stack(configuration(STAGE="production"), Terminal(io.StringIO()), SystemClock()),
    ):
        pass


def test_a_part_that_does_not_come_up_ends_the_start_with_its_last_words_and_leaves_nothing() -> (
    None
):
    wrong = configuration(WEB_CONCURRENCY="many")
    with (
        pytest.raises(LocalSetupError, match="web did not start; its last lines") as refusal,
        Stack(wrong, Terminal(io.StringIO()), SystemClock()),
    ):
        pass
    assert "'many'" in str(refusal.value)
    assert all(
        is_free(port) for port in (wrong.ports.app, wrong.ports.dynamodb, wrong.ports.simulators)
    )


def test_a_taken_port_stops_the_start_before_anything_runs(stack: Stack) -> None:
    ports = replace(stack.ports, app=free_port(), simulators=free_port())
    second = StackConfiguration(ports, {}, new_keys(), None)
    with (
        pytest.raises(LocalSetupError, match=f"Port {ports.dynamodb} is already in use"),
        Stack(second, Terminal(io.StringIO()), SystemClock()),
    ):
        pass
