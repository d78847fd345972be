"""The same as `cpu`, with Kling behind TLS as in production: what a handshake per order costs, and
what not to do."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import certifi
import requests

from tests.bench.contestants import POST, Calls, floor, naive, ours, recorded
from tests.bench.cpu import COLUMNS, compared
from tests.bench.outside import outside
from tests.bench.report import Table
from tests.doubles.certificate import Certificate, make_certificate

ROUNDS, REQUESTS = 9, 20
QUICK_ROUNDS, QUICK_REQUESTS = 3, 5


def run(quick: bool) -> list[Table]:
    rounds, count = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with _trusted() as certificate, outside(certificate) as world, open(os.devnull, "w") as nowhere:
        service = ours(world, nowhere)
        sent = recorded(service)
        contestants: dict[str, Calls] = {
            "service": service,
            "floor, one kept connection": floor(world, sent),
            "floor, a connection of its own for each order": floor(world, sent, post=requests.post),
            "naive service": naive(world),
        }
        rows = compared(POST, contestants, rounds, count)
    note = (
        "A connection of its own for each order is what proves that an order was never "
        "sent, so the service pays for a handshake. "
        "`requests` reads all root certificates again for each new connection; the "
        "service reads them once."
    )
    return [
        Table(
            f"CPU per order with Kling behind TLS ({rounds} interleaved rounds of {count})",
            COLUMNS,
            rows,
            note,
        )
    ]


@contextmanager
def _trusted() -> Iterator[Certificate]:
    """A certificate that this process trusts in addition to the usual roots, wherever they are
    loaded."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        roots = Path(folder) / "roots.pem"
        roots.write_bytes(Path(certifi.where()).read_bytes() + certificate.certificate.read_bytes())
        with (
            patch("certifi.where", lambda: str(roots)),
            patch("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(roots)),
            patch.dict(os.environ, REQUESTS_CA_BUNDLE=str(roots)),
        ):
            yield certificate
