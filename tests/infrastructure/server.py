"""`python -m tests.infrastructure.server`: serves the extended moto on loopback, for programs that
call AWS.

Prints one line, `ready http://127.0.0.1:PORT`, followed by what an operator needs before the first
deployment (a zone, a certificate) as NAME=VALUE. Stops when its standard input is closed.
"""

import logging
import sys

from moto.server import ThreadedMotoServer

from devstack.ports import LOOPBACK, free_port
from tests.infrastructure.cloud import cloud, outside


def main() -> int:
    """Serves one account until standard input is closed."""
    port = free_port()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with cloud():
        server = ThreadedMotoServer(ip_address=LOOPBACK, port=port, verbose=False)
        server.start()
        given = "".join(f" {name}={value}" for name, value in outside("production").items())
        sys.stdout.write(f"ready http://{LOOPBACK}:{port}{given}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
