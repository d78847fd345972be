"""Accounts with a password over HTTP, with the mail that people receive."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from service.core.clock import SystemClock
from service.sessions.operations import Sessions
from tests.stack.live_stack import LiveStack

EMAIL = "ann@example.org"
PASSWORD, OTHER_PASSWORD = "seven tired otters", "eight tired otters"
CHEAP = {"password_hash_memory_kibibytes": 8, "password_hash_iterations": 1}
LINK = re.compile(r"https://app\.example\.com/([a-z-]+)#token=(\S+)")


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


class Person:
    """Someone at a browser, who reads their mail."""

    def __init__(self, stack: LiveStack, email: str = EMAIL) -> None:
        self.stack = stack
        self.email = email

    def post(self, path: str, bearer: str | None = None, **fields: Any) -> requests.Response:
        return self.stack.call("POST", path, bearer, json=fields)

    def register(self, password: str = PASSWORD, device: str = "device-4be1") -> requests.Response:
        fields = {"email": self.email, "password": password, "Fingerprint": device}
        return self.post("/auth/register", **fields)

    def login(self, password: str = PASSWORD) -> requests.Response:
        return self.post("/auth/login", email=self.email, password=password)

    def mails(self) -> list[dict[str, Any]]:
        path = f"/ses/__mailbox?to={self.email}"
        found: list[dict[str, Any]] = self.stack.call_simulators("GET", path).json()["mails"]
        return found

    def subjects(self) -> list[str]:
        return [mail["subject"].partition(": ")[2] for mail in self.mails()]

    def received(self, count: int) -> str:
        """Waits for that many mails. Returns the token of the latest; empty: it has none."""
        self.stack.until(lambda: len(self.mails()) >= count)
        found = LINK.search(self.mails()[-1]["text"])
        return found[2] if found else ""

    def verify(self, count: int) -> requests.Response:
        """Waits for that many mails, and opens the link of the latest."""
        token = self.received(count)
        return self.post("/auth/verify-email", token=token, password=PASSWORD)

    def signed_up(self) -> dict[str, Any]:
        """Registers, opens the link and signs in. Returns the session."""
        received = len(self.mails())
        assert self.register().status_code == 202
        verified = self.verify(received + 1)
        assert verified.status_code == 200, verified.text
        session: dict[str, Any] = self.login().json()["data"]
        return session


@pytest.fixture(autouse=True)
def _nothing_personal_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """In no line of the service or of its libraries. `urllib3` and `werkzeug` speak for this test's
    own client, and for the simulators."""
    caplog.set_level(logging.INFO)
    with capture_logs() as lines:
        yield
    records = [
        record.getMessage()
        for record in caplog.records
        if record.name.partition(".")[0] not in ("urllib3", "werkzeug")
    ]
    # As part of a URL it is the address of a simulator, and not a client's.
    logged = "\n".join([*map(str, lines), *records]).casefold().replace("http://127.0.0.1:", "")
    assert lines
    private = (EMAIL, "ann@", "nobody@", "waiting@", PASSWORD, OTHER_PASSWORD, "not the password")
    assert [text for text in (*private, "127.0.0.1", "device-4be1") if text in logged] == []


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> Iterator[LiveStack]:
    return start(mail_from="no-reply@example.com", app_url="https://app.example.com", **CHEAP)


@pytest.fixture
def ann(stack: LiveStack) -> Person:
    return Person(stack)


def test_somebody_registers_verifies_signs_in_and_makes_a_video(
    stack: LiveStack, ann: Person
) -> None:
    registered = ann.register()
    assert (registered.status_code, registered.json()["data"]) == (202, {"status": "accepted"})
    assert ann.login().json()["code"] == "INVALID_CREDENTIALS"

    verified = ann.verify(1)

    assert verified.json()["data"]["email"] == EMAIL
    session = ann.login().json()["data"]
    user_id = verified.json()["data"]["userId"]
    assert session["user"] == {"userId": user_id, "email": EMAIL, "registered": True}
    token = session["accessToken"]
    balance = stack.call("GET", "/credits", token).json()["data"]
    assert (balance["credits"], balance["registered"]) == (3, True)
    job = stack.post_video("ignored", "device-4be1", token=token, GoogleID=user_id)
    assert job.status_code == 200, job.text
    stack.until(lambda: stack.ended(job.json()["data"]["jobId"], token))
    stack.assert_proved()


def test_every_failure_has_the_same_response(stack: LiveStack, ann: Person) -> None:
    ann.signed_up()
    waiting = Person(stack, "waiting@example.org")
    waiting.register(device="device-77aa")
    stranger = Person(stack, "nobody@example.org")

    found = [person.login("not the password") for person in (ann, waiting, stranger)]

    assert {response.status_code for response in found} == {401}
    bodies = [response.json() | {"requestId": ""} for response in found]
    assert bodies[0] == bodies[1] == bodies[2]
    headers = [set(response.headers) for response in found]
    assert headers[0] == headers[1] == headers[2]


def test_who_is_registered_is_said_by_mail_alone(stack: LiveStack, ann: Person) -> None:
    first = ann.register()
    ann.verify(1)

    second = ann.register(OTHER_PASSWORD, "device-77aa")

    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    ann.received(2)
    assert ann.subjects() == ["Confirm your e-mail address", "You already have an account"]
    assert ann.login(OTHER_PASSWORD).status_code == 401


def test_a_squatter_does_not_hinder_the_owner_of_an_address(stack: LiveStack) -> None:
    """The owner signs in with Google, on the very device that the squatter has named."""
    squatter = Person(stack, "ann@example.com")
    for device in ("device-of-ann", "device-77aa"):
        assert squatter.register(device=device).status_code == 202
    squatter.received(2)

    assert stack.post_video("ann").status_code == 200

    for mail in squatter.mails():
        found = LINK.search(mail["text"])
        assert found
        refused = squatter.post("/auth/verify-email", token=found[2], password=PASSWORD)
        assert refused.status_code == 403, refused.text
    assert stack.count() == 1


def test_a_forgotten_password_is_replaced_and_sessions_end(stack: LiveStack, ann: Person) -> None:
    session = ann.signed_up()
    known = ann.post("/auth/password/forgot", email=EMAIL)
    unknown = ann.post("/auth/password/forgot", email="nobody@example.org")
    assert known.status_code == unknown.status_code == 202
    assert known.json() == unknown.json()
    token = ann.received(2)

    weak = ann.post("/auth/password/reset", token=token, password="short")
    assert (weak.status_code, weak.json()["code"]) == (400, "PASSWORD_REJECTED")
    assert weak.json()["details"] == {"reason": "too_short", "minLength": 15}
    assert ann.post("/auth/password/reset", token=token, password=OTHER_PASSWORD).status_code == 200
    again = ann.post("/auth/password/reset", token=token, password=PASSWORD)
    assert (again.status_code, again.json()["code"]) == (400, "LINK_INVALID")

    assert ann.login().status_code == 401
    assert ann.login(OTHER_PASSWORD).status_code == 200
    ann.received(3)
    assert ann.subjects()[1:] == ["Choose a new password", "Your password was changed"]
    assert Person(stack, "nobody@example.org").mails() == []
    sessions = stack.parts.get(Sessions).live(session["user"]["userId"])
    assert session["sessionId"] not in {each.session_id for each in sessions}


def test_a_change_ends_the_other_sessions_alone(stack: LiveStack, ann: Person) -> None:
    other, own = ann.signed_up(), ann.login().json()["data"]
    fields = {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}

    changed = ann.post("/auth/password/change", own["accessToken"], **fields)

    assert changed.status_code == 200, changed.text
    live = stack.parts.get(Sessions).live(own["user"]["userId"])
    assert [each.session_id for each in live] == [own["sessionId"]]
    assert other["sessionId"] != own["sessionId"]
    google = stack.call("POST", "/auth/password/change", stack.token("bob"), json=fields)
    assert google.status_code in (401, 409)


def test_guessing_has_to_wait_and_says_for_how_long(stack: LiveStack, ann: Person) -> None:
    ann.signed_up()

    found = [ann.login("not the password") for _ in range(12)]

    waiting = [response for response in found if response.status_code == 429]
    assert waiting
    assert {response.json()["code"] for response in waiting} == {"TOO_MANY_TRIES"}
    assert all(int(response.headers["Retry-After"]) >= 1 for response in waiting)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/auth/register", {"email": "no address", "password": PASSWORD, "Fingerprint": "dev-1"}),
        ("/auth/register", {"email": EMAIL, "password": PASSWORD, "Fingerprint": "undefined"}),
        ("/auth/register", {"email": EMAIL, "password": "", "Fingerprint": "device-4be1"}),
        ("/auth/register", {"email": EMAIL, "password": "x" * 1025, "Fingerprint": "device-4be1"}),
        ("/auth/register", {"email": EMAIL, "password": 15 * [1], "Fingerprint": "device-4be1"}),
        ("/auth/login", {"email": EMAIL}),
        ("/auth/login", {"email": EMAIL, "password": "x" * 1025}),
        ("/auth/verify-email", {"token": "x" * 129, "password": PASSWORD}),
        ("/auth/verify-email", {"token": "x" * 43}),
        ("/auth/verify-email", {}),
        ("/auth/password/forgot", {"email": "ann@localhost"}),
        ("/auth/password/reset", {"token": "x", "password": None}),
    ],
)
def test_a_request_that_breaks_its_schema_changes_nothing(
    stack: LiveStack, ann: Person, path: str, fields: dict[str, Any]
) -> None:
    refused = ann.post(path, **fields)

    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED")
    assert stack.items() == []


def test_one_network_sends_so_many_registrations_in_a_minute(
    start: Callable[..., LiveStack],
) -> None:
    # In real time: ten times as fast, the minute could be over on a busy machine.
    real = {"clock": SystemClock(), "password_response_seconds": 0.0}
    stack = start(password_requests_per_minute=2, **real, **CHEAP)
    ann = Person(stack)

    found = [ann.register().status_code for _ in range(3)]

    assert found == [202, 202, 429]
