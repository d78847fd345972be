"""`python -m devstack`, as a process of its own where that matters."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack import commands
from devstack.calls import call
from devstack.ports import free_port, is_free
from service.settings import process_environment

pytestmark = pytest.mark.sample

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "CHECKOUT", tmp_path)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


def test_an_older_python_is_refused_in_one_sentence() -> None:
    done = run(
        "import sys, runpy; sys.version_info = (3, 10, 4); "
        "runpy.run_module('devstack', run_name='__main__')"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Farebox needs Python 3.11 or newer; this is Python ")
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_package_is_named_in_one_sentence() -> None:
    done = run(
        "import sys, runpy; sys.modules['jpype'] = None; "
        "runpy.run_module('devstack', run_name='__main__')"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The Python package jpype is not installed; `make run` ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["operate", "audit"], ["find", "req_1"]])
def test_an_operator_command_needs_a_running_stack(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(words, {}) == 1
    assert (
        capsys.readouterr().err
        == "The stack of this checkout is not running; start it with `make run` first.\n"
    )


def test_reset_clears_what_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".local" / "data").mkdir(parents=True)
    assert commands.main(["reset"], {}) == 0
    assert not (tmp_path / ".local" / "data").exists()
    assert "deleted" in capsys.readouterr().out


def test_a_port_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["run"], {"PORT": "web"}) == 1
    assert capsys.readouterr().err == "PORT must be a port number from 1 to 65535, not 'web'.\n"


def test_settings_in_the_env_file_are_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("PORT=web\n")
    assert commands.main(["run"], {}) == 1
    assert capsys.readouterr().err == "PORT must be a port number from 1 to 65535, not 'web'.\n"


@contextmanager
def started(tmp_path: Path, command: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, whose checkout's data are below `tmp_path`."""
    with subprocess.Popen(
        command_line(tmp_path, command),
        cwd=CHECKOUT,
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """The path, because operator commands run in the checkout, which is `tmp_path` here."""
    return {**process_environment(), **settings, "PYTHONPATH": str(CHECKOUT)}


def command_line(tmp_path: Path, *words: str) -> list[str]:
    script = (
        "import sys; from pathlib import Path\n"
        "from devstack import commands\n"
        "from service.settings import process_environment\n"
        f"commands.CHECKOUT = Path({str(tmp_path)!r})\n"
        "sys.exit(commands.main(sys.argv[1:], process_environment()))\n"
    )
    return [sys.executable, "-c", script, *words]


def shown_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    shown = []
    for line in process.stdout:
        shown.append(line)
        if text in line:
            return shown
    raise AssertionError("".join(shown))


def stopped(process: subprocess.Popen[str]) -> int:
    """The exit status after Ctrl-C."""
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    return process.wait(60)


def new_ports() -> dict[str, str]:
    return {name: str(free_port()) for name in ("PORT", "DYNAMODB_PORT", "SIMULATOR_PORT")}


def test_run_serves_keeps_its_data_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    ports = new_ports()
    with started(tmp_path, "run", **ports) as process:
        shown = shown_until(process, "Prove every balance")
        assert any(text.startswith("TOKEN=") for text in shown)
        audit = subprocess.run(
            command_line(tmp_path, "operate", "audit", "--json"),
            cwd=CHECKOUT,
            env=environment_of(ports),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (audit.returncode, '"violations": []' in audit.stdout) == (0, True)
        second = subprocess.run(
            command_line(tmp_path, "run"),
            cwd=CHECKOUT,
            env=environment_of(ports),
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert second.stderr.startswith("The stack of this checkout is already running; ")
        assert stopped(process) == 0
    assert all(is_free(int(port)) for port in ports.values())
    assert "worker_started" in (tmp_path / ".local" / "stack.log").read_text(encoding="utf-8")
    assert (tmp_path / ".local" / "data" / "shared-local-instance.db").stat().st_size > 0


def test_a_demo_that_is_kept_serves_on_the_usual_ports_until_ctrl_c(tmp_path: Path) -> None:
    ports = new_ports()
    with started(tmp_path, "demo", KEEP="1", **ports) as process:
        shown = shown_until(process, "Your own front end")
        assert any("All as promised." in line for line in shown)
        credits_url = f"http://127.0.0.1:{ports['PORT']}/credits"
        assert f"curl -s {credits_url}" in "".join(shown)
        assert call("GET", credits_url, headers={"X-Google-ID": "a-new-user"}).status == 200
        assert stopped(process) == 0
    assert all(is_free(int(port)) for port in ports.values())
    assert not (tmp_path / ".local").exists()


def test_a_demo_that_is_kept_avoids_ports_that_are_taken() -> None:
    environment = new_ports()
    usual = {int(port) for port in environment.values()}
    with socket.create_server(("127.0.0.1", int(environment["PORT"]))):
        found = commands._demo_ports(environment, keep=True)
    assert not usual & {found.app, found.dynamodb, found.simulators}
