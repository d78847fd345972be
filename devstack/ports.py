"""Ports of this machine's loopback."""

import itertools
import os
import socket
from dataclasses import dataclass

from devstack.errors import LocalSetupError

LOOPBACK = "127.0.0.1"
_SUGGESTIONS = 20
# Below the ports that Linux (from 32768) and macOS (from 49152) give to outgoing connections: one
# of those could take the port before the server listens on it.
_FIRST_FREE = 20_000
_PROCESS_PORTS = 100
_PROCESSES = 120
_counter = itertools.count()


@dataclass(frozen=True)
class Ports:
    """Where the stack listens, all on 127.0.0.1."""

    app: int
    dynamodb: int
    simulators: int
    relay: int = 8085
    sockets: int = 8095

    @property
    def app_url(self) -> str:
        return f"http://{LOOPBACK}:{self.app}"

    @property
    def relay_url(self) -> str:
        return f"http://{LOOPBACK}:{self.relay}"

    @property
    def sockets_url(self) -> str:
        """Of the simulated vendors' live sessions."""
        return f"ws://{LOOPBACK}:{self.sockets}"

    @property
    def dynamodb_url(self) -> str:
        return f"http://{LOOPBACK}:{self.dynamodb}"

    @property
    def simulators_url(self) -> str:
        return f"http://{LOOPBACK}:{self.simulators}"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # Connections of a server that has just stopped stay in TIME_WAIT; they do not block the
        # port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(port: int, setting: str, command: str) -> None:
    """Raises `LocalSetupError` if the port is taken; its message names the `setting` of `command`
    that chooses another."""
    if is_free(port):
        return
    other = next(
        (number for number in range(port + 1, port + 1 + _SUGGESTIONS) if _valid_and_free(number)),
        0,
    )
    raise LocalSetupError(
        f"Port {port} is already in use (by another stack or another program); "
        f"choose another with {setting}={other or '…'} {command}"
    )


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens.

    It is not reserved. But this process returns another one each time, and other processes choose
    theirs from other ranges, so that no one takes it before its server listens. Raises
    `LocalSetupError` if all are in use.
    """
    first = _FIRST_FREE + os.getpid() % _PROCESSES * _PROCESS_PORTS
    for _ in range(_PROCESS_PORTS):
        port = first + next(_counter) % _PROCESS_PORTS
        if is_free(port):
            return port
    raise LocalSetupError(f"The ports {first} to {first + _PROCESS_PORTS - 1} are all in use.")


def _valid_and_free(port: int) -> bool:
    return port <= 65535 and is_free(port)
