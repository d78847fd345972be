"""SIGTERM while a web process streams: the text ends, is charged and delivered, and what waits for
a job returns at once."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from devstack.ports import free_port
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.core.clock import SystemClock
from service.jobs.entities import JobStatus
from tests.bench.outside import ENVIRONMENT
from tests.bench.streams import served_table
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.stack.launcher import CLEAN
from tests.stack.processes import Processes

pytestmark = pytest.mark.sample

USER = "110248495921238986420"
HEADERS = {"X-Google-ID": USER, "Content-Type": "application/json"}
# Far longer than the process lives.
TOKENS, SECONDS_A_TOKEN = 20_000, 0.02
UP_SECONDS = 200.0
# So many events of the stream come before it is ended.
MANY = 8
TABLE = "UserCredits"
READ_SECONDS = 90.0
SETTINGS = ENVIRONMENT | {
    "OPENAI_API_KEY": SimulatorSettings.openai_api_key,
    "WELCOME_CREDITS": "100",
    "WEB_CONCURRENCY": "1",
    "DRAIN_SECONDS": "1",
    "TEXT_DRAIN_SECONDS": "0.5",
    "LOG_LEVEL": "WARNING",
}


@contextmanager
def outside() -> Iterator[tuple[MemoryBehind, dict[str, str]]]:
    simulators = SimulatorSettings(
        port=0, text_tokens=TOKENS, text_seconds_per_token=SECONDS_A_TOKEN
    )
    with SimulatorServer(simulators) as server, served_table() as (table, url):
        yield (
            table,
            SETTINGS
            | {
                "DYNAMODB_ENDPOINT_URL": url,
                "OPENAI_BASE_URL": f"{server.url}/openai/v1",
            },
        )


def ready(port: int) -> None:
    until = time.monotonic() + UP_SECONDS
    while time.monotonic() < until:
        with suppress(OSError), requested(port, "GET", "/health/ready") as response:
            if response.status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError("the web process does not come up")


@contextmanager
def requested(
    port: int, method: str, path: str, body: object = None
) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READ_SECONDS)
    with closing(connection):
        connection.request(method, path, json.dumps(body) if body else None, HEADERS)
        with connection.getresponse() as response:
            yield response


def events_of(response: http.client.HTTPResponse, found: list[tuple[str, Any]]) -> None:
    """Reads events as they come, into the list."""
    name = ""
    for line in response:
        if line.startswith(b"event: "):
            name = line.decode().strip().removeprefix("event: ")
        elif line.startswith(b"data: "):
            found.append((name, json.loads(line.removeprefix(b"data: "))))


def polling(port: int, job_id: str, polled: list[tuple[int, str | None]]) -> threading.Thread:
    """A request that waits for the job. It is sent before this returns, however busy the machine
    is; the thread reads the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READ_SECONDS)
    connection.request("GET", f"/jobs/{job_id}?wait=25", None, HEADERS)

    def read() -> None:
        with closing(connection), connection.getresponse() as response:
            polled.append((response.status, response.headers["Retry-After"]))

    return in_thread(read)


def in_thread(act: Any, *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=act, args=arguments, daemon=True)
    thread.start()
    return thread


@pytest.mark.timeout(300)
def test_a_stream_is_ended_charged_and_delivered_before_its_process_goes() -> None:
    port, body = free_port(), {"prompt": "Describe a lighthouse.", "Fingerprint": "phone-1"}
    streamed: list[tuple[str, Any]] = []
    polled: list[tuple[int, str | None]] = []
    with outside() as (table, settings), Processes() as launcher:
        web = launcher.launch("web", settings | {"PORT": str(port)})
        try:
            ready(port)
            with requested(port, "POST", "/ai/generate", body | {"stream": True}) as response:
                assert response.status == 200, response.read()
                job_id = response.headers["Location"].rpartition("/")[2]
                waiting = polling(port, job_id, polled)
                reading = in_thread(events_of, response, streamed)
                while len(streamed) < MANY:
                    time.sleep(0.01)
                assert web.stop() == CLEAN, launcher.log()
                for thread in (reading, waiting):
                    thread.join(READ_SECONDS)
        finally:
            web.kill()
        world = ServiceHarness(table, TABLE, clock=SystemClock())
        stored, wallet = world.job(job_id, USER), world.wallet(USER)
    assert polled == [(200, "5")]
    names = [name for name, _ in streamed]
    assert (names[0], names[-2:]) == ("start", ["usage", "done"])
    job = streamed[-1][1]["job"]
    text = "".join(data["text"] for name, data in streamed if name == "delta")
    assert (job["status"], job["finishReason"], job["text"]) == ("SUCCEEDED", "length", text)
    assert (stored.status, wallet.held) == (JobStatus.SUCCEEDED, 0)
    assert stored.captured == wallet.captured > 0
