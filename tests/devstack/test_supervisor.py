"""The supervisor, with small programs as its children."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devstack.child import Program
from devstack.restarts import RestartRule
from devstack.supervisor import Supervisor
from devstack.terminal import Terminal
from devstack.watchdog import groups_left
from service.core.clock import SystemClock
from service.settings import process_environment

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)
# A parent with a child of its own, as gunicorn has workers; the parent ignores what happens to the
# child.
FAMILY = (
    "import subprocess, sys, time\n"
    "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print('worker', worker.pid, flush=True)\n"
    "time.sleep(60)\n"
)


def program(code: str, name: str = "sleeper", stop_seconds: float = 5.0) -> Program:
    return Program(name, (sys.executable, "-c", code), process_environment(), stop_seconds)


def eventually(holds: Callable[[], object], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(shown: io.StringIO) -> Iterator[Supervisor]:
    rule = RestartRule(max_deaths=3, first_wait_seconds=0.01, max_wait_seconds=0.02)
    made = Supervisor(Terminal(shown), SystemClock(), rule)
    yield made
    made.stop()


def test_output_is_shown_line_by_line_under_the_programs_name(
    supervisor: Supervisor, shown: io.StringIO
) -> None:
    supervisor.start(program(SLEEP, "web"))
    assert eventually(lambda: "up" in shown.getvalue())
    assert shown.getvalue().splitlines() == ["web       | up"]
    assert supervisor.tail("web") == "up"


def test_a_program_that_dies_is_started_again(supervisor: Supervisor, shown: io.StringIO) -> None:
    first = supervisor.start(program(SLEEP)).pid
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: supervisor.pids().get("sleeper", first) != first)
    assert "sleeper died (SIGKILL)" in shown.getvalue()
    assert lives(supervisor.pids()["sleeper"])
    assert not supervisor.failure


def test_a_program_that_keeps_dying_is_given_up_with_its_last_words(supervisor: Supervisor) -> None:
    supervisor.start(program("import sys; print('no table', flush=True); sys.exit(3)"))
    assert eventually(lambda: supervisor.failure)
    assert "died 3 times within 60 s (exit code 3)" in supervisor.failure
    assert supervisor.failure.endswith("no table")
    assert supervisor.pids() == {}


def test_stopping_ends_all_in_reverse_order(
    supervisor: Supervisor, shown: io.StringIO, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    open(sys.argv[1], 'a').write(sys.argv[2] + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    for name in ("first", "second", "third"):
        supervisor.start(
            Program(
                name,
                (sys.executable, "-c", code, str(log), name),
                process_environment(),
                stop_seconds=60,
            )
        )
    assert eventually(lambda: shown.getvalue().count("up") == 3)
    pids = list(supervisor.pids().values())
    supervisor.stop()
    assert log.read_text() == "third second first "
    assert not any(lives(pid) for pid in pids)


def test_a_program_that_does_not_stop_is_killed_and_that_is_said(
    supervisor: Supervisor, shown: io.StringIO
) -> None:
    child = supervisor.start(program(STUBBORN, stop_seconds=0.3))
    assert eventually(lambda: "up" in shown.getvalue())
    supervisor.stop()
    assert not lives(child.pid)
    assert "sleeper did not stop in time and was killed." in shown.getvalue()


def test_the_orphans_of_a_killed_program_go_with_it(
    supervisor: Supervisor, shown: io.StringIO
) -> None:
    parent = supervisor.start(program(FAMILY))
    assert eventually(lambda: "worker" in shown.getvalue())
    worker = int(shown.getvalue().split()[-1])
    os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not lives(worker))


@pytest.mark.parametrize("code", [FAMILY, STUBBORN.replace("'up'", "'worker 0'")])
def test_nothing_is_left_when_the_supervisor_itself_is_killed(code: str) -> None:
    script = (
        "import sys, time\n"
        "from service.core.clock import SystemClock\n"
        "from devstack.child import Program\n"
        "from devstack.supervisor import Supervisor\n"
        "from devstack.terminal import output\n"
        "supervisor = Supervisor(output(), SystemClock())\n"
        "child = supervisor.start(Program('p', (sys.executable, '-c', sys.argv[1]), {}, 0.5))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        pids = {int(line.split()[-1]) for line in lines} - {0}
        assert pids
        assert all(lives(pid) for pid in pids)
        watchdog = {child.pid for child in psutil.Process(process.pid).children()} - pids
        assert len(watchdog) == 1
        process.kill()
        assert eventually(lambda: not any(lives(pid) for pid in pids | watchdog))


def test_the_watchdog_knows_what_was_added_and_not_removed_in_order() -> None:
    lines = ["add 10 5.0", "add 11 1.5", "remove 10", "add 12 60", "add 10 2"]
    assert list(groups_left(lines).items()) == [(11, 1.5), (12, 60.0), (10, 2.0)]
