"""The commands on webhooks: over HTTP, signed, against the service itself."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from service import cli
from service.app import create_app
from service.core.clock import SystemClock
from tests.doubles.signer import SHARED_SECRET
from tests.faults.enumeration.tables import MemoryBehind
from tests.notifications.conftest import URL, NotifyingHarness, Receivers

REASON = ("--reason", "for a test")


@pytest.fixture
def world(memory: MemoryBehind) -> NotifyingHarness:
    """In real time: a command reads the clock of its machine."""
    clock: Any = SystemClock()
    return NotifyingHarness(memory, memory.name, clock=clock, receivers=Receivers(clock))


@pytest.fixture
def farebox(
    world: NotifyingHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Any]:
    """Runs a command. Returns its exit code, output and messages."""
    server = make_server("127.0.0.1", 0, create_app(world.parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("FAREBOX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("FAREBOX_KEY", f"machine:hmac-sha256:{SHARED_SECRET}")

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        written = capsys.readouterr()
        return code, written.out, written.err

    try:
        yield run
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def last_line(out: str) -> str:
    """Behind the log lines of the service, which runs in this process."""
    return out.strip().splitlines()[-1]


def test_an_endpoint_is_added_tested_read_and_removed(
    world: NotifyingHarness, farebox: Any
) -> None:
    code, out, messages = farebox("webhook", URL, "--event", "credits.low", *REASON)
    assert code == 0
    secret = last_line(out)
    [endpoint] = world.endpoints.all()
    assert endpoint.endpoint_id in messages
    assert world.endpoints.secrets(endpoint) == (secret,)
    name = endpoint.endpoint_id
    assert farebox("test-webhook", name, *REASON)[0] == 0
    world.settle()
    event_id = world.receivers.event_ids[0]
    assert event_id in farebox("deliveries", name)[1]
    assert farebox("resend-event", name, event_id, *REASON)[0] == 0
    world.settle()
    assert world.receivers.event_ids == [event_id] * 2
    assert farebox("disable-webhook", name, *REASON)[0] == 0
    assert "disabled" in farebox("webhooks")[1]
    assert farebox("enable-webhook", name, *REASON)[0] == 0
    rotated = last_line(farebox("rotate-webhook", name, *REASON)[1])
    assert rotated.startswith("whsec_")
    assert rotated != secret
    assert farebox("dead-letters")[0] == 0
    assert farebox("remove-webhook", name, *REASON)[0] == 0
    assert world.endpoints.all() == ()


def test_a_refusal_is_shown_and_exits_with_one(farebox: Any) -> None:
    code, out, messages = farebox("webhook", "http://127.0.0.1/", *REASON)
    assert (code, "whsec_" in out) == (1, False)
    assert "WEBHOOK_URL_INVALID" in messages
    unknown = "evt_01m3250v002ajm933q0h87z8m2"
    code, _, messages = farebox("redrive-event", "ann", unknown, *REASON)
    assert (code, "WEBHOOK_DELIVERY_NOT_FOUND" in messages) == (1, True)
