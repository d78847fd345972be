"""The commands of a developer's machine: run, demo, audit, reset."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Never

from devstack.demo import DEMO_SETTINGS, Demo, DemoFailed
from devstack.environment import default_ports, stack_environment, with_env_file, without_settings
from devstack.errors import LocalSetupError
from devstack.folder import LocalFolder, new_keys
from devstack.log_view import find_in_log
from devstack.ports import Ports, free_port, is_free
from devstack.stack import Stack, StackConfiguration
from devstack.template import CHECKOUT
from devstack.terminal import DeferredOutput, Terminal, complain, output
from devstack.welcome import IN_MEMORY, welcome
from service.core.clock import SystemClock

_POLL_SECONDS = 0.2
_LOG_LINES_SHOWN = 60
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(BaseException):
    """This process received a signal to stop (Ctrl-C, SIGTERM, a closed terminal)."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs one command with the settings of `environment` and of the checkout's `.env` file.

    Returns 0 on success or after a signal to stop; 1, with one sentence on standard error, if the
    command failed."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack", description="Farebox on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    known = {"run": _run, "demo": _demo, "operate": _operate, "find": _find, "reset": _reset}
    for name, run in known.items():
        command = commands.add_parser(name, help=run.__doc__)
        if name in ("operate", "find"):
            command.add_argument("words", nargs=argparse.REMAINDER)
    try:
        with _stoppable():
            settings = with_env_file(environment, CHECKOUT / ".env")
            given = parser.parse_args(arguments)
            return known[given.command](settings, getattr(given, "words", []))
    except LocalSetupError as error:
        complain(error)
        return 1
    except _Stopped:
        return 0


def _run(environment: Mapping[str, str], _words: Sequence[str]) -> int:
    """the whole stack, until Ctrl-C; data is kept in .local"""
    terminal, folder = output(), _folder()
    ports = default_ports(environment)
    with folder.held():
        configuration = StackConfiguration(ports, environment, folder.keys(), folder.data)
        terminal.say("Starting DynamoDB Local, the simulators, web process, worker and relay …")
        with (
            folder.logs.open("w", encoding="utf-8") as log_file,
            Stack(configuration, terminal, SystemClock(), log_file=log_file) as stack,
        ):
            folder.record(_addresses(stack))
            terminal.say(welcome(stack.ports, terminal.bold))
            _serve(stack)


def _serve(stack: Stack) -> Never:
    """Returns only with a signal to stop, or with `LocalSetupError` when the stack cannot go on."""
    clock = SystemClock()
    while not stack.failure:
        clock.sleep(_POLL_SECONDS)
    raise LocalSetupError("The stack stopped: one of its processes keeps failing (see above).")


def _demo(environment: Mapping[str, str], _words: Sequence[str]) -> int:
    """turn an image into a video, step by step, on a temporary stack with settings of its own;
    with KEEP=1, the stack stays up afterwards"""
    terminal, logs = output(), DeferredOutput(sys.stdout)
    keep = bool(environment.get("KEEP"))
    own = without_settings(environment) | DEMO_SETTINGS
    configuration = StackConfiguration(_demo_ports(environment, keep), own, new_keys(), None)
    terminal.say("Starting a temporary stack, in memory (a few seconds) …")
    try:
        with Stack(configuration, Terminal(logs), SystemClock()) as stack:
            Demo(stack.ports, stack.environment, terminal).run()
            if keep:
                terminal.say(welcome(stack.ports, terminal.bold, IN_MEMORY))
                logs.show()
                _serve(stack)
    except DemoFailed as error:
        terminal.say("\n".join(logs.kept_lines()[-_LOG_LINES_SHOWN:]))
        raise LocalSetupError(f"The demo failed: this did not hold: {error}") from error
    return 0


def _demo_ports(environment: Mapping[str, str], keep: bool) -> Ports:
    """Free ports. A stack that stays up gets the usual ones if they are free: front ends know
    them."""
    usual = default_ports(environment)
    if keep and all(map(is_free, (usual.app, usual.dynamodb, usual.simulators))):
        return usual
    return Ports(*(free_port() for _ in range(5)))


def _operate(environment: Mapping[str, str], words: Sequence[str]) -> int:
    """run an operator command on the running stack, as `audit` or `ledger USER`"""
    folder = _folder()
    own = {**environment, **folder.running()}
    keys, ports = folder.keys(), default_ports(own)
    # What the commands need that call the operators' API.
    calling = {"FAREBOX_URL": ports.app_url, "FAREBOX_KEY": keys["OPERATOR_KEYS"]}
    service = calling | stack_environment(own, ports, keys)
    command = [sys.executable, "-m", "service.cli", *words]
    done = subprocess.run(command, cwd=CHECKOUT, env=service, check=False)  # noqa: S603 - ours
    return done.returncode


def _find(environment: Mapping[str, str], words: Sequence[str]) -> int:
    """find an id in the stack's log and table: of a request, a job, a user, a Kling task"""
    if len(words) != 1 or not words[0]:
        raise LocalSetupError("Which id? make find ID=req_…")
    job_ids = find_in_log(_folder().logs, words[0], output().say)
    if not job_ids:
        return _operate(environment, ["find", words[0]])
    return max(_operate(environment, ["find", job_id]) for job_id in job_ids)


def _reset(_environment: Mapping[str, str], _words: Sequence[str]) -> int:
    """delete what `run` has stored"""
    _folder().clear()
    output().say("The local data is deleted; `make run` starts with an empty table.")
    return 0


def _folder() -> LocalFolder:
    return LocalFolder(CHECKOUT / ".local")


def _addresses(stack: Stack) -> dict[str, str]:
    ports = stack.ports
    return {
        "PORT": str(ports.app),
        "DYNAMODB_PORT": str(ports.dynamodb),
        "SIMULATOR_PORT": str(ports.simulators),
        "LIVE_PORT": str(ports.relay),
        "SIMULATOR_SOCKET_PORT": str(ports.sockets),
        "DYNAMODB_TABLE_NAME": stack.environment["DYNAMODB_TABLE_NAME"],
    }


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ends the block with an exception at the first signal to stop; further ones are ignored until
    the block has cleaned up."""

    def stop(*_: object) -> None:
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
