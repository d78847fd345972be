"""One rehearsal of deployments under load, and what came of it."""

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from devstack.calls import call
from devstack.dynamodb import DynamoDbLocal
from devstack.ports import LOOPBACK, is_free
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from devstack.table import create_table
from devstack.template import CHECKOUT
from devstack.watchdog import Watchdog
from tests.drain.balancer import Balancer
from tests.drain.fleet import Fleet, Stop
from tests.drain.load import Client
from tests.stack.launcher import Launcher

WELCOME_CREDITS = 100_000
FINISH_SECONDS = 180.0
AUDIT_SECONDS = 300.0
_TABLE = "Drain"


@dataclass(frozen=True)
class Plan:
    """`deployments` of a fleet with `size` web processes and workers, under load of so many
    clients; after `seconds` none is begun any more. `drain_seconds` is what a web process gets for
    leaving; the balancer looks eight times as often. With each deployment so many callbacks get
    lost."""

    deployments: int
    size: int
    clients: int
    seconds: float
    drain_seconds: float = 2.0
    dropped_callbacks: int = 9


@dataclass(frozen=True)
class Outcome:
    """What a rehearsal showed; `faults` says everything that is not as it should be, `log` what the
    processes warned of last."""

    plan: Plan
    kind: str
    deployments: int
    requests: int
    videos: int
    stops: tuple[Stop, ...]
    failures: tuple[str, ...]
    audit: str
    seconds: float
    log: tuple[str, ...]

    @property
    def replacements(self) -> int:
        """Web processes replaced, and as many workers."""
        return self.deployments * self.plan.size

    @property
    def faults(self) -> tuple[str, ...]:
        unclean = [
            f"{stop.name} ended with {stop.ending} after {stop.seconds:.1f} s"
            for stop in self.stops
            if not stop.clean
        ]
        audit = [] if self.audit == "clean" else [f"audit: {self.audit}"]
        short = (
            [] if self.deployments == self.plan.deployments else ["not every deployment was made"]
        )
        idle = [] if self.videos else ["no video was made"]
        return (*self.failures, *unclean, *audit, *short, *idle)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.replacements} replacements of web and worker as {self.kind} under load: "
            f"{self.requests} requests by {self.plan.clients} clients, "
            f"{len(self.failures)} failed; {self.videos} videos delivered; "
            f"stopped cleanly {sum(stop.clean for stop in self.stops)}/{len(self.stops)}, "
            f"web within {self._slowest('web'):.1f} s, "
            f"worker within {self._slowest('worker'):.1f} s; audit {self.audit}; "
            f"{self.seconds:.0f} s"
        )

    def _slowest(self, name: str) -> float:
        return max((stop.seconds for stop in self.stops if stop.name == name), default=0.0)


def rehearse(
    program: str,
    plan: Plan,
    launcher: Launcher,
    on_progress: Callable[[str], None],
    **settings: str,
) -> Outcome:
    """Runs it all on loopback, and ends early if a process does not come up; `settings` go over the
    rehearsal's own."""
    before = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        DynamoDbLocal() as dynamodb,
        _simulators() as simulators,
    ):
        _make_table(dynamodb.url)
        ports = _quiet_ports(2 * plan.size)
        watchdog = Watchdog()
        balancer = Balancer(program, Path(folder), ports, plan.drain_seconds / 8, watchdog)
        settings = {
            **_settings(dynamodb.url, simulators, balancer.url),
            "DRAIN_SECONDS": str(plan.drain_seconds),
            **settings,
        }
        fleet = Fleet(balancer, ports, plan.size, settings, launcher)
        load = [
            Client(balancer.door, f"user-{n}", _token(simulators, f"user-{n}"), WELCOME_CREDITS)
            for n in range(plan.clients)
        ]
        try:
            deployments, broken = _play(fleet, load, simulators, plan, on_progress)
        finally:
            fleet.stop()
            balancer.stop()
            watchdog.close()
        return Outcome(
            deployments=deployments,
            plan=plan,
            kind=launcher.kind,
            requests=sum(client.requests for client in load),
            videos=sum(client.delivered for client in load),
            stops=tuple(fleet.stops),
            failures=(*broken, *_failures(load), *_failed_callbacks(simulators)),
            audit=_audit(settings, sum(client.placed for client in load)),
            seconds=time.monotonic() - before,
            log=launcher.log(),
        )


