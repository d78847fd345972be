"""Exits 0 if the web process of this container answers. It asks whether the process lives, not whether its table does:
a restart would not bring the table back."""

import os
import sys
from http.client import HTTPConnection

_SECONDS = 4

connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or "8080"), timeout=_SECONDS)
try:
    connection.request("GET", "/health/live")
    sys.exit(connection.getresponse().status != 200)
except OSError as error:
    sys.exit(f"The web process does not answer: {error}")
