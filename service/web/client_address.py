"""The address that a request came from."""

from flask import request


def client_address() -> str:
    """The last address in X-Forwarded-For, which our balancer appends, else that of the connection.

    Only for limits that reduce load: without a balancer a client can write the header itself."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded or request.remote_addr or ""
