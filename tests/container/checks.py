"""What must hold for the image and the stack. Each check returns its faults as sentences; an empty
list means that it passed."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from devstack.calls import call
from tests.container.engine import PRODUCTION, Engine
from tests.container.images import python_version
from tests.container.stack import DRAIN_SECONDS, ComposeStack, status, until
from tests.container.task import described
from tests.drain.load import Client

_PROBE = Path(__file__).with_name("probe.py")
WELCOME_CREDITS = 100
_WORKER_STOP_SECONDS = 15
_HEALTHY, _ENDED = ("web", "relay", "simulators", "dynamodb"), ("table", "welcome")


def image(engine: Engine) -> list[str]:
    """What the image says of itself."""
    inspected: dict[str, Any] = json.loads(engine.call("image", "inspect", PRODUCTION).stdout)[0]
    configuration: dict[str, Any] = inspected["Config"]
    health = configuration.get("Healthcheck") or inspected.get("Healthcheck") or {}
    wanted = {
        "user": (configuration.get("User"), "10001:10001"),
        "port": (sorted(configuration.get("ExposedPorts") or []), ["8080/tcp"]),
        "stop signal": (configuration.get("StopSignal"), "SIGTERM"),
        "command": (
            configuration.get("Cmd"),
            ["gunicorn", "-c", "docker/gunicorn.conf.py", "service.wsgi:app"],
        ),
        "entry point": (configuration.get("Entrypoint") or [], []),
        "health check": (health.get("Test", [""])[0], "CMD"),
    }
    return [
        f"the image's {name} is {found}"
        for name, (found, right) in wanted.items()
        if found != right
    ]


def inside(engine: Engine) -> list[str]:
    """What a hardened container of the image finds when it looks around."""
    return _probed(
        engine, "run", "--rm", "-i", *described("WebTask").options, *engine.run_options, PRODUCTION
    )


def inside_the_stack(engine: Engine, stack: ComposeStack) -> list[str]:
    """The same of the containers that the compose file makes of the local image, which has the
    simulators besides."""
    local = {
        "app": ["cloudformation", "devstack", "docker", "service"],
        "strangers": ["devstack", "devstack.simulators", "yaml"],
    }
    return [
        f"{service}: {fault}"
        for service in ("web", "worker", "relay")
        for fault in _probed(engine, "exec", "-i", stack.container(service), **local)
    ]


def started_in_order(stack: ComposeStack) -> list[str]:
    """Whether each container has waited for what it needs, and is as it should be. The engine's
    times are all of one clock, and texts of one form."""
    states = {name: stack.state(name) for name in (*_HEALTHY, *_ENDED, "worker")}
    faults = [f"{name} is not healthy" for name in _HEALTHY if _health(states[name]) != "healthy"]
    faults += [
        f"{name} ended with exit code {states[name]['ExitCode']}"
        for name in _ENDED
        if states[name]["Running"] or states[name]["ExitCode"]
    ]
    table = states["table"]["FinishedAt"]
    faults += [
        f"{name} started before the table was made"
        for name in ("web", "worker", "relay")
        if states[name]["StartedAt"] < table
    ]
    if states["welcome"]["StartedAt"] < states["web"]["StartedAt"]:
        faults.append("the welcome was shown before the web process had started")
    return faults


def _health(state: dict[str, Any]) -> str:
    """Podman and Docker name it differently."""
    return str((state.get("Health") or state.get("Healthcheck") or {}).get("Status", ""))


def _probed(engine: Engine, *command: str, **others: list[str]) -> list[str]:
    done = engine.call(*command, "python", "-", stdin=_PROBE.read_text())
    found: dict[str, Any] = json.loads(done.stdout)
    wanted = {
        "python": python_version(),
        "uid": 10001,
        "gid": 10001,
        "capabilities": dict.fromkeys(found["capabilities"], 0),
        "read_only": True,
        "writable": ["/tmp", "/dev/shm"],
        "tools": [],
        "setuid": [],
        "product": ["service.wsgi", "service.worker", "service.cli"],
        "strangers": [],
        "farebox": "/usr/local/bin/farebox",
        "app": ["docker", "service"],
        **others,
    }
    return [
        f"inside, {name} is {found[name]}" for name, right in wanted.items() if found[name] != right
    ]


def main_job(stack: ComposeStack) -> list[str]:
    """One user over HTTP: signs in, has a video made and delivered, and pays one credit for it."""
    subject = "100000000000000000001"
    client = Client(stack.port, subject, _token(stack, subject), WELCOME_CREDITS)
    client.play_once()
    return [*client.failures, *([] if client.delivered == 1 else ["no video was delivered"])]


def welcome(stack: ComposeStack) -> list[str]:
    """`docker compose up` says what to open and what to paste."""
    shown = stack.logs("welcome")
    wanted = ("Farebox is up.", f"{stack.url}/docs", "TOKEN=ey", "curl -s ", "farebox audit")
    return [f"the welcome does not show {text}" for text in wanted if text not in shown]


def healthy(engine: Engine, stack: ComposeStack) -> list[str]:
    """The image's own health check, run as the engine would."""
    web = stack.container("web")
    inspected = engine.call(
        "exec", web, "python", "-I", "/app/docker/healthcheck.py", check=False
    ).returncode
    wrong = engine.call(
        "exec", web, "python", "-I", "/app/docker/healthcheck.py", "/nowhere", check=False
    ).returncode
    return [
        *(["the health check fails"] if inspected else []),
        *([] if wrong else ["the health check cannot fail"]),
    ]


