"""`kill -9` at every effect of a job's life: the job settles, the audit is clean, the user paid for
what was delivered.

The effects come from a recording of a run that nobody disturbs, so a new write is covered the day
it is written."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from devstack.ports import free_port
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.app import build, load_settings
from service.audit.operations import Auditor
from service.feature import Parts
from service.jobs.operations import Jobs
from service.storage.settings import StorageSettings
from service.worker import background
from tests.doubles.service_harness import order
from tests.faults.library.proxy import Proxy
from tests.stack.live_stack import CLIENT_ID, IMAGE
from tests.stack.times import SHORT_TIMES

pytestmark = pytest.mark.sample

ROOT = Path(__file__).parents[2]
UP_SECONDS = 60.0
SETTLE_SECONDS = 90.0


class Site:
    """DynamoDB Local and the simulators behind proxies, and the environment of the processes that
    meet them."""

    def __init__(
        self, table: Proxy, kling: Proxy, simulators: str, dynamodb: str, table_name: str
    ) -> None:
        self.table = table
        self.kling = kling
        self.simulators = simulators
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {
            "DYNAMODB_TABLE_NAME": table_name,
            "GOOGLE_CLIENT_IDS": CLIENT_ID,
            "GOOGLE_CERTS_URL": f"{simulators}/google/oauth2/v3/certs",
            "KLING_API_KEY": "kling-local-api-key",
            "FINGERPRINT_PEPPERS": "1:" + "p" * 32,
            "LEDGER_MAC_KEY": "m" * 32,
            "CALLBACK_TOKEN_KEYS": "t" * 32,
            **SHORT_TIMES,
            "WEB_CONCURRENCY": "1",
            "DRAIN_SECONDS": "0",
            "PORT": str(self.port),
            "LOG_FORMAT": "pretty",
        }
        self.environment = (
            os.environ | own | {"DYNAMODB_ENDPOINT_URL": table.url, "KLING_BASE_URL": kling.url}
        )
        undisturbed = own | {
            "DYNAMODB_ENDPOINT_URL": dynamodb,
            "KLING_BASE_URL": f"{simulators}/kling",
        }
        self.parts: Parts = build(load_settings(undisturbed), "test")

    @contextmanager
    def process(self, *command: str) -> Iterator["Killable"]:
        """A real process in a group of its own, killed when the block ends."""
        killable = Killable(command, self.environment)
        try:
            yield killable
        finally:
            killable.kill()

    @contextmanager
    def web(self) -> Iterator["Killable"]:
        with self.process(sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py") as web:
            until(self.responds, UP_SECONDS, "the web process came up")
            yield web

    def worker(self) -> Any:
        return self.process(sys.executable, "-m", "service.worker")

    def responds(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/live", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def token(self, sub: str) -> str:
        response = requests.post(
            f"{self.simulators}/google/__token",
            json={"sub": sub, "email": f"{sub}@x.example"},
            timeout=10,
        )
        return str(response.json()["token"])

    def post(self, sub: str) -> requests.Response | None:
        """One request with the user's one key; None when the connection broke."""
        body = {
            "GoogleID": sub,
            "Fingerprint": f"device-of-{sub}",
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        }
        headers = {"Authorization": f"Bearer {self.token(sub)}", "Idempotency-Key": f"key-of-{sub}"}
        try:
            return requests.post(f"{self.url}/videos", json=body, headers=headers, timeout=30)
        except requests.RequestException:
            return None

    def fault(self, operation: str, fault: str) -> None:
        body = {"service": "kling", "operation": operation, "fault": fault}
        assert (
            requests.post(f"{self.simulators}/__faults", json=body, timeout=10).status_code == 200
        )

    def settle(self) -> None:
        """The worker's rounds, undisturbed, until nothing is open any more."""
        with background(lambda: False) as lent:
            sweeps = self.parts.sweeps(lent)

            def done() -> bool:
                for sweep in sweeps:
                    sweep.run_once()
                return not [
                    job for job in self.jobs() if job["status"]["S"] in ("SUBMITTING", "SUBMITTED")
                ]

            until(done, SETTLE_SECONDS, "every job settled")

    def items(self) -> list[dict[str, Any]]:
        name = self.parts.core.settings.section(StorageSettings).dynamodb_table_name
        found: list[Any] = self.parts.core.table._client.scan(TableName=name, ConsistentRead=True)[
            "Items"
        ]
        return found

    def jobs(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["SK"]["S"].startswith("JOB#")]

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[Any] = requests.get(f"{self.simulators}/kling/__tasks", timeout=10).json()[
            "tasks"
        ]
        return tasks

    def assert_paid_for_what_was_delivered(self) -> None:
        assert self.parts.get(Auditor).audit().violations == ()
        books = {task["external_task_id"]: task["status"] for task in self.tasks()}
        assert len(books) == len(self.tasks()), "a job was sent twice"
        paid: Counter[str] = Counter()
        for job in self.jobs():
            delivered = books.get(job["SK"]["S"].removeprefix("JOB#")) == "succeed"
            charged = job["status"]["S"] == "SUCCEEDED"
            assert delivered or not charged, job
            assert charged or not delivered or "houseLoss" in job or "watchUntil" in job, job
            paid[job["PK"]["S"]] += charged
        for wallet in self.items():
            if wallet["SK"]["S"] == "METADATA":
                assert int(wallet["credits"]["N"]) == 3 - paid[wallet["PK"]["S"]]


