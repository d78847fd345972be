"""A real load balancer (HAProxy) that learns from readiness alone who takes requests, as the one in
front of the service does.

It repeats nothing: a request to a closed port fails, and the client receives the error.
"""

import csv
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from devstack.calls import call
from devstack.child import Child, Program
from devstack.ports import LOOPBACK, free_port
from devstack.watchdog import Watchdog
from service.settings import process_environment
from tests.installs import debian_package

_STOP_SECONDS = 2.0
_CONFIGURATION = """
global
    maxconn 500
defaults
    mode http
    retries 0
    no option redispatch
    http-reuse always
    timeout connect 10s
    timeout client 180s
    timeout server 180s
    timeout check 10s
frontend door
    bind {host}:{door}
    default_backend web
frontend status
    bind {host}:{status}
    stats enable
    stats uri /status
backend web
    balance roundrobin
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
    """In front of the given ports from its making until `stop`; `url` is its door. It looks at
    readiness every `seconds`, and believes what it saw twice."""

    def __init__(
        self, program: str, folder: Path, ports: Sequence[int], seconds: float, watchdog: Watchdog
    ) -> None:
        door, status = free_port(), free_port()
        servers = "\n".join(f"    server web{port} {LOOPBACK}:{port}" for port in ports)
        configuration = folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                host=LOOPBACK,
                door=door,
                status=status,
                servers=servers,
                interval=round(seconds * 1000),
            ),
            encoding="ascii",
        )
        self.door = door
        self.url = f"http://{LOOPBACK}:{door}"
        self._status = f"http://{LOOPBACK}:{status}/status;csv"
        command = (program, "-db", "-f", str(configuration))
        self._child = Child(Program("balancer", command, process_environment()), lambda line: None)
        self._watchdog = watchdog
        watchdog.add(self._child.pid, _STOP_SECONDS)

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
        return {int(row["svname"].removeprefix("web")) for row in rows if _takes_requests(row)}

    def stop(self) -> None:
        """Breaks off what is still open."""
        self._child.stop()
        self._watchdog.remove(self._child.pid)


def _takes_requests(row: dict[str, str]) -> bool:
    return row["pxname"] == "web" and row["svname"] != "BACKEND" and row["status"].startswith("UP")
