import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

import pytest
from jwt.utils import to_base64url_uint

from service.core.clock import SystemClock
from service.core.threads import in_thread
from service.identity.entities import IdentityUnavailable, TokenRejected
from service.identity.key_sets import FETCH_SECONDS, MAX_KEY_SET_BYTES
from service.identity.signing_keys import (
    AFTER_FAILURE_SECONDS,
    BETWEEN_FETCHES_SECONDS,
    MAX_FRESH_SECONDS,
    MAX_STALE_SECONDS,
    MAX_WAITING,
    MIN_FRESH_SECONDS,
    KeysNotFetched,
    published_keys,
)
from service.outbound.network import Network
from service.outbound.trust import public_roots
from tests.doubles.slow_servers import (
    Serve,
    SlowServer,
    drip_body,
    drip_continue,
    drip_head,
    stay_silent,
)
from tests.identity.issuer import SUBJECT, Issuer, published, rsa_key

DAY = 86_400
# What a busy machine may take for what takes no time: less than anything here is waited for.
MARGIN_SECONDS = 8.0
HANG_SECONDS = 60.0


def outcome(issuer: Issuer, kid: str = "one") -> str:
    """What a fresh token, signed with the key named `kid`, meets."""
    try:
        return issuer.tokens.verify(issuer.token(kid=kid)).subject
    except TokenRejected as error:
        return str(error.details["reason"])
    except IdentityUnavailable:
        return "unavailable"


def test_keys_are_fetched_once_for_as_long_as_google_promises(issuer: Issuer) -> None:
    issuer.publisher.cache_control = "public, max-age=600, must-revalidate"
    for _ in range(5):
        assert outcome(issuer) == SUBJECT
        issuer.clock.advance(119.9)
    assert issuer.publisher.requested == 1
    issuer.clock.advance(1)
    assert outcome(issuer) == SUBJECT
    assert issuer.publisher.requested == 2


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("max-age=0", MIN_FRESH_SECONDS),
        ("no-store", 3600),
        ("", 3600),
        ("max-age=abc", 3600),
        ("max-age=-5", 3600),
        ("s-maxage=7, max-age=100", 100),
        ('MAX-AGE="100"', 100),
        ("max-age=999999999", MAX_FRESH_SECONDS),
        ("max-age=99999999999999999999", 3600),
    ],
)
def test_the_promise_is_held_within_a_minute_and_a_day(
    issuer: Issuer, cache_control: str, seconds: float
) -> None:
    issuer.publisher.cache_control = cache_control
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(seconds - 0.1)
    assert outcome(issuer) == SUBJECT
    assert issuer.publisher.requested == 1
    issuer.clock.advance(0.2)
    assert outcome(issuer) == SUBJECT
    assert issuer.publisher.requested == 2


