"""Requests are signed as botocore signs them, with credentials and a key that belong together."""

import hmac
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session

from service.core.clock import SystemClock
from service.storage.credentials import NoCredentials, TaskCredentials
from service.storage.signing import CONTENT_TYPE, Signer
from tests.doubles.clock import FakeClock

REQUESTS = 10_000
OPERATIONS = ("GetItem", "Query", "PutItem", "TransactWriteItems", "TransactGetItems")
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1")
URLS = (
    "https://dynamodb.us-east-1.amazonaws.com",
    "https://dynamodb.us-east-1.amazonaws.com/",
    "https://dynamodb.cn-north-1.amazonaws.com.cn",
    "https://vpce-0a1b2c.dynamodb.eu-central-1.vpce.amazonaws.com",
    "http://127.0.0.1:8000",
    "http://localhost:8000/",
    "http://dynamodb:8000",
    "http://[::1]:8000",
    "https://proxy.example.com:8443",
    "https://Proxy.Example.com:443",
    "http://dynamodb:80",
    "https://dynamodb:80",
)
SECRETS = ("local", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/+=b", "sécret-ключ", " spaces ")
TOKENS = (
    None,
    None,
    "",
    "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQ==",
    " around ",
    "in  the   middle",
    "\ttab ",
)
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_790_035_200_000


def test_the_moment_before_a_day_is_one() -> None:
    assert datetime.fromtimestamp(MIDNIGHT_MS / 1000, UTC).strftime("%H%M%S") == "000000"


class Generated:
    """One request to sign, made of a seed."""

    def __init__(self, random: Random) -> None:
        self.operation = random.choice(OPERATIONS)
        self.url = random.choice(URLS)
        self.region = random.choice(REGIONS)
        self.credentials = ReadOnlyCredentials(
            f"AKIA{random.getrandbits(64):016X}", random.choice(SECRETS), random.choice(TOKENS)
        )
        size = random.choice((0, 1, 2, 63, 64, 65, 500, 4_000, random.randrange(20_000)))
        self.body = random.randbytes(size)
        # Around midnight, and on any day of two decades.
        day = random.randrange(-20 * 365, 365) * random.choice((0, 1))
        self.now = MIDNIGHT_MS + day * DAY_MS + random.choice((-1, 0, 1, random.randrange(DAY_MS)))


class Signers:
    """One signer for each address and region, kept over all requests, days and credentials."""

    def __init__(self) -> None:
        self._signers: dict[tuple[str, str], Signer] = {}
        self._clock = FakeClock()
        self._credentials = ReadOnlyCredentials("", "", None)

    def signed(self, made: Generated) -> dict[str, str]:
        self._credentials = made.credentials
        self._clock.advance((made.now - self._clock.now()) / 1000)
        at = made.url, made.region
        if at not in self._signers:
            self._signers[at] = Signer(lambda: self._credentials, *at, self._clock)
        return self._signers[at].headers(made.operation, made.body)


def signed_by_botocore(made: Generated, patch: pytest.MonkeyPatch) -> AWSRequest:
    """A request with the headers of which the service has control, as botocore sends it."""
    moment = datetime.fromtimestamp(made.now // 1000, UTC)
    patch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment.replace(tzinfo=None))
    request = AWSRequest(
        "POST",
        made.url.removesuffix("/") + "/",
        headers={
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": f"DynamoDB_20120810.{made.operation}",
        },
        data=made.body,
    )
    SigV4Auth(made.credentials, "dynamodb", made.region).add_auth(request)
    return request


def signed_headers(authorization: str) -> list[str]:
    return authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")


def test_requests_are_signed_as_botocore_signs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    random, signers, dates, sessions = Random(1), Signers(), set(), 0
    for number in range(REQUESTS):
        made = Generated(random)
        ours, theirs = signers.signed(made), signed_by_botocore(made, monkeypatch)
        assert ours["authorization"] == theirs.headers["Authorization"], f"{number}: {vars(made)}"
        names = signed_headers(ours["authorization"])
        assert {"content-type", "host", "x-amz-date", "x-amz-target"} <= set(names)
        for name in set(names) - {"host"}:
            assert ours[name] == theirs.headers[name], f"{number}: {name}"
        dates.add(ours["x-amz-date"][:8])
        sessions += "x-amz-security-token" in names
    assert len(dates) > REQUESTS / 10
    assert REQUESTS / 4 < sessions < REQUESTS


def test_every_header_but_the_signature_is_signed() -> None:
    """No one on the way can change the operation or the credentials that a request is for."""
    headers = Signers().signed(Generated(Random(2)))
    assert sorted(headers.keys() - {"authorization"}) == signed_headers(headers["authorization"])


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://dynamodb.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"),
        ("https://Example.com:443/", "example.com"),
        ("https://example.com:80", "example.com:80"),
        ("http://example.com:80", "example.com"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_the_host_is_named_as_clients_of_http_name_it(url: str, host: str) -> None:
    signer = Signer(lambda: ReadOnlyCredentials("A", "S", None), url, "us-east-1", FakeClock())
    assert signer.headers("GetItem", b"")["host"] == host


class Rotating:
    """Credentials that change with every request, and can change in the middle of one."""

    def __init__(self, count: int = 2) -> None:
        self.all = tuple(
            ReadOnlyCredentials(f"KEY{number}", f"secret{number}", f"token{number}")
            for number in range(count)
        )
        self._next = 0

    def __call__(self) -> ReadOnlyCredentials:
        self._next += 1
        return self.all[self._next % len(self.all)]


def belongs_together(headers: dict[str, str], rotating: Rotating, clock: FakeClock) -> bool:
    """Whether access key, session token and signature are those of one of the credentials."""
    used = headers["authorization"].partition("Credential=")[2].partition("/")[0]
    (credentials,) = (each for each in rotating.all if each.access_key == used)
    fresh = Signer(lambda: credentials, URLS[0], "us-east-1", clock)
    return headers == fresh.headers("GetItem", b"{}")


def test_threads_never_mix_key_and_credentials() -> None:
    rotating, clock = Rotating(), FakeClock()
    signer = Signer(rotating, URLS[0], "us-east-1", clock)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as executor:
            signed = [executor.submit(signer.headers, "GetItem", b"{}") for _ in range(4_000)]
            assert all(belongs_together(each.result(), rotating, clock) for each in signed)
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("step", range(1, 6))
def test_a_request_signed_in_the_middle_of_another_mixes_nothing(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """As if another thread signed with other credentials before that HMAC."""
    rotating, clock = Rotating(), FakeClock()
    signer = Signer(rotating, URLS[0], "us-east-1", clock)
    digest, calls, within = hmac.digest, 0, []

    def interrupted(*arguments: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls == step:
            within.append(signer.headers("GetItem", b"{}"))
        return digest(*arguments)

    monkeypatch.setattr(hmac, "digest", interrupted)
    outer = signer.headers("GetItem", b"{}")
    monkeypatch.undo()
    after = [signer.headers("GetItem", b"{}") for _ in range(2)]
    assert len(within) == 1
    assert all(belongs_together(each, rotating, clock) for each in (outer, *within, *after))


# The key of a day.


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The key of every HMAC."""
    keys: list[bytes] = []
    digest = hmac.digest

    def noted(key: bytes, message: bytes, algorithm: str) -> bytes:
        keys.append(key)
        return digest(key, message, algorithm)

    monkeypatch.setattr(hmac, "digest", noted)
    return keys


def test_a_key_is_derived_once_for_each_day_and_secret(digests: list[bytes]) -> None:
    secrets, clock = ["one"], FakeClock(MIDNIGHT_MS - 1)
    signer = Signer(lambda: ReadOnlyCredentials("A", secrets[0], None), URLS[0], "us-east-1", clock)

    def hmacs() -> int:
        before = len(digests)
        signer.headers("GetItem", b"")
        return len(digests) - before

    derived, kept = 5, 1
    assert (hmacs(), hmacs()) == (derived, kept)
    clock.advance(1)
    assert (hmacs(), hmacs()) == (derived, kept)
    secrets[0] = "two"
    assert (hmacs(), hmacs()) == (derived, kept)
    signer.set_clock("Mon, 21 Sep 2026 12:00:00 GMT")
    assert (hmacs(), hmacs()) == (derived, kept)


# DynamoDB's clock.


def signer_at(clock: FakeClock) -> Signer:
    return Signer(lambda: ReadOnlyCredentials("A", "S", None), URLS[0], "us-east-1", clock)


def test_requests_are_signed_with_dynamodbs_time_once_it_is_known() -> None:
    clock = FakeClock(MIDNIGHT_MS)
    signer = signer_at(clock)
    signer.set_clock("Mon, 21 Sep 2026 23:40:05 GMT")
    headers = signer.headers("GetItem", b"")
    assert headers["x-amz-date"] == "20260921T234005Z"
    assert "Credential=A/20260921/us-east-1/dynamodb/aws4_request" in headers["authorization"]
    clock.advance(20 * 60)
    assert signer.headers("GetItem", b"")["x-amz-date"] == "20260922T000005Z"


def test_a_later_time_of_dynamodb_replaces_the_one_before() -> None:
    signer = signer_at(FakeClock(MIDNIGHT_MS))
    for hour in (1, 5, 3):
        signer.set_clock(f"Tue, 22 Sep 2026 0{hour}:00:00 GMT")
        assert signer.headers("GetItem", b"")["x-amz-date"] == f"20260922T0{hour}0000Z"


@pytest.mark.parametrize(
    "date", ["", "now", "Mon, 31 Feb 2026 12:00:00 GMT", "Mon, 21 Sep 2026", "0", "\x00", "9" * 99]
)
def test_what_is_no_date_changes_nothing(date: str) -> None:
    signer = signer_at(FakeClock(MIDNIGHT_MS))
    signer.set_clock(date)
    assert signer.headers("GetItem", b"")["x-amz-date"] == "20260922T000000Z"


# Where the credentials come from.


def test_the_credentials_of_the_session_are_used() -> None:
    session = Session()
    session.set_credentials("KEY", "secret", "token")
    assert TaskCredentials(session, SystemClock())() == ReadOnlyCredentials(
        "KEY", "secret", "token", None
    )


def test_without_credentials_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    signer = Signer(TaskCredentials(Session(), SystemClock()), URLS[0], "us-east-1", FakeClock())
    with pytest.raises(NoCredentials, match="NoCredentialsError"):
        signer.headers("GetItem", b"")
