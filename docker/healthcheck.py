"""`healthcheck.py [PATH [PORT]]` exits 0 if a server of this container responds with 200.

By default it requests liveness, which does not depend on the table: a restart of the web process
would not repair the table.
"""

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
    sys.exit(f"No response: {error}")
