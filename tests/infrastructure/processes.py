"""Runs the processes of a deployment, each with exactly the environment of its container, through
everything they do."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
import requests
from urllib3 import PoolManager

from devstack.simulators.server import SimulatorServer
from service import cli
from service.app import build, create_app, load_settings
from service.bulk_grants.entities import NewBulkGrant
from service.bulk_grants.operations import BulkGrants
from service.core.amounts import SCALE
from service.core.clock import Clock, SystemClock
from service.core.principal import Principal
from service.erasure.operations import Erasures
from service.feature import Parts
from service.identity.entities import GOOGLE
from service.identity.settings import IdentitySettings
from service.jobs.job_ids import JobIds
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.ledger.grant_terms import GrantTerms
from service.ledger.lots import LotKind
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints
from service.notifications.entities import EventType, event
from service.notifications.mail import Mail, MailBox, MailTemplate
from service.notifications.operations import Outbox
from service.providers.http import ProviderHttp, Reply
from service.providers.kling import feature as kling
from service.settings import Settings
from service.storage import dynamodb
from service.storage.media_bucket import PART_BYTES, MediaBucket
from service.uploads.entities import UploadKind
from service.uploads.operations import Uploads
from service.users.operations import Users
from service.videos import feature as videos
from service.videos.addresses import CopyAddresses
from service.worker import background
from tests.doubles.clock import FakeClock
from tests.doubles.pictures import png
from tests.doubles.signer import MACHINE
from tests.infrastructure.recording import Recorder
from tests.infrastructure.render import REGION
from tests.stack.live_stack import IMAGE

LATER_SECONDS = 1300
COPYING = {"VIDEOS_COPY_DAYS": "30"}
# What a container has besides its task definition: credentials, and in tests the table's address.
_AROUND = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def environment_of(stage: str, container: str) -> dict[str, str]:
    """The environment of a container in the deployed task definition."""
    return {pair["name"]: pair["value"] for pair in _defined(stage, container)["environment"]}


def command_of(stage: str, container: str) -> list[str]:
    """The command of a container in the deployed task definition."""
    command: list[str] = _defined(stage, container)["command"]
    return command


def _defined(stage: str, container: str) -> dict[str, Any]:
    client: Any = boto3.client("ecs", region_name=REGION)
    task = client.describe_task_definition(taskDefinition=f"farebox-{stage}-{container}")[
        "taskDefinition"
    ]
    defined: dict[str, Any] = task["containerDefinitions"][0]
    return defined


@contextmanager
def redirected(addresses: Mapping[str, str]) -> Iterator[None]:
    """Sends requests for the vendors' addresses to their simulators; any other request beyond this
    machine fails."""
    send: Callable[..., Any] = PoolManager.urlopen

    def stand_in(url: str) -> str:
        for real, instead in addresses.items():
            if url.startswith(real):
                url = instead + url.removeprefix(real)
        assert urlsplit(url).hostname == "127.0.0.1", f"nothing beyond this machine: {url}"
        return url

    def sent(connections: PoolManager, method: str, url: str, *rest: Any, **options: Any) -> Any:
        return send(connections, method, stand_in(url), *rest, **options)

    class Endpoint(ProviderHttp):
        """A ProviderHttp that sends its requests to the simulator."""

        def send_once(
            self, url: str, headers: Mapping[str, str], body: bytes, until: float
        ) -> Reply:
            return super().send_once(stand_in(url), headers, body, until)

    with (
        patch.object(videos, "public_only", lambda resolve: resolve),
        patch.object(PoolManager, "urlopen", sent),
        patch.object(kling, "ProviderHttp", Endpoint),
    ):
        yield


class Processes:
    """Web, worker, audit and operator of one stage over one table, recorded while they work."""

    def __init__(
        self, stage: str, recorder: Recorder, dynamodb_url: str, simulator: SimulatorServer
    ) -> None:
        self._stage = stage
        self._recorder = recorder
        self._simulator = simulator
        self._dynamodb_url = dynamodb_url
        self.clock = FakeClock(now=SystemClock().now())

    @contextmanager
    def inside(self, container: str, role: str = "", **others: str) -> Iterator[Settings]:
        """Within the block the process has the environment of the container and no other, but for
        `others`, and its calls are recorded for the role."""
        environment = environment_of(self._stage, container) | others
        real = {
            environment["KLING_BASE_URL"]: f"{self._simulator.url}/kling",
            "https://www.googleapis.com/oauth2": f"{self._simulator.url}/google/oauth2",
            environment["PUBLIC_URL"]: "http://127.0.0.1:9",
            f"{self._simulator.settings.public_url}": self._simulator.url,
        }
        with (
            patch.dict(os.environ, environment | _AROUND, clear=True),
            self._recorder.working(role or container),
            redirected(real),
            patch.object(dynamodb, "_endpoint", lambda region: self._dynamodb_url),
        ):
            yield load_settings()

    def web(self) -> tuple[str, list[str]]:
        """Does everything a client can do. Returns the user and the jobs that are still open."""
        with self.inside("web") as settings:
            parts = build(settings, "web", self.clock)
            client = Client(
                create_app(parts).test_client(),
                self._simulator,
                settings.section(IdentitySettings).google_client_ids[0],
                self.clock,
            )
            done = client.everything()
            _start_bulk_grant(parts)
            for user in ("ann", "eve"):
                _upload(parts, user)
            _copy(parts, "eve")
            _leave(parts)
            _publish(parts)
            # Another process does not have the data key in memory.
            _add_webhook(build(settings, "web", self.clock))
            return done

    def worker(self) -> None:
        """Runs every sweep once, and copies videos."""
        self.clock.advance(LATER_SECONDS)
        with (
            self.inside("worker", **COPYING) as settings,
            background(lambda: False) as lent,
        ):
            parts = build(settings, "worker", self.clock)
            _break_off(parts)
            for sweep in parts.sweeps(lent):
                sweep.run_once()

    def play(self, user: str, job: str) -> None:
        """Follows the address of a copied video."""
        with self.inside("web", **COPYING) as settings:
            parts = build(settings, "web", self.clock)
            operations, jobs = parts.get(Operations), parts.get(Jobs)
            url = str(operations.render(jobs.get(user, job))["videoUrl"])
            assert url.startswith(settings.core.public_url)
            response = create_app(parts).test_client().get(urlsplit(url).path)
            assert response.status_code == 302

    def scheduled(self) -> int:
        """Runs the scheduled audit and returns its exit code."""
        program, *words = command_of(self._stage, "audit")
        assert program == "farebox"
        return self.command("audit", *words)

    def command(self, container: str, *words: str, role: str = "") -> int:
        with self.inside(container, role):
            return cli.main(words)


def _upload(parts: Parts, user: str) -> None:
    """Begins an upload, sends the file as a browser would, and uses it."""
    uploads, picture = parts.get(Uploads), png()
    begun = uploads.begin(user, "image/png", len(picture))
    place = {"Bucket": os.environ["UPLOADS_BUCKET"], "Key": begun.form.fields["key"]}
    browser: Any = boto3.Session().client("s3", region_name=REGION)
    browser.put_object(**place, Body=picture, ContentType="image/png")
    uploads.source(user, begun.upload.upload_id, UploadKind.IMAGE)


def _copy(parts: Parts, user: str) -> None:
    """Leaves the copy of a video where the worker would have made it."""
    core = parts.core
    job_id = JobIds(core.ids, core.keyring.mac_key).new(user, core.clock.now())
    key = CopyAddresses(core.keyring.mac_key, "").key(user, job_id)
    place = {"Bucket": os.environ["UPLOADS_BUCKET"], "Key": key}
    worker: Any = boto3.Session().client("s3", region_name=REGION)
    worker.put_object(**place, Body=b"video")


def _break_off(parts: Parts) -> None:
    """Sends a large video that breaks off in the middle."""

    def pieces() -> Iterator[bytes]:
        yield bytes(PART_BYTES)
        raise ConnectionResetError

    with suppress(ConnectionResetError):
        parts.get(MediaBucket).put_once("videos/digest/job_1.mp4", "video/mp4", pieces())


def _leave(parts: Parts) -> None:
    """Someone signs up and wants to be erased, which the worker does."""
    users = parts.get(Users)
    users.sign_up(Principal(GOOGLE, "eve", "eve@example.com"), users.digests("device-of-eve"))
    parts.get(Erasures).request("eve", "req_01kb7r3v6q8f2x0m4n5p6q7r8s")


def _start_bulk_grant(parts: Parts) -> None:
    """For all users, which makes the worker walk over the table."""
    terms = GrantTerms(SCALE, LotKind.PROMO)
    new = NewBulkGrant("Thank you", terms, "key:desk", budget=10 * SCALE)
    prepared = parts.get(BulkGrants).prepare(new)
    parts.core.table.transact([each.write for each in prepared.writes])


def _publish(parts: Parts) -> None:
    """Adds an endpoint that does not exist, and an event for it."""
    _add_webhook(parts)
    happened = event(EventType.CREDITS_LOW, "ann", "1", parts.core.clock.now(), {})
    parts.get(Outbox).put_once(happened)
    parts.get(Deliveries).publish(happened)
    mail = Mail("exists-1", "ann", "ann@example.com", MailTemplate.ACCOUNT_EXISTS)
    parts.get(MailBox).put_once(mail)


def _add_webhook(parts: Parts) -> None:
    parts.get(Endpoints).add("https://hooks.invalid/", [], "")


class Client:
    """A client that signs in, submits jobs and reads them, and the callback of the provider."""

    def __init__(self, http: Any, simulator: SimulatorServer, audience: str, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._simulator = simulator
        self._audience = audience

    def everything(self) -> tuple[str, list[str]]:
        assert self._http.get("/health/ready").status_code == 200
        jobs = [self._order("ann", "device-1", "key-1") for _ in range(2)]
        assert jobs[0] == jobs[1]
        self._call_back(jobs[0])
        assert self._get(f"/jobs/{jobs[0]}")["status"] == "SUCCEEDED"
        still_open = [self._order("ann", device, None) for device in ("device-1", "device-2")]
        assert self._post("bob", "device-1", None).status_code == 403
        assert len(self._get("/jobs")["jobs"]) == 3
        assert self._get("/credits")["held"] == 2
        self._get(f"/jobs/{still_open[0]}?wait=1")
        self._get("/prompts")
        self._note_as_operator("ann")
        return "ann", still_open

    def _note_as_operator(self, user: str) -> None:
        path, body = f"/admin/users/{user}/notes", b'{"reason": "for a test"}'
        headers = {"Content-Type": "application/json", "Idempotency-Key": "note-1"}
        signed = MACHINE.sign("POST", path, self._clock.now() / 1000, body, headers=headers)
        assert self._http.post(path, data=body, headers=signed).status_code == 200

    def _order(self, sub: str, device: str, key: str | None) -> str:
        response = self._post(sub, device, key)
        assert response.status_code == 200, response.text
        return str(response.json["data"]["jobId"])

    def _post(self, sub: str, device: str, key: str | None) -> Any:
        body = {
            "GoogleID": sub,
            "Fingerprint": device,
            "imageUrl": IMAGE,
            "promptKey": "foo_prompt",
        }
        headers = self._signed_in(sub) | ({"Idempotency-Key": key} if key else {})
        return self._http.post("/videos", json=body, headers=headers)

    def _get(self, path: str) -> Any:
        response = self._http.get(path, headers=self._signed_in("ann"))
        assert response.status_code == 200, response.text
        return response.json["data"]

    def _signed_in(self, sub: str) -> dict[str, str]:
        body = {"sub": sub, "email": f"{sub}@example.com", "aud": self._audience}
        token = requests.post(
            f"{self._simulator.url}/google/__token", json=body, timeout=60
        ).json()["token"]
        return {"Authorization": f"Bearer {token}"}

    def _call_back(self, job: str) -> None:
        """Sends the callback that Kling would send, to the address in its request."""
        query = {"service": "kling", "operation": "create"}
        orders = requests.get(f"{self._simulator.url}/__journal", params=query, timeout=60).json()[
            "requests"
        ]
        bodies = [
            body if isinstance(body := order["body"], dict) else json.loads(body)
            for order in orders
        ]
        (url,) = [body["callback_url"] for body in bodies if body["external_task_id"] == job]
        response = self._http.post(urlsplit(url).path, json={"task_status": "succeed"})
        assert response.status_code == 200, response.text
