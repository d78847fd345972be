"""Only the hop that our balancer added says where a request came from."""

import pytest
from flask import Flask

from service.web.client_address import client_address


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (None, "127.0.0.1"),
        ("", "127.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("10.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.9,203.0.113.7", "203.0.113.7"),
        ("unknown, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7,", "127.0.0.1"),
        ("203.0.113.7, unknown", "127.0.0.1"),
        ("203.0.113.7:4711", "127.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("' OR 1=1", "127.0.0.1"),
    ],
)
def test_the_last_hop_is_the_client(forwarded: str | None, expected: str) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with Flask("x").test_request_context(
        headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"}
    ):
        assert client_address() == expected