def test_a_new_key_is_found_at_once_and_a_withdrawn_one_is_forgotten(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(BETWEEN_FETCHES_SECONDS)
    issuer.publisher.kids = ["two"]
    assert outcome(issuer, "two") == SUBJECT
    assert outcome(issuer, "one") == "key"
    assert issuer.publisher.requested == 2


def test_a_flood_of_unknown_keys_causes_one_request_in_thirty_seconds(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    forged = [issuer.token(header={"kid": f"forged-{number}"}) for number in range(20)]
    for _ in range(12):
        for token in forged:
            with pytest.raises(TokenRejected):
                issuer.tokens.verify(token)
        issuer.clock.advance(10)
    assert issuer.publisher.requested == 1 + 120 / BETWEEN_FETCHES_SECONDS - 1
    assert outcome(issuer) == SUBJECT


def test_old_keys_serve_through_an_outage(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    issuer.publisher.status = 500
    issuer.clock.advance(3601)
    for _ in range(20):
        assert outcome(issuer) == SUBJECT
    assert issuer.publisher.requested == 2
    issuer.clock.advance(AFTER_FAILURE_SECONDS)
    assert outcome(issuer) == SUBJECT
    assert issuer.publisher.requested == 3


def test_old_keys_serve_for_a_day_and_not_for_ever(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    issuer.publisher.status = 500
    issuer.clock.advance(3600 + MAX_STALE_SECONDS - 1)
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(2)
    assert outcome(issuer) == "unavailable"
    issuer.publisher.status = 200
    issuer.clock.advance(AFTER_FAILURE_SECONDS)
    assert outcome(issuer) == SUBJECT


def test_a_key_that_cannot_be_fetched_is_unknown_rather_than_wrong(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(BETWEEN_FETCHES_SECONDS)
    issuer.publisher.status = 500
    assert outcome(issuer, "two") == "unavailable"
    assert outcome(issuer, "one") == SUBJECT
    issuer.publisher.status, issuer.publisher.kids = 200, ["one", "two"]
    issuer.clock.advance(AFTER_FAILURE_SECONDS)
    assert outcome(issuer, "two") == SUBJECT


def test_an_outage_at_the_start_causes_one_request_in_five_seconds(issuer: Issuer) -> None:
    issuer.publisher.status = 503
    for _ in range(50):
        assert outcome(issuer) == "unavailable"
        issuer.clock.advance(0.2)
    assert issuer.publisher.requested == 2
    issuer.publisher.status = 200
    issuer.clock.advance(AFTER_FAILURE_SECONDS)
    assert outcome(issuer) == SUBJECT


def test_many_threads_at_the_start_fetch_once(issuer: Issuer) -> None:
    arrived = threading.Barrier(16)
    tokens = [issuer.token(jti=str(number)) for number in range(16)]

    def verify(token: str) -> str:
        arrived.wait(HANG_SECONDS)
        return issuer.tokens.verify(token).subject

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(verify, tokens)) == [SUBJECT] * 16
    assert issuer.publisher.requested == 1


def test_while_one_thread_refreshes_no_one_else_waits(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(3601)
    requested, response = threading.Event(), threading.Event()

    def hold() -> None:
        requested.set()
        assert response.wait(HANG_SECONDS)

    issuer.publisher.before = hold
    late = issuer.token(jti="late")
    with ThreadPoolExecutor(2) as threads:
        refreshing = threads.submit(issuer.tokens.verify, late)
        assert requested.wait(HANG_SECONDS)
        assert threads.submit(outcome, issuer).result(MARGIN_SECONDS) == SUBJECT
        response.set()
        assert refreshing.result(HANG_SECONDS).subject == SUBJECT
    assert issuer.publisher.requested == 2


@contextmanager
def hanging(issuer: Issuer) -> Iterator[None]:
    """The certs address does not respond until the block ends."""
    requested, ended = threading.Event(), threading.Event()

    def hang() -> None:
        requested.set()
        ended.wait(HANG_SECONDS)

    issuer.publisher.before = hang
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.identity.key_sets.FETCH_SECONDS", HANG_SECONDS)
        patch.setattr("service.identity.signing_keys.MAX_WAIT_SECONDS", HANG_SECONDS)
        yield
    ended.set()
    assert requested.wait(HANG_SECONDS)


def test_a_known_key_never_waits_for_a_fetch(issuer: Issuer) -> None:
    """Not even the request that finds out that the keys are stale."""
    issuer.tokens = issuer.verifier(in_thread)
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(3601)
    with hanging(issuer):
        started = time.monotonic()
        assert [outcome(issuer) for _ in range(3)] == [SUBJECT] * 3
        assert time.monotonic() - started < MARGIN_SECONDS


def test_a_flood_of_unknown_keys_while_google_hangs_delays_no_one(issuer: Issuer) -> None:
    """A few of them wait for the keys that may be theirs, the rest are refused at once, and whose
    key is known does not notice."""
    issuer.tokens = issuer.verifier(in_thread)
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(BETWEEN_FETCHES_SECONDS)
    forged = [issuer.token(header={"kid": f"forged-{number}"}) for number in range(60)]

    def meets(token: str) -> str:
        with pytest.raises((TokenRejected, IdentityUnavailable)) as refused:
            issuer.tokens.verify(token)
        return type(refused.value).__name__

    with ThreadPoolExecutor(60) as threads:
        with hanging(issuer):
            flood = [threads.submit(meets, token) for token in forged]
            refused = [
                done.result() for _, done in zip(range(44), as_completed(flood), strict=False)
            ]
            started = time.monotonic()
            assert [outcome(issuer) for _ in range(3)] == [SUBJECT] * 3
            assert time.monotonic() - started < MARGIN_SECONDS
        assert refused == ["IdentityUnavailable"] * (60 - MAX_WAITING)
        assert {done.result(HANG_SECONDS) for done in flood} == {
            "IdentityUnavailable",
            "TokenRejected",
        }
    assert issuer.publisher.requested == 2


def test_a_stranger_s_token_waits_for_the_keys_that_may_be_its_own(issuer: Issuer) -> None:
    assert outcome(issuer) == SUBJECT
    issuer.clock.advance(BETWEEN_FETCHES_SECONDS)
    issuer.publisher.kids = ["one", "two"]
    tokens = [issuer.token(kid="two", jti=str(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert [principal.subject for principal in threads.map(issuer.tokens.verify, tokens)] == [
            SUBJECT
        ] * 8
    assert issuer.publisher.requested == 2


BAD_RESPONSES = {
    "no JSON": b"<html>",
    "nothing": b"",
    "a list": b"[]",
    "no keys": b"{}",
    "keys that are no list": b'{"keys": {}}',
    "an empty list": b'{"keys": []}',
    "only strangers": json.dumps(
        {"keys": [1, None, {}, {"kid": "one"}, {"kid": 1, "kty": "RSA"}]}
    ).encode(),
    "nested beyond reason": b'{"keys": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "too many": json.dumps({"keys": [{"kid": str(number)} for number in range(51)]}).encode(),
    "too long": json.dumps({"keys": [published("one")]}).encode().ljust(MAX_KEY_SET_BYTES + 1),
    "an elliptic curve": json.dumps(
        {"keys": [{"kid": "one", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}
    ).encode(),
    "a secret": json.dumps({"keys": [{"kid": "one", "kty": "oct", "k": "AAAA"}]}).encode(),
    "for encryption": json.dumps({"keys": [published("one", use="enc")]}).encode(),
    "for another algorithm": json.dumps({"keys": [published("one", alg="RS512")]}).encode(),
    "without modulus": json.dumps({"keys": [published("one", n=None)]}).encode(),
    "a modulus of nonsense": json.dumps({"keys": [published("one", n="!!")]}).encode(),
    "an even modulus": json.dumps({"keys": [published("one", n="AAAA")]}).encode(),
    "an exponent of one": json.dumps({"keys": [published("one", e="AQ")]}).encode(),
}


@pytest.mark.parametrize("body", BAD_RESPONSES.values(), ids=BAD_RESPONSES)
def test_a_response_without_a_usable_key_is_an_outage(issuer: Issuer, body: bytes) -> None:
    issuer.publisher.body = body
    assert outcome(issuer) == "unavailable"


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 403, 404, 429, 500, 502, 503])
def test_any_status_but_200_is_an_outage_and_no_redirect_is_followed(
    issuer: Issuer, status: int
) -> None:
    issuer.publisher.status = status
    assert outcome(issuer) == "unavailable"
    assert issuer.publisher.requested == 1


def test_no_one_there_is_an_outage(issuer: Issuer) -> None:
    issuer.publisher.before = lambda: (_ for _ in ()).throw(ConnectionResetError)
    assert outcome(issuer) == "unavailable"


def test_a_response_that_drips_is_given_up_while_it_drips(issuer: Issuer) -> None:
    def wait() -> None:
        issuer.clock.advance(1)
        time.sleep(0.01)

    issuer.publisher.between = wait
    assert outcome(issuer) == "unavailable"
    assert FETCH_SECONDS <= issuer.publisher.pieces_sent < len(json.dumps(published("one")))


@pytest.mark.parametrize("serve", [drip_head, drip_body, drip_continue, stay_silent])
def test_a_response_that_never_ends_is_an_outage_at_the_deadline(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setattr("service.identity.key_sets.FETCH_SECONDS", 0.3)
    issuer.clock = clock = SystemClock()  # type: ignore[assignment]
    issuer.connections = Network(clock).pool(public_roots(), 1)
    with SlowServer(serve) as server:
        issuer.publisher.url = server.url
        issuer.tokens = issuer.verifier(in_thread)
        token = issuer.token()
        started = time.monotonic()
        with pytest.raises(IdentityUnavailable):
            issuer.tokens.verify(token)
        assert time.monotonic() - started < 0.3 + MARGIN_SECONDS


def test_a_response_that_breaks_off_is_an_outage(issuer: Issuer) -> None:
    def leave() -> None:
        raise ConnectionResetError

    issuer.publisher.between = leave
    assert outcome(issuer) == "unavailable"


def test_a_response_that_stops_half_way_is_an_outage(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.identity.key_sets.FETCH_SECONDS", 0.05)
    issuer.publisher.between = lambda: (
        time.sleep(0.3) if issuer.publisher.pieces_sent == 3 else None
    )
    assert outcome(issuer) == "unavailable"


def test_a_response_that_comes_too_late_is_given_up(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.identity.key_sets.FETCH_SECONDS", 0.05)
    issuer.publisher.before = lambda: time.sleep(0.3)
    assert outcome(issuer) == "unavailable"


def test_a_short_key_is_not_used() -> None:
    short = rsa_key("short", 1024).public_key().public_numbers()
    with pytest.raises(KeysNotFetched):
        published_keys(
            json.dumps({"keys": [published("one", n=to_base64url_uint(short.n).decode())]}).encode()
        )


def test_one_odd_key_does_not_spoil_the_others() -> None:
    odd = [
        None,
        {"kid": "x"},
        published("odd", n="!!"),
        published("enc", use="enc"),
        {"kid": "ec", "kty": "EC"},
    ]
    body = json.dumps({"keys": [*odd, published("one"), published("two", alg="RS256")]}).encode()
    assert set(published_keys(body)) == {"one", "two"}


def test_the_private_half_is_never_read() -> None:
    body = json.dumps({"keys": [published("one", d="AAAA", p="AAAA", q="AAAA")]}).encode()
    assert set(published_keys(body)) == {"one"}


def test_the_bounds_are_as_documented() -> None:
    assert (MIN_FRESH_SECONDS, MAX_FRESH_SECONDS, MAX_STALE_SECONDS) == (60, DAY, DAY)
    assert (BETWEEN_FETCHES_SECONDS, AFTER_FAILURE_SECONDS) == (30, 5)
