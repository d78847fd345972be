"""gunicorn's exact settings, its hooks run with a signal, and the image's health check run on every
kind of response."""

import os
import resource
import runpy
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from gunicorn.config import KNOWN_SETTINGS
from gunicorn.workers.ggevent import GeventWorker

from tests.infrastructure.deployments import Deployment

# Every setting that the configuration makes, and nothing else. No access log: the paths of
# callbacks hold tokens.
EXACT = {
    "wsgi_app": "service.wsgi:app",
    "bind": "0.0.0.0:8080",
    "reuse_port": True,
    "keepalive": 75,
    "graceful_timeout": 30,
    "forwarded_allow_ips": "",
    "http_parser": "python",
    "control_socket_disable": True,
    "worker_tmp_dir": "/dev/shm",
    "accesslog": None,
    "errorlog": "-",
    "loglevel": "warning",
}
OF_THE_TASK = {"workers": "WEB_CONCURRENCY", "worker_connections": "WEB_CONNECTIONS"}
HOOKS = {"on_starting", "when_ready", "on_exit"}
_MEGABYTE = 1024 * 1024
# What the configuration reads, with a value and what it changes.
_EFFECTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "HOST": ("192.0.2.1", {"bind": "192.0.2.1:8080"}),
    "PORT": ("9000", {"bind": "127.0.0.1:9000"}),
    "WEB_CONCURRENCY": ("7", {"workers": 7}),
    "WEB_CONNECTIONS": ("50", {"worker_connections": 50}),
    "RECEIVE_SECONDS": ("3", {"receive_seconds": 3.0}),
    "MAX_RECEIVE_SECONDS": ("5", {"max_receive_seconds": 5.0}),
    "UPLOAD_LIMIT_MEGABYTES": ("8", {"upload_bytes": 8 * _MEGABYTE}),
    "USER_UPLOAD_LIMIT_MEGABYTES": ("2", {"user_upload_bytes": 2 * _MEGABYTE}),
    "DRAIN_SECONDS": ("4", {"_DRAIN_SECONDS": 4.0}),
    "DRAIN_FLAG_PATH": ("/flag", {"_DRAIN_FLAG": Path("/flag")}),
}
# Log, table, secrets, listening sockets, pools of connections that wait.
_RESERVED_FILES = 256


def the_server_has_exactly_these_settings(deployment: Deployment) -> Iterator[str]:
    names = {setting.name for setting in KNOWN_SETTINGS}
    found = {name: value for name, value in deployment.server.items() if name in names}
    for name in sorted(set(found) ^ ({"worker_class"} | set(EXACT) | set(OF_THE_TASK) | HOOKS)):
        yield f"gunicorn's {name} is {'set' if name in found else 'not set'}"
    for name, wanted in EXACT.items():
        if found.get(name) != wanted or type(found.get(name)) is not type(wanted):
            yield f"gunicorn's {name} is {found.get(name)!r}, and must be {wanted!r}"
    for name, variable in OF_THE_TASK.items():
        if found.get(name) != int(deployment.web.environment[variable]):
            yield f"gunicorn's {name} is {found.get(name)}, the task says otherwise"
    worker = found.get("worker_class")
    if not (isinstance(worker, type) and issubclass(worker, GeventWorker)):
        yield f"the workers are {worker}: streams and long polls need gevent"


def without_a_task_the_server_is_for_this_machine(deployment: Deployment) -> Iterator[str]:
    """Two processes on loopback, so that a laptop shows them to no one."""
    with patch.dict(os.environ, clear=True):
        made = _configuration(deployment)
    found = [made[name] for name in ("bind", "workers", "worker_connections", "_DRAIN_SECONDS")]
    if found != ["127.0.0.1:8080", 2, 2000, 15]:
        yield f"without an environment the server is {found}"
    flag = Path(tempfile.gettempdir()) / "farebox-drain-8080"
    if made["_DRAIN_FLAG"] != flag:
        yield f"the flag of draining is {made['_DRAIN_FLAG']}"


def bodies_are_received_within_limits(deployment: Deployment) -> Iterator[str]:
    with (
        patch.dict(os.environ, clear=True),
        patch("service.web.gunicorn_worker.limited", side_effect=lambda limits: limits) as limited,
    ):
        _configuration(deployment)
    (limits,) = limited.call_args.args
    found = [limits.receive_seconds, limits.max_receive_seconds]
    found += [limits.upload_bytes / _MEGABYTE, limits.user_upload_bytes / _MEGABYTE]
    if found != [10, 300, 64, 16]:
        yield f"bodies are received within {found} (seconds, seconds, MiB, MiB of a user)"


