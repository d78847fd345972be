"""Ports of this machine's loopback."""

import socket

from devstack.errors import LocalSetupError

LOOPBACK = "127.0.0.1"
_SUGGESTIONS = 20


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
    """A port of 127.0.0.1 on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _valid_and_free(port: int) -> bool:
    return port <= 65535 and is_free(port)
