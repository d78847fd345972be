"""What the routes of passwords and sessions cost in DynamoDB: calls, and write units."""

from collections.abc import Callable

import pytest

from service.passwords.hashing import Hashes
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Bill, Meter
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind
from tests.passwords.browser import Browser
from tests.passwords.people import EMAIL, OTHER_PASSWORD, PASSWORD, People, cheap_hashes

NEW = {"email": "eve@example.org", "password": PASSWORD, "Fingerprint": "another-device"}
CHANGE = {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}

# (status, calls, write units) of one request, by someone who has signed in from here before.
COSTS: dict[str, tuple[int, int, int]] = {
    "register": (202, 5, 5),
    "register, known": (202, 5, 5),
    "verify": (200, 5, 30),
    "log in": (200, 13, 5),
    "log in, wrong password": (401, 5, 2),
    "log in, unknown address": (401, 5, 2),
    "forgot": (202, 5, 5),
    "forgot, unknown address": (202, 5, 4),
    "reset": (200, 10, 9),
    "reset, unknown link": (400, 1, 0),
    "change": (200, 13, 8),
    "refresh": (200, 4, 1),
    "log out": (200, 4, 2),
    "sessions": (200, 2, 0),
    "me": (200, 2, 0),
}


class Costs:
    """One world, and a bill for each request."""

    def __init__(self) -> None:
        behind = MemoryBehind()
        self.world = ServiceHarness(
            None,
            MemoryBehind.name,
            connected=memory_client(behind),
            replacements={Hashes: cheap_hashes()},
            password_response_seconds=0.0,
        )
        self._meter = Meter(self.world.dynamodb, RawClient(memory_client(behind)))
        self.people = People(self.world)
        self.browser = Browser(self.world)

    def requests(self) -> dict[str, Callable[[], int]]:
        """What is sent, once everything that it needs is there."""
        post, people = self.browser.post, self.people
        self.people.user()
        refresh_token = self.browser.sign_in()["refreshToken"]
        people.register(NEW["email"], device="another-device")
        verify = {"token": people.token(), "password": PASSWORD}
        people.request_reset()
        reset = {"token": people.token("password_reset"), "password": OTHER_PASSWORD}
        sent = {
            "register": ("/auth/register", NEW),
            "register, known": ("/auth/register", NEW | {"email": EMAIL}),
            "verify": ("/auth/verify-email", verify),
            "log in": ("/auth/login", {"email": EMAIL, "password": PASSWORD}),
            "log in, wrong password": ("/auth/login", {"email": EMAIL, "password": "wrong"}),
            "log in, unknown address": ("/auth/login", {"email": "x@y.org", "password": "wrong"}),
            "forgot": ("/auth/password/forgot", {"email": EMAIL}),
            "forgot, unknown address": ("/auth/password/forgot", {"email": "x@y.org"}),
            "reset": ("/auth/password/reset", reset),
            "reset, unknown link": ("/auth/password/reset", reset | {"token": "x" * 43}),
            "change": ("/auth/password/change", CHANGE),
            "refresh": ("/auth/refresh", {"refreshToken": refresh_token}),
            "log out": ("/auth/logout", {}),
        }
        got = {"sessions": "/me/sessions", "me": "/me"}
        return {
            name: lambda path=path, body=body: post(path, **body).status_code
            for name, (path, body) in sent.items()
        } | {
            name: lambda path=path: self.browser.send("GET", path).status_code
            for name, path in got.items()
        }

    def of(self, name: str) -> tuple[int, Bill]:
        request = self.requests()[name]
        with self._meter.watch() as bill:
            status = request()
        return status, bill


@pytest.mark.parametrize("name", COSTS)
def test_a_request_costs_so_many_calls_and_write_units(name: str) -> None:
    status, bill = Costs().of(name)

    assert (status, len(bill.calls), bill.writes) == COSTS[name], bill.calls
    assert max(bill.max_bytes.values(), default=0) <= 1024
