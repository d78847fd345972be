"""The service between proxies: one web process and workers that can be killed at a chosen call to
DynamoDB or to the provider."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import requests

from devstack.ports import free_port
from service.app import build, load_settings
from service.audit.operations import Auditor
from service.feature import Parts
from service.storage.settings import StorageSettings
from service.worker import background
from tests.doubles.raw_client import RawClient
from tests.faults.library.proxy import Proxy
from tests.stack.forked_workers import ForkedWorkers
from tests.stack.launcher import Killable
from tests.stack.live_stack import IMAGE
from tests.stack.stack_settings import CLIENT_ID
from tests.stack.times import SHORT_TIMES

UP_SECONDS = 240.0
SETTLE_SECONDS = 240.0


class ProxiedStack:
    """DynamoDB Local and the simulators behind proxies, and the environment of the processes that
    meet them."""

    def __init__(
        self,
        launcher: ForkedWorkers,
        table: Proxy,
        kling: Proxy,
        simulators: str,
        dynamodb: str,
        table_name: str,
    ) -> None:
        self._launcher = launcher
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
            "ACCESS_TOKEN_KEYS": "one:" + "dHR0" * 10 + "dHQ",
            **SHORT_TIMES,
            "WEB_CONCURRENCY": "1",
            "DRAIN_SECONDS": "0",
            "PORT": str(self.port),
            "LOG_FORMAT": "pretty",
        }
        self.environment = own | {"DYNAMODB_ENDPOINT_URL": table.url, "KLING_BASE_URL": kling.url}
        undisturbed = own | {
            "DYNAMODB_ENDPOINT_URL": dynamodb,
            "KLING_BASE_URL": f"{simulators}/kling",
        }
        self.parts: Parts = build(load_settings(undisturbed), "test")

    @contextmanager
    def web(self) -> Iterator[Killable]:
        with self._process("web") as web:
            until(self.responds, UP_SECONDS, "the web process came up")
            yield web

    def worker(self) -> AbstractContextManager[Killable]:
        return self._process("worker")

    @contextmanager
    def _process(self, name: str) -> Iterator[Killable]:
        """A real process, killed when the block ends."""
        process = self._launcher.launch(name, self.environment)
        try:
            yield process
        finally:
            process.kill()
            process.stop()

    def responds(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/live", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def token(self, sub: str) -> str:
        response = requests.post(
            f"{self.simulators}/google/__token",
            json={"sub": sub, "email": f"{sub}@x.example"},
            timeout=90,
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
            return requests.post(f"{self.url}/videos", json=body, headers=headers, timeout=90)
        except requests.RequestException:
            return None

    def fault(self, operation: str, fault: str) -> None:
        body = {"service": "kling", "operation": operation, "fault": fault}
        assert (
            requests.post(f"{self.simulators}/__faults", json=body, timeout=90).status_code == 200
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
        found: list[Any] = RawClient(self.parts.core.table._client).scan(
            TableName=name, ConsistentRead=True
        )["Items"]
        return found

    def jobs(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["SK"]["S"].startswith("JOB#")]

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[Any] = requests.get(f"{self.simulators}/kling/__tasks", timeout=90).json()[
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


def until(found: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
