"""The service over HTTP in this process, with its worker and the simulators."""

import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import requests

from devstack.environment import (
    SIMULATED_ASSEMBLYAI_KEY,
    SIMULATED_OPENAI_KEY,
    SIMULATED_TWITCH_ID,
    SIMULATED_TWITCH_SECRET,
)
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from devstack.table import create_table
from service.app import build, create_app, sections
from service.audit.operations import Auditor
from service.billing import keys
from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.clock import Clock
from service.core.settings import Secret, Url
from service.core.token_cipher import TokenCipher
from service.feature import Parts
from service.notifications.entities import EventType
from service.settings import Settings, make_settings
from service.worker import background, run_all
from tests.doubles.fast import FastClock
from tests.doubles.locks import without_time_outs
from tests.doubles.raw_client import RawClient
from tests.faults.enumeration.tables import MemoryBehind
from tests.stack.stack_settings import SETTINGS, SIMULATED
from tests.stack.web_server import WebServer

SPEED = 10
IMAGE = "https://images.example.com/astronaut.jpg"
WAIT_LIMIT_SECONDS = 240.0
MAX_AT_ONCE = 100

# For a stack in real time whose tests make no job: its worker would query ten times a second.
WITHOUT_JOBS: dict[str, Any] = {"worker_interval_seconds": 60.0}

# The one that is simulated.
USER_POOL = "us-east-1_Farebox01"