def a_signal_drains_first_and_a_second_one_stops(deployment: Deployment) -> Iterator[str]:
    """The flag appears at once, the server stops after DRAIN_SECONDS; a start removes a flag that
    was left, and an end removes its own."""
    with tempfile.TemporaryDirectory() as folder:
        flag = Path(folder) / "flag"
        environment = {"DRAIN_FLAG_PATH": str(flag), "DRAIN_SECONDS": "7"}
        with patch.dict(os.environ, environment, clear=True):
            made = _configuration(deployment)
            stops, timers = [], []  # type: ignore[var-annotated]
            drain = _drain(made, stops, timers)
            flag.touch()
            with patch("resource.setrlimit"), patch("ctypes.CDLL"):
                made["on_starting"](None)
            if flag.exists():
                yield "a flag that was left keeps the server out of service"
            drain(15, None)
            if not flag.exists() or stops or [seconds for seconds, _ in timers] != [7.0]:
                yield f"the first signal stops {stops}, or after {timers}"
            for _, stop in timers:
                stop()
            drain(15, None)
            if stops != [15, 15]:
                yield f"a second signal does not stop at once: {stops}"
            made["on_exit"](None)
            if flag.exists():
                yield "the flag stays when the server ends"


def the_server_may_open_a_file_for_each_end_of_each_connection(
    deployment: Deployment,
) -> Iterator[str]:
    """A client and a provider for each connection, and a reserve; no more than the system allows,
    and never fewer than before."""
    connections = int(deployment.server["worker_connections"])
    needed = 2 * connections + _RESERVED_FILES
    unlimited = resource.RLIM_INFINITY
    for before, limit, wanted in (
        (1024, unlimited, needed),
        (256, 4 * needed, needed),
        (1024, 2048, 2048),
        (8 * needed, 8 * needed, None),
        (8 * needed, unlimited, None),
    ):
        allowed = _allowed(deployment, before, limit)
        if wanted is None and allowed is not None:
            yield f"the server lowers its open files from {before} to {allowed[0]}"
        if wanted is not None and (allowed is None or allowed[0] < wanted):
            yield f"the server may open {allowed} files, and needs {wanted}"
        if allowed is not None and allowed[1] != limit:
            yield f"the server changes the system's limit of {limit} to {allowed[1]}"


def freed_memory_goes_back_to_the_system(deployment: Deployment) -> Iterator[str]:
    made: list[tuple[int, int]] = []
    library = type("Library", (), {"mallopt": lambda self, *given: made.append(given)})
    with tempfile.TemporaryDirectory() as folder:
        server = _in(folder, deployment)
        with patch("resource.setrlimit"), patch("ctypes.CDLL", lambda name: library()):
            server["on_starting"](None)
    # M_MMAP_THRESHOLD (-3) and M_ARENA_MAX (-8) of glibc's malloc.h.
    if made != [(-3, 256 * 1024), (-8, 2)]:
        yield f"the allocator is set to {made}"


def the_health_check_believes_only_200(deployment: Deployment) -> Iterator[str]:
    path = deployment.root / "docker" / "healthcheck.py"
    for arguments, wanted in (
        ([], ("127.0.0.1", 8080, "GET", "/health/live")),
        (["/health/ready"], ("127.0.0.1", 8080, "GET", "/health/ready")),
        (["/health", "8090"], ("127.0.0.1", 8090, "GET", "/health")),
    ):
        for status in (200, 204, 404, 503):
            made, code = _checked(path, arguments, status)
            if made[:4] != wanted or bool(code) is (status == 200):
                yield f"the health check requests {made} and ends with {code} on {status}"
            limit = int(deployment.web.definition["HealthCheck"]["Timeout"])
            if not 0 < float(made[4]) < limit:
                yield f"the health check takes {made[4]} s, its container allows {limit} s"


