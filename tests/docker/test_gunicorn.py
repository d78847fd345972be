"""gunicorn with our configuration, as a process of its own, around a small application."""

import http.client
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.ports import free_port
from service.videos.work import MAX_VIDEO_BODY_BYTES
from service.web.receiving import Limits
from service.web.settings import WebSettings
from tests.doubles.pulse import unless_paused

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "docker" / "gunicorn.conf.py"
BALANCER_IDLE_SECONDS = 60
MEGABYTE = 1024 * 1024
READ = (
    *(
        "PORT",
        "HOST",
        "WEB_CONCURRENCY",
        "WEB_CONNECTIONS",
        "RECEIVE_SECONDS",
        "MAX_RECEIVE_SECONDS",
        "UPLOAD_LIMIT_MEGABYTES",
        "USER_UPLOAD_LIMIT_MEGABYTES",
    ),
    *("DRAIN_FLAG_PATH", "DRAIN_SECONDS"),
)
# Until a busy machine has done what takes a second: less than a drain that must not be waited for.
TRIES = 500
WAIT_SECONDS = 120.0
APPLICATION = """
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("begun", "w").close()
        time.sleep(1.5)
    drains = environ["PATH_INFO"] == "/ready" and os.path.exists(os.environ["DRAIN_FLAG_PATH"])
    start_response("503 no" if drains else "200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""

BREAKING = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/csv")])
    if environ["PATH_INFO"] != "/file":
        return []
    return rows()

def rows():
    yield b"a,b\\r\\n"
    yield b"1,2\\r\\n"
    raise RuntimeError("the table does not respond")
"""

UNPATCHED = """
from tests.docker.unpatched import unpatched_names

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["\\n".join(unpatched_names()).encode()]
"""


@contextmanager
def serving(
    folder: Path, application: str = APPLICATION, *, is_sound: bool = True, **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    (folder / "small.py").write_text(application)
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "TMPDIR": str(folder),
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        # gunicorn loses a SIGTERM that reaches a worker while it boots, and then waits for it until
        # the grace time is over: with one worker, up means that none boots.
        "WEB_CONCURRENCY": "1",
        **settings,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", str(CONFIGURATION), "small:app"]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=out)
    try:
        wait_until_up(port)
        yield process, port
        assert not is_sound or "Traceback" not in log.read_text()
        assert "MonkeyPatchWarning" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def wait_until_up(port: int) -> None:
    for _ in range(TRIES):
        try:
            status(port, "/")
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("gunicorn does not come up")


def wait_until_draining(port: int) -> None:
    for _ in range(TRIES):
        if status(port, "/ready") == 503:
            return
        time.sleep(0.05)
    pytest.fail("readiness does not end")


def wait_for(file: Path) -> None:
    for _ in range(TRIES):
        if file.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"{file.name} does not appear")


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@unless_paused(1.0)
def test_after_sigterm_it_serves_on_for_a_while_but_is_not_ready_any_more(tmp_path: Path) -> None:
    with serving(tmp_path, DRAIN_SECONDS="4") as (process, port):
        assert status(port, "/ready") == 200
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        idle.request("GET", "/")
        idle.getresponse().read()
        process.send_signal(signal.SIGTERM)
        wait_until_draining(port)
        assert [status(port, "/") for _ in range(20)] == [200] * 20
        idle.request("GET", "/")
        assert idle.getresponse().status == 200
        idle.close()
        assert process.wait(WAIT_SECONDS) == 0
        assert not list(tmp_path.glob("farebox-drain-*"))


def test_a_request_under_way_is_served_when_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path, DRAIN_SECONDS="0") as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/slow")
        wait_for(tmp_path / "begun")
        process.send_signal(signal.SIGTERM)
        assert connection.getresponse().status == 200
        connection.close()
        assert process.wait(WAIT_SECONDS) == 0


def test_a_response_that_breaks_off_is_no_whole_response_to_the_client(tmp_path: Path) -> None:
    """A file that is streamed has no length: only its last chunk says that it is complete."""
    with serving(tmp_path, BREAKING, is_sound=False) as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/file")
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        connection.close()


def test_a_second_signal_stops_without_further_waiting(tmp_path: Path) -> None:
    with serving(tmp_path, DRAIN_SECONDS="60") as (process, port):
        process.send_signal(signal.SIGTERM)
        wait_until_draining(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


def test_a_flag_left_by_a_killed_predecessor_is_cleared(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    with serving(tmp_path, DRAIN_FLAG_PATH=str(flag)) as (_, port):
        assert status(port, "/ready") == 200


def test_its_numbers_fit_the_balancer_the_settings_and_a_read_only_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in READ:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    numbers = runpy.run_path(str(CONFIGURATION))
    assert numbers["keepalive"] > BALANCER_IDLE_SECONDS
    assert numbers["bind"] == f"127.0.0.1:{WebSettings.port}"
    assert numbers["worker_connections"] == WebSettings.web_connections
    assert numbers["worker_class"].limits == Limits(
        receive_seconds=WebSettings.receive_seconds,
        max_receive_seconds=WebSettings.max_receive_seconds,
        upload_bytes=WebSettings.upload_limit_megabytes * MEGABYTE,
        user_upload_bytes=WebSettings.user_upload_limit_megabytes * MEGABYTE,
    )
    assert WebSettings.user_upload_limit_megabytes * MEGABYTE >= MAX_VIDEO_BODY_BYTES
    # A body of that size at 4 Mbit/s is still received by a process that is stopping.
    assert numbers["_DRAIN_SECONDS"] + numbers["graceful_timeout"] > MAX_VIDEO_BODY_BYTES / 500_000
    assert WebSettings.receive_seconds < BALANCER_IDLE_SECONDS
    assert numbers["control_socket_disable"] is True
    assert numbers["_DRAIN_SECONDS"] + numbers["graceful_timeout"] < 60
    assert os.environ["DRAIN_FLAG_PATH"].endswith(f"farebox-drain-{WebSettings.port}")


def test_an_empty_value_counts_as_not_set_as_it_does_for_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in READ:
        monkeypatch.setenv(name, "")
    numbers = runpy.run_path(str(CONFIGURATION))
    assert numbers["bind"] == f"127.0.0.1:{WebSettings.port}"
    assert numbers["worker_connections"] == WebSettings.web_connections
    assert numbers["workers"] == 2
    assert numbers["_DRAIN_SECONDS"] == 15
    assert os.environ["DRAIN_FLAG_PATH"].endswith(f"farebox-drain-{WebSettings.port}")


def test_everything_the_service_imports_is_patched(tmp_path: Path) -> None:
    """A part that gevent does not know blocks the whole process when it waits."""
    with serving(tmp_path, UNPATCHED, WEB_CONCURRENCY="1") as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.status, response.read().decode()) == (200, "")
        connection.close()