class LiveStack:
    """Web server, worker and simulators for the duration of a `with` block.

    `open_app` adds web servers over the same table. They and the worker share `clock`; by default
    it runs ten times as fast as real time, and the simulators' in real time. With a table in
    `memory`, nothing is sent to DynamoDB."""

    def __init__(
        self,
        dynamodb_url: str,
        table_name: str,
        memory: MemoryBehind | None = None,
        simulator: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        simulator_clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self._dynamodb_url, self._table_name = dynamodb_url, table_name
        self._memory = memory
        self._clock = clock or FastClock(SPEED)
        self._simulator_clock = simulator_clock
        self._simulator_settings = SIMULATED | dict(simulator or {})
        self._settings = settings
        self._stopped = threading.Event()
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> "LiveStack":
        first = WebServer()
        self._webs = [first]
        self.url = first.url
        self.simulators = SimulatorServer(
            SimulatorSettings(port=0, app_url=self.url, **self._simulator_settings),
            self._simulator_clock,
        ).__enter__()
        self.sim_url = self.simulators.url
        self._values = (
            SETTINGS
            | {
                "dynamodb_endpoint_url": self._dynamodb_url,
                "dynamodb_table_name": self._table_name,
                "google_certs_url": f"{self.sim_url}/google/oauth2/v3/certs",
                "kling_base_url": f"{self.sim_url}/kling",
                "openai_base_url": f"{self.sim_url}/openai/v1",
                "openai_api_key": Secret(SIMULATED_OPENAI_KEY),
                "assemblyai_base_url": Url(f"{self.sim_url}/assemblyai"),
                "twitch_base_url": Url(f"{self.sim_url}/twitch/helix"),
                "twitch_token_url": Url(f"{self.sim_url}/twitch/oauth2/token"),
                "twitch_client_id": SIMULATED_TWITCH_ID,
                "twitch_client_secret": Secret(SIMULATED_TWITCH_SECRET),
                "ses_endpoint_url": Url(f"{self.sim_url}/ses"),
                "cognito_endpoint_url": Url(f"{self.sim_url}/cognito"),
                "app_url": Url(f"{self.sim_url}/app"),
                "uploads_bucket": "uploads-of-tests",
                "uploads_endpoint_url": Url(f"{self.sim_url}/s3"),
                "stripe_api_url": Url(f"{self.sim_url}/stripe"),
            }
            | (self._callbacks() if self._settings.pop("callbacks", True) else {})
            | self._local_pages()
            | self._user_pool()
            | self._settings
        )
        self.settings = make_settings(sections(), self._values)
        self.parts = self._build(self.settings)
        self.app = create_app(self.parts)
        first.serve(self.app)
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()
        return self

    def _callbacks(self) -> dict[str, Any]:
        """Without callbacks there is no transcription."""
        return {
            "public_url": self.url,
            "assemblyai_api_key": Secret(SIMULATED_ASSEMBLYAI_KEY),
            "assemblyai_callback_secret": Secret("secret-of-callbacks"),
        }

    def _user_pool(self) -> dict[str, Any]:
        if "cognito_user_pool_id" not in self._settings:
            return {}
        return {"cognito_jwks_url": f"{self.sim_url}/cognito/{USER_POOL}/.well-known/jwks.json"}

    def _local_pages(self) -> dict[str, Any]:
        """With `local_pages`, /docs signs a simulated user in and / redirects to the start page, as
        with `make run`; passkeys are of localhost."""
        urls: dict[str, Any] = {"local_token_url": f"{self.sim_url}/google/__token"}
        urls |= {"local_start_url": f"{self.sim_url}/", "passkey_rp_id": "localhost"}
        urls["passkey_origins"] = (self.url.replace("127.0.0.1", "localhost"),)
        return urls if self._settings.pop("local_pages", False) else {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        for web in self._webs:
            web.stop()
        self._worker.join(60)
        self.simulators.__exit__(kind, error, trace)
        self._http.close()

    def open_app(self, **settings: Any) -> str:
        """Starts one more web server with its own parts over the same table, and with the stack's
        settings but for those; returns its URL."""
        web = WebServer()
        values = self._values | settings
        web.serve(create_app(self._build(make_settings(sections(), values))))
        self._webs.append(web)
        return web.url

    def _build(self, settings: Settings) -> Parts:
        parts = build(settings, "test", self._clock)
        if self._memory:
            parts.core.table._client.wire = self._memory
        else:
            without_time_outs(parts.core.table._client)
        return parts

    def _work(self) -> None:
        """Runs the worker."""
        with background(self._stopped.is_set) as lent:
            run_all(self._stopped, self.parts.sweeps(lent), self.parts.core.metrics)

    # What clients do.

    def token(self, sub: str = "ann", **claims: Any) -> str:
        body = {"sub": sub, "email": f"{sub}@example.com", **claims}
        return str(
            requests.post(f"{self.sim_url}/google/__token", json=body, timeout=60).json()["token"]
        )

    def tokens(self, subs: Sequence[str]) -> dict[str, str]:
        return {sub: self.token(sub) for sub in subs}

    def call(
        self, method: str, path: str, token: str | None = None, **more: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return requests.request(
            method, self.url + path, headers=headers, timeout=WAIT_LIMIT_SECONDS, **more
        )

    def raw(self, request: bytes, *, end_input: bool = False) -> bytes:
        """Sends the bytes unchanged and returns everything until the service closes the connection.
        With `end_input`, our side is closed after the bytes."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(request)
            if end_input:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def get(self, path: str, sub: str = "ann", **more: Any) -> requests.Response:
        return self.call("GET", path, self.token(sub), **more)

    def post_video(
        self,
        sub: str = "ann",
        device: str | None = None,
        key: str | None = None,
        token: str | None = None,
        **fields: Any,
    ) -> requests.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.call(
            "POST",
            "/videos",
            token or self.token(sub),
            json=video_body(sub, device) | fields,
            headers=headers,
        )

    def prepared_post(
        self, sub: str, token: str, device: str | None = None, key: str | None = None, url: str = ""
    ) -> requests.Request:
        """A POST /videos to be sent by `at_once`, to the first web server or the one at `url`."""
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        return requests.Request(
            "POST", f"{url or self.url}/videos", headers=headers, json=video_body(sub, device)
        )

    def submitted(self, sub: str = "ann", **more: Any) -> str:
        response = self.post_video(sub, **more)
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["jobId"])

    def settled(self, job_id: str, sub: str = "ann") -> dict[str, Any]:
        """Waits until the job has ended and returns it."""
        token = self.token(sub)
        return self.until(lambda: self.ended(job_id, token))

    def ended(self, job_id: str, token: str) -> dict[str, Any] | None:
        job = self.call("GET", f"/jobs/{job_id}", token).json()["data"]
        return job if job["status"] in ("SUCCEEDED", "FAILED") else None

    def credits(self, sub: str = "ann") -> tuple[int, int]:
        data = self.get("/credits", sub).json()["data"]
        return data["credits"], data["held"]

    def call_simulators(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Sends a request to the simulators."""
        return self._http.request(method, self.sim_url + path, json=body, timeout=60)

    def fault(self, operation: str, fault: str, service: str = "kling", **more: Any) -> None:
        body = {"service": service, "operation": operation, "fault": fault, **more}
        assert self.call_simulators("POST", "/__faults", body).status_code == 200

    def finish_videos(self) -> None:
        """Makes all simulated videos finish at once from now on."""
        assert self.call_simulators("POST", "/__clock", {"speed": 100_000}).status_code == 200

    def clear_faults(self) -> None:
        self.call_simulators("DELETE", "/__faults")

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self._http.get(
            f"{self.sim_url}/kling/__tasks", timeout=30
        ).json()["tasks"]
        return tasks

    def journal(self, operation: str, service: str = "kling") -> list[dict[str, Any]]:
        query = {"service": service, "operation": operation}
        found: list[dict[str, Any]] = self._http.get(
            f"{self.sim_url}/__journal", params=query, timeout=30
        ).json()["requests"]
        return found

    def callback_token(self, *words: str) -> str:
        """A callback token that is valid for the service."""
        return TokenCipher([self.settings.core.callback_token_keys]).seal(words)

    def count(self) -> int:
        item = (
            RawClient(self.parts.core.table._client)
            .get_item(
                TableName=self._table_name,
                Key={"PK": {"S": "SYSTEM"}, "SK": {"S": "USERS"}},
                ConsistentRead=True,
            )
            .get("Item")
        )
        return int(item["count"]["N"]) if item else 0

    def put_item(self, item: Mapping[str, Any]) -> None:
        """Writes to the table directly, without any rule."""
        RawClient(self.parts.core.table._client).put_item(
            TableName=self._table_name, Item=dict(item)
        )

    def items(self) -> list[dict[str, Any]]:
        """Everything in the table but how far a sweep has come: it begins by itself."""
        found: list[Any] = RawClient(self.parts.core.table._client).scan(
            TableName=self._table_name, ConsistentRead=True
        )["Items"]
        return [item for item in found if item["SK"]["S"] != keys.SWEEP.sk]

    def written(self) -> list[dict[str, Any]]:
        """What requests have written: everything but what the worker does about a sign-up, at any
        moment. It hands on the event, makes a customer at Stripe and receives Stripe's events."""
        return [item for item in self.items() if not _is_of_sign_up(item)]

    def assert_proved(self) -> None:
        """Asserts that the audit is clean and agrees with the videos' vendor: no task twice, every
        charge delivered."""
        assert self.parts.get(Auditor).audit().violations == ()
        vendor_tasks = {task["external_task_id"]: task for task in self.tasks()}
        assert len(vendor_tasks) == len(self.tasks())
        for item in self.items():
            if item.get("operation", {}).get("S") == IMAGE_TO_VIDEO:
                self._assert_delivered(item, vendor_tasks)

    @staticmethod
    def _assert_delivered(item: Mapping[str, Any], vendor_tasks: Mapping[str, Any]) -> None:
        task = vendor_tasks.get(item["SK"]["S"].removeprefix("JOB#"))
        status = item["status"]["S"]
        if status == "SUCCEEDED":
            assert task is not None
            assert task["status"] == "succeed"
        if status == "FAILED" and task is not None and task["status"] == "succeed":
            assert "houseLoss" in item or "watchUntil" in item

    @staticmethod
    def until(find: Any, seconds: float = WAIT_LIMIT_SECONDS) -> Any:
        """Calls `find` until it returns something, and returns that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = find()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"nothing was found within {seconds} s")


def _is_of_sign_up(item: Mapping[str, Any]) -> bool:
    names = [item[name]["S"] for name in ("PK", "SK")]
    if any(name.startswith(("STRIPE_CUSTOMER", "STRIPE_EVENT#")) for name in names):
        return True
    return names[1].startswith("OUTBOX#") and item["type"]["S"] == EventType.USER_CREATED


@contextmanager
def separate_stack(client: Any, **settings: Any) -> Iterator[LiveStack]:
    """A stack with its own table, for fixtures that many tests share."""
    table_name = f"Test-{uuid.uuid4().hex}"
    create_table(client, table_name)
    try:
        with LiveStack(client.meta.endpoint_url, table_name, **settings) as stack:
            yield stack
    finally:
        client.delete_table(TableName=table_name)


def video_body(sub: str = "ann", device: str | None = None) -> dict[str, Any]:
    return {
        "GoogleID": sub,
        "Fingerprint": device or f"device-of-{sub}",
        "imageUrl": IMAGE,
        "promptKey": "foo_prompt",
    }


def at_once(prepared_posts: Sequence[requests.Request]) -> list[requests.Response]:
    """Sends the requests from up to 100 threads that start at one moment; returns the responses
    in the order of the requests."""
    threads = min(len(prepared_posts), MAX_AT_ONCE)
    ready = threading.Barrier(threads, timeout=WAIT_LIMIT_SECONDS)

    def send(thread: int) -> list[requests.Response]:
        with requests.Session() as session:
            session.trust_env = False
            prepared = [session.prepare_request(each) for each in prepared_posts[thread::threads]]
            ready.wait()
            return [session.send(request, timeout=WAIT_LIMIT_SECONDS) for request in prepared]

    responses: list[Any] = [None] * len(prepared_posts)
    with ThreadPoolExecutor(threads) as executor:
        for thread, found in enumerate(executor.map(send, range(threads))):
            responses[thread::threads] = found
    return responses


def new_key() -> str:
    return str(uuid.uuid4())