def _allowed(deployment: Deployment, before: int, limit: int) -> tuple[int, int] | None:
    """What the server requests at its start, where the system allows so many open files."""
    set_to: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        server = _in(folder, deployment)
        with (
            patch("resource.getrlimit", lambda kind: (before, limit)),
            patch("resource.setrlimit", lambda kind, limits: set_to.append(limits)),
            patch("ctypes.CDLL"),
        ):
            server["on_starting"](None)
    return set_to[-1] if set_to else None


def _in(folder: str, deployment: Deployment) -> dict[str, Any]:
    """The configuration of the web container, with its flag in a folder of ours."""
    environment = deployment.web.environment | {"DRAIN_FLAG_PATH": str(Path(folder) / "flag")}
    with patch.dict(os.environ, environment, clear=True):
        return _configuration(deployment)


def every_setting_of_the_server_takes_effect(deployment: Deployment) -> Iterator[str]:
    """A name that is misspelt is read as not set, and no one notices."""
    if deployment.server_settings != set(_EFFECTS):
        yield f"the server reads {sorted(deployment.server_settings)}"
    for name, (value, effect) in _EFFECTS.items():
        with (
            patch.dict(os.environ, {name: value}, clear=True),
            patch("service.web.gunicorn_worker.limited", side_effect=vars),
        ):
            made = _configuration(deployment)
        found = {**made, **made["worker_class"]}
        for key, wanted in effect.items():
            if found[key] != wanted:
                yield f"with {name}={value} the server's {key} is {found[key]}"


def the_operators_command_returns_what_it_ends_with(deployment: Deployment) -> Iterator[str]:
    path = deployment.root / "docker" / "farebox"
    if path.read_text(encoding="utf-8").splitlines()[0] != "#!/opt/farebox/bin/python":
        yield "the operator's command does not run in the environment of the image"
    if not os.access(path, os.X_OK):
        yield "the operator's command cannot be run"
    for code in (0, 1, 3):
        commands = ModuleType("service.cli")
        vars(commands)["main"] = lambda ended=code: ended
        found: object = "nothing"
        with patch.dict(sys.modules, {"service.cli": commands}):
            try:
                runpy.run_path(str(path))
            except SystemExit as end:
                found = end.code
        if found != code:
            yield f"the operator's command ends with {found}, not {code}"


def a_server_that_does_not_respond_is_not_healthy(deployment: Deployment) -> Iterator[str]:
    path = deployment.root / "docker" / "healthcheck.py"
    for error in (ConnectionRefusedError(), TimeoutError(), ConnectionResetError()):
        if not _checked(path, [], error)[1]:
            yield f"the health check passes on {type(error).__name__}"


def _configuration(deployment: Deployment) -> dict[str, Any]:
    return runpy.run_path(str(deployment.root / "docker" / "gunicorn.conf.py"))


def _drain(
    made: dict[str, Any], stops: list[int], timers: list[tuple[float, Callable[[], None]]]
) -> Callable[[int, object], None]:
    """The handler that the server sets for SIGTERM, with a timer that does not run by itself."""

    class Timer:
        def __init__(self, seconds: float, function: Callable[..., None], arguments: Any) -> None:
            timers.append((seconds, lambda: function(*arguments)))
            self.daemon = False

        def start(self) -> None:
            if not self.daemon:
                raise ValueError("the timer would keep the process alive")

    handlers: dict[int, Any] = {}
    made["when_ready"].__globals__["Timer"] = Timer
    with (
        patch.object(signal, "getsignal", lambda number: lambda first, frame: stops.append(first)),
        patch.object(signal, "signal", handlers.__setitem__),
    ):
        made["when_ready"](None)
    drain: Callable[[int, object], None] = handlers[signal.SIGTERM]
    return drain


def _checked(
    path: Path, arguments: list[str], response: int | OSError
) -> tuple[tuple[Any, ...], object]:
    made: list[Any] = []

    class Connection:
        def __init__(self, host: str, port: int, timeout: float) -> None:
            made.extend([host, port, timeout])

        def request(self, method: str, address: str) -> None:
            made[2:2] = [method, address]

        def getresponse(self) -> Any:
            if isinstance(response, OSError):
                raise response
            return type("Response", (), {"status": response})

    with (
        patch.object(sys, "argv", [str(path), *arguments]),
        patch.dict(os.environ, clear=True),
        patch("http.client.HTTPConnection", Connection),
    ):
        try:
            runpy.run_path(str(path))
        except SystemExit as end:
            return tuple(made), end.code
    return tuple(made), None
