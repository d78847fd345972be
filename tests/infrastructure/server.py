"""`python -m tests.infrastructure.server`: the extended moto as a server on loopback, for programs
that speak to AWS.

Prints one line, `ready http://127.0.0.1:PORT`, with what an operator had to have before the first
deployment (a zone, a certificate) as NAME=VALUE behind it, and ends when its input does."""

import logging
import sys

from moto.server import ThreadedMotoServer

from devstack.ports import LOOPBACK, free_port
from tests.infrastructure.cloud import cloud, outside


def main() -> int:
    """Serves one account."""
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
