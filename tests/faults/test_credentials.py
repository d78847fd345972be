"""The credentials of a task's role change under load, and their endpoint fails: a call waits only
when there are no good ones, and then not for long, and was never sent."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.storage.credentials import REFRESH_PAUSE_SECONDS, WAIT_SECONDS
from service.storage.dynamodb import DynamoDb, connect
from service.storage.outcomes import Applied, NeverSent, Refusal, Refused
from tests.faults.credentials.endpoint import RoleEndpoint
from tests.faults.credentials.load import PARAMETERS, load
from tests.faults.credentials.verifier import REGION, Verifier

CHECKOUT = Path(__file__).parents[2]
# botocore refreshes credentials that end within 15 minutes, and within 10 it insists.
ADVISORY, MANDATORY = 12 * 60.0, 5 * 60.0
CALLERS = 12
# How much longer a call may take on a busy machine. Waiting for an endpoint that fails would take
# 3 s and more.
MARGIN_SECONDS = 2.5
# As long as it may take from the endpoint's response to the first request signed with it.
OVERLAP_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _role_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> Iterator["Staged"]:
    staged = Staged(monkeypatch)
    yield staged
    staged.stop()


class Staged:
    """An endpoint, a server that verifies, and a client."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._running: list[RoleEndpoint | Verifier] = []

    def start(
        self, lifetime_seconds: float, overlap_seconds: float = 3600, ahead_minutes: int = 0
    ) -> tuple[RoleEndpoint, Verifier, DynamoDb]:
        role = RoleEndpoint(lifetime_seconds, overlap_seconds).__enter__()
        verifier = Verifier(role, timedelta(minutes=ahead_minutes)).__enter__()
        self._running += [role, verifier]
        self._monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.url)
        return role, verifier, connect(REGION, verifier.url, 5.0, 10.0, CALLERS)

    def stop(self) -> None:
        for each in self._running:
            each.__exit__()


def call(client: DynamoDb) -> object:
    return client.call("PutItem", PARAMETERS)


def nothing() -> None:
    pass


@pytest.mark.parametrize("lifetime_seconds", [ADVISORY, MANDATORY])
def test_no_request_fails_while_credentials_rotate(staged: Staged, lifetime_seconds: float) -> None:
    role, verifier, client = staged.start(lifetime_seconds, overlap_seconds=OVERLAP_SECONDS)
    result = load(client, CALLERS, 0, lambda: verifier.wait_for_keys(3))
    assert result.others == {}
    assert result.calls > CALLERS
    # Callers refresh together, not each for itself.
    assert role.requests <= 6


@pytest.mark.parametrize(
    ("lifetime_seconds", "fault"),
    [(ADVISORY, "hang"), (MANDATORY, "hang"), (MANDATORY, "error"), (MANDATORY, "nonsense")],
)
def test_an_endpoint_that_fails_stops_no_request_while_credentials_are_good(
    staged: Staged, lifetime_seconds: float, fault: str
) -> None:
    role, _, client = staged.start(lifetime_seconds)
    assert isinstance(call(client), Applied)
    role.fault = fault
    before = role.requests
    time.sleep(REFRESH_PAUSE_SECONDS)
    result = load(client, CALLERS, 1.0, nothing)
    assert result.others == {}
    assert role.requests > before
    assert result.max_seconds < MARGIN_SECONDS


@pytest.mark.parametrize("fault", ["hang", "error", "nonsense"])
def test_without_good_credentials_nothing_is_sent_until_there_are_some(
    staged: Staged, fault: str
) -> None:
    role, verifier, client = staged.start(2.0)
    assert isinstance(call(client), Applied)
    role.fault = fault
    role.lifetime_seconds = 3600.0
    time.sleep(2.1)
    sent = len(verifier.moments)
    result = load(client, CALLERS, 0.5, nothing)
    assert len(verifier.moments) == sent
    assert sum(result.others.values()) == result.calls
    assert all(other.startswith("NeverSent") for other in result.others)
    assert result.max_seconds < WAIT_SECONDS + MARGIN_SECONDS
    role.fault = ""
    assert_recovers(client)
    assert verifier.refusals == {}


def assert_recovers(client: DynamoDb) -> None:
    """botocore abandons an endpoint that hangs after 3 times 3 seconds."""
    until = time.monotonic() + 90
    while isinstance(outcome := call(client), NeverSent):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert isinstance(outcome, Applied)


def test_no_request_fails_with_greenlets() -> None:
    """In a process of its own, patched as gunicorn's worker patches itself."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults.credentials", "--seconds", "3"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


# DynamoDB's clock.


@pytest.mark.parametrize("ahead_minutes", [20, -20])
def test_a_wrong_clock_costs_one_refusal(staged: Staged, ahead_minutes: int) -> None:
    _, verifier, client = staged.start(3600, ahead_minutes=ahead_minutes)
    refused = call(client)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.CLOCK
    assert [type(call(client)) for _ in range(3)] == [Applied] * 3
    verifier.ahead = -verifier.ahead
    assert isinstance(call(client), Refused)
    assert isinstance(call(client), Applied)


@pytest.mark.parametrize("date", ["tomorrow", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_date_that_is_none_changes_nothing(staged: Staged, date: str) -> None:
    _, verifier, client = staged.start(3600, ahead_minutes=20)
    verifier.date = date
    assert [type(call(client)) for _ in range(2)] == [Refused] * 2
    verifier.date = ""
    assert isinstance(call(client), Refused)
    assert isinstance(call(client), Applied)


def _wrong_secret(role: RoleEndpoint) -> None:
    for key in role.keys.values():
        key.secret += "!"


def _wrong_token(role: RoleEndpoint) -> None:
    for key in role.keys.values():
        key.token += "!"


@pytest.mark.parametrize("spoil", [_wrong_secret, _wrong_token, lambda role: role.keys.clear()])
def test_wrong_credentials_do_not_set_the_clock(
    staged: Staged, spoil: Callable[[RoleEndpoint], None]
) -> None:
    role, verifier, client = staged.start(3600)
    assert isinstance(call(client), Applied)
    spoil(role)
    verifier.ahead = timedelta(minutes=20)
    outcomes = [call(client), call(client)]
    assert [isinstance(o, Refused) and o.refusal for o in outcomes] == [Refusal.DENIED] * 2
    verifier.ahead = timedelta()
    hours = [int(moment[9:11]) * 60 + int(moment[11:13]) for moment in verifier.moments]
    assert (hours[-1] - hours[0]) % (24 * 60) < 10
