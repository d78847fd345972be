"""The commands of a developer's machine: run, demo, audit, reset."""

import argparse
import io
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from devstack.demo import Demo, DemoFailed
from devstack.environment import Ports, default_ports, stack_environment, without_settings
from devstack.errors import LocalSetupError
from devstack.folder import LocalFolder, new_keys
from devstack.ports import free_port
from devstack.stack import Stack, StackConfiguration
from devstack.template import CHECKOUT
from devstack.terminal import Terminal, complain, output
from devstack.welcome import welcome
from service.core.clock import SystemClock

_LOOK_SECONDS = 0.2
_LOG_LINES_SHOWN = 60
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Told(BaseException):
    """Somebody told this process to stop (Ctrl-C, SIGTERM, a closed terminal)."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs one command. 0 when all is well or when it was told to stop; 1 with one sentence on
    standard error if not."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack", description="Farebox on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    known = {"run": _run, "demo": _demo, "audit": _audit, "reset": _reset}
    for name, run in known.items():
        commands.add_parser(name, help=run.__doc__)
    try:
        with _stoppable():
            return known[parser.parse_args(arguments).command](environment)
    except LocalSetupError as error:
        complain(error)
        return 1
    except _Told:
        return 0


def _run(environment: Mapping[str, str]) -> int:
    """the whole stack, until Ctrl-C; data is kept in .local"""
    terminal, clock, folder = output(), SystemClock(), _folder()
    ports = default_ports(environment)
    with folder.held():
        configuration = StackConfiguration(ports, environment, folder.keys(), folder.data)
        terminal.say("Starting DynamoDB Local, the simulators, the web process and the worker …")
        with Stack(configuration, terminal, clock) as stack:
            folder.remember(_whereabouts(stack))
            terminal.say(welcome(stack.ports, terminal.bold))
            while not stack.failure:
                clock.sleep(_LOOK_SECONDS)
            raise LocalSetupError(
                "The stack stops, for one of its processes does not stay up (see above)."
            )


def _demo(_environment: Mapping[str, str]) -> int:
    """an image becomes a video, step by step, on a stack of its own that keeps nothing"""
    terminal, logs = output(), io.StringIO()
    ports = Ports(free_port(), free_port(), free_port())
    configuration = StackConfiguration(ports, without_settings(_environment), new_keys(), None)
    terminal.say("Starting a stack of its own, in memory, on free ports (a few seconds) …")
    try:
        with Stack(configuration, Terminal(logs), SystemClock()) as stack:
            Demo(stack.ports, stack.environment, terminal).run()
    except DemoFailed as error:
        terminal.say("\n".join(logs.getvalue().splitlines()[-_LOG_LINES_SHOWN:]))
        raise LocalSetupError(
            f"The demo found something that is not as it should be: {error}"
        ) from error
    return 0


def _audit(environment: Mapping[str, str]) -> int:
    """prove every balance of the stack that `run` keeps"""
    folder = _folder()
    own = {**environment, **folder.running()}
    told = stack_environment(own, default_ports(own), folder.keys())
    command = [sys.executable, "-m", "service.cli", "audit"]
    return subprocess.run(command, cwd=CHECKOUT, env=told, check=False).returncode  # noqa: S603 - a command of ours


def _reset(_environment: Mapping[str, str]) -> int:
    """forget what `run` has stored"""
    _folder().clear()
    output().say("The local data is cleared; `make run` starts afresh.")
    return 0


def _folder() -> LocalFolder:
    return LocalFolder(CHECKOUT / ".local")


def _whereabouts(stack: Stack) -> dict[str, str]:
    ports = stack.ports
    return {
        "PORT": str(ports.app),
        "DYNAMODB_PORT": str(ports.dynamodb),
        "SIMULATOR_PORT": str(ports.simulators),
        "DYNAMODB_TABLE_NAME": stack.environment["DYNAMODB_TABLE_NAME"],
    }


@contextmanager
def _stoppable() -> Iterator[None]:
    """Makes the first signal end the block by an exception, and further ones wait until the block
    has tidied up."""

    def stop(*_: object) -> None:
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise _Told

    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
