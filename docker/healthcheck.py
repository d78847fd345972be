"""`healthcheck.py [PATH [PORT]]` exits 0 if a server of this container answers 200 there.

It asks by default whether the web process lives, not whether its table does: a restart would not
bring the table back."""

import os
import sys
from http.client import HTTPConnection

_SECONDS = 4

path, port = [*sys.argv[1:], "", ""][:2]
connection = HTTPConnection(
    "127.0.0.1", int(port or os.environ.get("PORT") or "8080"), timeout=_SECONDS
)
try:
    connection.request("GET", path or "/health/live")
    sys.exit(connection.getresponse().status != 200)
except OSError as error:
    sys.exit(f"It does not answer: {error}")