def _play(
    fleet: Fleet,
    load: list[Client],
    simulators: str,
    plan: Plan,
    on_progress: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Returns how many deployments were made, and the faults that ended the run early, if any."""
    number, begun = 0, time.monotonic()
    try:
        fleet.start()
        for client in load:
            client.start()
        while number < plan.deployments and time.monotonic() - begun < plan.seconds:
            _drop_callbacks(simulators, plan.dropped_callbacks)
            fleet.deploy()
            number += 1
            on_progress(
                f"{number}/{plan.deployments} deployed, {len(_failures(load))} failures "
                f"{_failures(load)[-1:] or ''}"
            )
    except TimeoutError as error:
        return number, [str(error)]
    finally:
        for client in load:
            client.finish(FINISH_SECONDS)
    return number, []


def _failures(load: list[Client]) -> list[str]:
    return [failure for client in load for failure in client.failures]


def _drop_callbacks(simulators: str, count: int) -> None:
    """Most jobs end by callback, through the balancer; these are left to the worker, so that it
    always has some in hand."""
    order = {"service": "kling", "operation": "callback", "fault": "drop", "count": count}
    if count:
        call("POST", f"{simulators}/__faults", order)


def _failed_callbacks(simulators: str) -> list[str]:
    """The callbacks among the journal's last 5,000 requests whose response was not 200."""
    sent = call("GET", f"{simulators}/__journal?service=kling&operation=callback").json()[
        "requests"
    ]
    return [f"callback: {entry['status']}" for entry in sent if entry["status"] not in (200, None)]


def _quiet_ports(count: int) -> tuple[int, ...]:
    """Free ports below the range that the system uses for outgoing connections: they must be free
    again later."""
    first = random.randrange(15_000, 30_000)
    found = tuple(
        itertools.islice((port for port in range(first, first + 500) if is_free(port)), count)
    )
    if len(found) < count:
        raise OSError("there are no free ports")
    return found


@contextmanager
def _simulators() -> Iterator[str]:
    with SimulatorServer(SimulatorSettings(port=0, video_seconds=1.0)) as server:
        yield server.url


def _make_table(url: str) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    create_table(client, _TABLE)


def _token(simulators: str, subject: str) -> str:
    order = {"sub": subject, "email": f"{subject}@example.com", "expires_in": 8 * 3600}
    return str(call("POST", f"{simulators}/google/__token", order).json()["token"])


def _audit(settings: Mapping[str, str], placed: int) -> str:
    """`clean`, or what it found. Every job that a client placed must be in the table."""
    command = [sys.executable, "-m", "service.cli", "audit", "--json"]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=AUDIT_SECONDS,
        check=False,
    )
    if done.returncode not in (0, 1):
        return f"could not be run: {done.stderr[-500:]}"
    found = json.loads(done.stdout)
    if found["violations"]:
        return f"{len(found['violations'])} violations, the first {found['violations'][0]}"
    return (
        "clean"
        if found["jobs"] >= placed
        else f"{placed} jobs were placed, {found['jobs']} are there"
    )


def _settings(dynamodb: str, simulators: str, public_url: str) -> dict[str, str]:
    return {
        "STAGE": "dev",
        "LOG_FORMAT": "pretty",
        "LOG_LEVEL": "WARNING",
        "HOST": LOOPBACK,
        "PUBLIC_URL": public_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DYNAMODB_TABLE_NAME": _TABLE,
        "DYNAMODB_ENDPOINT_URL": dynamodb,
        "GOOGLE_CLIENT_IDS": SimulatorSettings.google_client_id,
        "GOOGLE_CERTS_URL": f"{simulators}/google/oauth2/v3/certs",
        "KLING_BASE_URL": f"{simulators}/kling",
        "KLING_API_KEY": SimulatorSettings.kling_api_key,
        "FINGERPRINT_PEPPERS": "1:" + "p" * 32,
        "LEDGER_MAC_KEY": "m" * 32,
        "CALLBACK_TOKEN_KEYS": "t" * 32,
        "ACCESS_TOKEN_KEYS": "one:" + "dHR0" * 10 + "dHQ",
        "WELCOME_CREDITS": str(WELCOME_CREDITS),
        "CALLER_REQUEST_LIMIT": "0",
        "ADDRESS_REQUEST_LIMIT": "0",
        # Patient, for a crowded machine is not what is tried here; then the worker's turn as soon
        # as the rules allow.
        "DYNAMODB_CONNECT_TIMEOUT_SECONDS": "10",
        "DYNAMODB_READ_TIMEOUT_SECONDS": "10",
        "TRANSACTION_DEADLINE_SECONDS": "20",
        "KLING_CREATE_SECONDS": "20",
        "SUBMIT_SECONDS": "64.1",
        "POLL_MIN_SECONDS": "0.5",
        "POLL_MAX_SECONDS": "1",
        "CALLBACK_POLL_MIN_SECONDS": "1",
        "CALLBACK_POLL_MAX_SECONDS": "2",
        "WORKER_INTERVAL_SECONDS": "1",
        "WEB_CONCURRENCY": "2",
        "GUNICORN_CMD_ARGS": "--timeout=180",
    }
