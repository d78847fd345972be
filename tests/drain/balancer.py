"""A real load balancer (HAProxy) that learns from readiness who takes requests, or by an order, as
the one in front of the service does.

It repeats nothing: a request to a closed port fails, and the client receives the error.
"""

import csv
import io
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.calls import call
from devstack.child import Child, Program
from devstack.ports import LOOPBACK, free_port
from devstack.watchdog import Watchdog
from service.live.entities import STREAM_PATH
from service.settings import process_environment
from tests.installs import debian_package

_STOP_SECONDS = 2.0
_CONFIGURATION = """
global
    maxconn 500
    stats socket ipv4@{host}:{control} level admin
defaults
    mode http
    retries 0
    no option redispatch
    http-reuse always
    timeout connect 10s
    timeout client 180s
    timeout server 180s
    timeout tunnel 1h
    timeout check 10s
frontend door
    bind {host}:{door}
    use_backend relay if {{ method GET }} {{ path {socket_path} }}
    default_backend web
frontend status
    bind {host}:{status}
    stats enable
    stats uri /status
{backends}
"""
_BACKEND = """
backend {name}
    balance leastconn
    option httpchk GET /health/ready
    http-check expect status 200
    default-server check inter {interval}ms fall 2 rise 2
{servers}
"""


def haproxy() -> str | None:
    """The program; installed first where it is absent, we are root and `apt-get` can. None: it
    cannot be had here."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    return debian_package("haproxy", lambda: shutil.which("haproxy", path=path))


class Balancer:
    """In front of the given ports of `web` and `relay` from its making until `stop`; `url` is its
    door. It looks at readiness every `seconds`, and believes what it saw twice."""

    def __init__(
        self,
        program: str,
        folder: Path,
        ports: Mapping[str, Sequence[int]],
        seconds: float,
        watchdog: Watchdog,
    ) -> None:
        self.door, status, self._control = free_port(), free_port(), free_port()
        self._names = {port: f"{name}/{port}" for name, found in ports.items() for port in found}
        backends = [_backend(name, found, seconds) for name, found in ports.items()]
        self._deregistered: set[int] = set()
        configuration = folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                host=LOOPBACK,
                door=self.door,
                status=status,
                control=self._control,
                socket_path=STREAM_PATH,
                backends="".join(backends),
            ),
            encoding="ascii",
        )
        self.url = f"http://{LOOPBACK}:{self.door}"
        self._status = f"http://{LOOPBACK}:{status}/status;csv"
        command = (program, "-db", "-f", str(configuration))
        self._child = Child(Program("balancer", command, process_environment()), lambda line: None)
        self._watchdog = watchdog
        watchdog.add(self._child.pid, _STOP_SECONDS)

    def register(self, port: int) -> None:
        """Requests are sent there again once it is ready; all ports begin so."""
        if port not in self._deregistered:
            return
        self._deregistered.remove(port)
        self._say(f"set server {self._names[port]} state ready")

    def deregister(self, port: int) -> None:
        """No more requests are sent there; those that are under way go on."""
        self._deregistered.add(port)
        self._say(f"set server {self._names[port]} state drain")

    def cut(self, port: int) -> None:
        """Ends whatever is still under way there, on both sides."""
        self._say(f"shutdown sessions server {self._names[port]}")

    def _say(self, order: str) -> None:
        """Raises `OSError` for an order that it does not know."""
        with socket.create_connection((LOOPBACK, self._control), timeout=10) as connection:
            connection.sendall(f"{order}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(4096), b"")).strip()
        if said:
            raise OSError(f"the balancer says {said.decode()} to {order}")

    def up(self) -> set[int]:
        """Ports that it sends requests to; none until it responds itself. Raises
        `OSError` once it has ended."""
        if not self._child.running:
            raise OSError(f"the balancer has ended: {self._child.tail()}")
        try:
            text = call("GET", self._status, seconds=5).body.decode()
        except OSError:
            return set()
        rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
        # "UP 1/2" is on its way down, and still takes requests.
        return {int(row["svname"]) for row in rows if _takes_requests(row)}

    def stop(self) -> None:
        """Breaks off what is still open."""
        self._child.stop()
        self._watchdog.remove(self._child.pid)


def _backend(name: str, ports: Sequence[int], seconds: float) -> str:
    servers = "\n".join(f"    server {port} {LOOPBACK}:{port}" for port in ports)
    return _BACKEND.format(name=name, interval=round(seconds * 1000), servers=servers)


def _takes_requests(row: dict[str, str]) -> bool:
    return row["svname"].isdecimal() and row["status"].startswith("UP")
