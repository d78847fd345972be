"""The address that a request came from."""

import ipaddress

from flask import request


def client_address() -> str:
    """The last address in X-Forwarded-For, which our balancer appends, else that of the connection.
    What a client writes before it is never read.

    Only for limits that reduce load: without a balancer a client can write the header itself."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(forwarded))
    except ValueError:
        return request.remote_addr or ""
