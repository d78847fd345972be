"""Calls to a provider, timed. As a program it reads one call from each line of its input and prints
how it ended and how many seconds that took, with the standard library patched by gevent as in a web
process."""

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import json
import ssl
import sys
import time

from service.core.clock import SystemClock
from service.providers.http import NeverSent, NoResponse, ProviderHttp

BODY_BYTES = 8_000_000
SECONDS = 0.5


def outcome(kind: str, url: str, trusted: str, seconds: float) -> str:
    """`get` is a GET, `post` a POST with a small body, `upload` one with a body of 8 MB."""
    clock = SystemClock()
    http = ProviderHttp(clock, ssl.create_default_context(cafile=trusted) if trusted else None)
    until = clock.monotonic() + seconds
    try:
        if kind == "get":
            return str(http.get(url, {}, until).status)
        body = b"x" * (BODY_BYTES if kind == "upload" else 2)
        return str(http.send_once(url, {}, body, until).status)
    except (NeverSent, NoResponse) as error:
        return type(error).__name__


def timed(kind: str, url: str, trusted: str, seconds: float = SECONDS) -> tuple[str, float]:
    started = time.monotonic()
    return outcome(kind, url, trusted, seconds), time.monotonic() - started


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(timed(*json.loads(line))) + "\n")
        sys.stdout.flush()
