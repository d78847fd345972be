"""One rehearsal of deployments under load, and what came of it."""

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3

from devstack.calls import call
from devstack.dynamodb import DynamoDbLocal
from devstack.ports import is_free
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from devstack.table import create_table
from devstack.template import CHECKOUT
from devstack.watchdog import Watchdog
from tests.drain.balancer import Balancer
from tests.drain.books import compared
from tests.drain.fleet import Fleet
from tests.drain.load import Client
from tests.drain.outcome import Outcome, Plan, tally
from tests.drain.readers import Reader
from tests.drain.settings import TABLE, WELCOME_CREDITS, settings_of
from tests.drain.talkers import Talker
from tests.drain.user import User
from tests.stack.launcher import Launcher

FINISH_SECONDS = 180.0
AUDIT_SECONDS = 300.0
# A text of six seconds: longer than the balancer lets it go on, shorter than a process drains.
TEXT_TOKENS = 120


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
        _simulators() as server,
    ):
        simulators = server.url
        _make_table(dynamodb.url)
        found = _quiet_ports(4 * plan.size)
        ports = {"web": found[: 2 * plan.size], "relay": found[2 * plan.size :]}
        watchdog = Watchdog()
        balancer = Balancer(program, Path(folder), ports, plan.drain_seconds / 8, watchdog)
        settings = {
            **settings_of(
                dynamodb.url, simulators, server.socket_url, balancer.url, plan.drain_seconds
            ),
            **settings,
        }
        fleet = Fleet(balancer, ports, plan.size, settings, launcher, plan.delay_seconds)
        load = _users(balancer.door, simulators, plan)
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
            tally=tally(load),
            stops=tuple(fleet.stops),
            failures=(*broken, *_failures(load), *_failed_callbacks(simulators)),
            audit=_audit(settings, sum(len(user.jobs) for user in load)),
            seconds=time.monotonic() - before,
            log=launcher.log(),
        )


def _users(door: int, simulators: str, plan: Plan) -> list[User]:
    def known(name: str) -> tuple[int, str, str]:
        return door, name, _token(simulators, name)

    return [
        *(Client(*known(f"user-{n}"), WELCOME_CREDITS) for n in range(plan.clients)),
        *(Reader(*known(f"reader-{n}")) for n in range(plan.clients)),
        *(Talker(*known(f"talker-{n}")) for n in range(plan.clients)),
    ]


def _play(
    fleet: Fleet,
    load: Sequence[User],
    simulators: str,
    plan: Plan,
    on_progress: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Returns how many deployments were made, and the faults that are no user's: what ended the run
    early, and how the vendors' books differ."""
    number, begun = 0, time.monotonic()
    try:
        fleet.start()
        for user in load:
            user.start()
        while number < plan.deployments and time.monotonic() - begun < plan.seconds:
            _drop_callbacks(simulators, plan.dropped_callbacks)
            fleet.deploy(is_announced=number % 2 == 0)
            number += 1
            on_progress(
                f"{number}/{plan.deployments} deployed, {len(_failures(load))} failures "
                f"{_failures(load)[-1:] or ''}"
            )
    except TimeoutError as error:
        return number, [str(error)]
    finally:
        for user in load:
            user.finish(FINISH_SECONDS)
    return number, list(compared(load, simulators))


def _failures(load: Sequence[User]) -> list[str]:
    return [failure for user in load for failure in user.failures]


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
def _simulators() -> Iterator[SimulatorServer]:
    settings = SimulatorSettings(
        port=0, video_seconds=1.0, text_tokens=TEXT_TOKENS, text_seconds_per_token=0.05
    )
    with SimulatorServer(settings) as server:
        yield server


def _make_table(url: str) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    create_table(client, TABLE)


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