class Killable:
    def __init__(self, command: tuple[str, ...], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        """`kill -9` of the whole group: the master and its workers alike."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


@dataclass(frozen=True)
class Moment:
    """The nth time that an operation comes by, before it or after it."""

    proxy: str
    operation: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'}-{self.operation}-{self.nth}"


def until(found: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def moments(site: Site) -> list[Moment]:
    """Before and after each effect of what has just been recorded."""
    found = []
    for name, proxy in (("table", site.table), ("kling", site.kling)):
        snapshot: Counter[str] = Counter()
        for operation in proxy.effects():
            snapshot[operation] += 1
            found += [
                Moment(name, operation, snapshot[operation], after) for after in (False, True)
            ]
    return found


def record(site: Site) -> None:
    for proxy in (site.table, site.kling):
        proxy.passed.clear()


@pytest.fixture
def site(client: Any, table_name: str) -> Iterator[Site]:
    url = client.meta.endpoint_url
    with (
        SimulatorServer(SimulatorSettings(port=0, video_seconds=0.2)) as simulators,
        Proxy(url) as table,
        Proxy(f"{simulators.url}/kling") as kling,
    ):
        yield Site(table, kling, simulators.url, url, table_name)


@pytest.mark.timeout(400)
def test_a_web_process_killed_at_any_effect_leaves_nothing_wrong(site: Site) -> None:
    with site.web():
        record(site)
        clean = site.post("clean")
        assert clean is not None
        assert clean.status_code == 200
        recorded = moments(site)
    assert {moment.operation for moment in recorded} == {
        "TransactWriteItems",
        "create",
        "UpdateItem",
    }
    for moment in recorded:
        with site.web() as web:
            trap = getattr(site, moment.proxy).set_trap(
                moment.operation, moment.nth, after=moment.after, kill=web.kill
            )
            assert site.post(str(moment)) is None, moment
            assert trap.sprung, moment
    with site.web():
        for moment in recorded:
            again = site.post(str(moment))
            assert again is not None
            assert again.status_code == 200, (moment, again.text)
    site.settle()
    assert len(site.jobs()) == len(recorded) + 1, "one key, one job"
    site.assert_paid_for_what_was_delivered()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", ["delivered", "failed", "answer lost"])
def test_a_worker_killed_at_any_effect_leaves_nothing_wrong(site: Site, path: str) -> None:
    submit(site, "clean", path)
    recorded = recorded_settlement(site)
    assert recorded, "the worker did something"
    for moment in recorded:
        submit(site, str(moment), path)
        with site.worker() as worker:
            trap = getattr(site, moment.proxy).set_trap(
                moment.operation, moment.nth, after=moment.after, kill=worker.kill
            )
            until(lambda: trap.sprung, SETTLE_SECONDS, f"the worker came to {moment}")  # noqa: B023
    site.settle()
    ends = Counter(job["status"]["S"] for job in site.jobs())
    assert ends == {"FAILED" if path == "failed" else "SUCCEEDED": len(recorded) + 1}
    site.assert_paid_for_what_was_delivered()


def recorded_settlement(site: Site) -> list[Moment]:
    """What the worker does to settle one job, from its first look at a finished task on."""
    record(site)
    with site.worker():
        until(
            lambda: site.jobs()[0]["status"]["S"] in ("SUCCEEDED", "FAILED"),
            SETTLE_SECONDS,
            "the first job settled",
        )
    return moments(site)


def submit(site: Site, sub: str, path: str) -> None:
    """An open job of a new user whose task has ended at Kling, made without any disturbance."""
    if path != "delivered":
        site.fault("create", "job-fails" if path == "failed" else "lost-answer")
    job = site.parts.get(Jobs).submit(order(sub, f"device-of-{sub}")).job
    assert job.is_open
    until(
        lambda: any(
            task["external_task_id"] == job.job_id and task["status"] in ("succeed", "failed")
            for task in site.tasks()
        ),
        30,
        "the task ended",
    )
