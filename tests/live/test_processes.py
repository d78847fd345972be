"""The relay as a process of its own: started as in a container, replaced, and killed."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from devstack.environment import stack_environment
from devstack.folder import new_keys
from devstack.ports import Ports, free_port
from devstack.simulators.assemblyai.sockets import SpeechSockets
from service.app import build, load_settings
from service.audit.operations import Auditor
from service.catalog.current_prices import CurrentPrices
from service.core.clock import SystemClock
from service.core.principal import Principal
from service.core.sweep import Background
from service.feature import Parts
from service.jobs.entities import Job
from service.jobs.operations import Jobs
from service.live.entities import STREAM_PROTOCOL, LiveBody, NewSession
from service.live.operations import Live
from tests.live.relay_world import KEY, simulated

pytestmark = pytest.mark.sample

START_SECONDS = 200.0
TENTH_OF_SPEECH = b"\x01\x02" * 800


class LaterClock(SystemClock):
    """Ten minutes ahead, when every lease has run out."""

    def now(self) -> int:
        return super().now() + 600_000


class Process:
    """A relay over a table of DynamoDB Local, and parts of the web process and the worker."""

    def __init__(self, client: Any, table_name: str, sockets: SpeechSockets) -> None:
        ports = Ports(free_port(), 1, 1, free_port(), sockets.port)
        self.environment = stack_environment({}, ports, new_keys()) | {
            "DYNAMODB_ENDPOINT_URL": client.meta.endpoint_url,
            "DYNAMODB_TABLE_NAME": table_name,
            "ASSEMBLYAI_API_KEY": KEY,
            "LOG_FORMAT": "json",
        }
        self.url = ports.relay_url
        self.web = self.parts(SystemClock())
        self.child = subprocess.Popen(
            [sys.executable, "-m", "service.relay"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def parts(self, clock: SystemClock) -> Parts:
        built = build(load_settings(self.environment), "worker", clock)
        built.get(CurrentPrices).refresh()
        return built

    def await_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                with urlopen(f"{self.url}/health/ready", timeout=10) as response:
                    assert json.load(response)["data"] == {"status": "ready"}
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the relay is not ready")

    async def connected(self) -> ClientConnection:
        who = Principal("https://accounts.google.com", "ann", "ann@example.com")
        ticket = self.web.get(Live).issue(NewSession(who, "phone of ann", LiveBody(8000))).ticket
        socket = await connect(
            f"{self.url.replace('http', 'ws')}/transcriptions/stream",
            subprotocols=[STREAM_PROTOCOL, f"ticket.{ticket}"],  # type: ignore[list-item]
            open_timeout=START_SECONDS,
            proxy=None,
        )
        assert json.loads(await socket.recv())["type"] == "ready"
        for _ in range(15):
            await socket.send(TENTH_OF_SPEECH)
        await socket.recv()
        return socket

    def job(self) -> Job:
        (job,) = self.web.get(Jobs).page("ann", 10, None).jobs
        return job

    def worker(self) -> None:
        """One round of it, ten minutes later."""
        with ThreadPoolExecutor(1) as executor:
            later = self.parts(LaterClock())
            for sweep in later.sweeps(Background(lambda name, threads: executor)):
                if sweep.name == "due_jobs":
                    sweep.run_once()


@pytest.fixture
def process(client: Any, table_name: str) -> Iterator[Process]:
    sockets = simulated()
    found = Process(client, table_name, sockets)
    try:
        found.await_ready()
        yield found
    finally:
        found.child.kill()
        found.child.communicate()
        sockets.stop()


async def code_of(socket: ClientConnection) -> int:
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 1006


def test_a_relay_that_is_stopped_settles_what_it_relays_and_ends(process: Process) -> None:
    async def talk() -> int:
        socket = await process.connected()
        process.child.send_signal(signal.SIGTERM)
        return await code_of(socket)

    assert asyncio.run(talk()) == 1012
    assert process.child.wait(START_SECONDS) == 0
    job = process.job()
    assert (job.status.value, job.captured) == ("SUCCEEDED", 1)
    out = process.child.stdout
    assert out is not None
    assert "ticket." not in out.read()
    assert not process.web.get(Auditor).audit().violations


def test_of_a_relay_that_is_killed_nothing_stays_held(process: Process) -> None:
    async def talk() -> int:
        socket = await process.connected()
        process.child.kill()
        return await code_of(socket)

    assert asyncio.run(talk()) == 1006
    assert process.job().is_open
    process.worker()
    job = process.job()
    assert (job.failure, job.captured, job.returned) == ("INTERRUPTED", 0, 20)
    assert not process.web.get(Auditor).audit().violations