def audit(engine: Engine, stack: ComposeStack) -> list[str]:
    """`farebox audit` in the container of the web process."""
    done = engine.call("exec", stack.container("web"), "farebox", "audit", check=False)
    well = done.returncode == 0 and "Every balance is proved" in done.stdout
    return [] if well else [f"farebox audit: {done.stdout}{done.stderr}"]


def drain(engine: Engine, stack: ComposeStack) -> tuple[list[str], int]:
    """Sends requests while the engine stops the web container: all get a response until the port
    closes. Returns faults and the number of requests."""
    token = _token(stack, "100000000000000000002")
    headers = {"Authorization": f"Bearer {token}"}
    statuses: list[int] = []
    stopping = threading.Thread(
        target=engine.call, args=("stop", "--time", "60", stack.container("web"))
    )
    before = time.monotonic()
    stopping.start()
    drained = until(
        lambda: status(f"{stack.url}/health/ready") == 503,
        "readiness says that it drains",
        DRAIN_SECONDS,
    )
    while time.monotonic() - before < DRAIN_SECONDS - 0.5:
        statuses.append(status(f"{stack.url}/credits", headers))
    stopping.join(60)
    failed = [status for status in statuses if status != 200]
    faults = (
        [f"{len(failed)} of {len(statuses)} requests failed while it drained: {failed[:5]}"]
        if failed
        else []
    )
    faults += ["no request was made while it drained"] if not statuses else []
    faults += [f"readiness told only after {drained:.1f} s"] if drained > DRAIN_SECONDS / 2 else []
    return [*faults, *_exit_code(engine, stack, "web")], len(statuses)


def start_up(engine: Engine, stack: ComposeStack) -> float:
    """Seconds from starting the container of the web process until it is ready."""
    before = time.monotonic()
    engine.call("start", stack.container("web"))
    until(stack.ready, "the web process is ready again")
    return time.monotonic() - before


def worker_stops(engine: Engine, stack: ComposeStack) -> tuple[list[str], float]:
    """The worker finishes its round and exits. Returns faults and seconds."""
    before = time.monotonic()
    engine.call("stop", "--time", "60", stack.container("worker"))
    seconds = time.monotonic() - before
    late = [f"the worker took {seconds:.0f} s to stop"] if seconds > _WORKER_STOP_SECONDS else []
    return [*late, *_exit_code(engine, stack, "worker")], seconds


def _exit_code(engine: Engine, stack: ComposeStack, service: str) -> list[str]:
    code = engine.call(
        "inspect", "--format", "{{.State.ExitCode}}", stack.container(service)
    ).stdout.strip()
    return [] if code == "0" else [f"{service} ended with exit code {code}"]


def _token(stack: ComposeStack, subject: str) -> str:
    order = {"sub": subject, "email": f"{subject}@example.com"}
    return str(call("POST", f"{stack.simulators}/google/__token", order).json()["token"])
