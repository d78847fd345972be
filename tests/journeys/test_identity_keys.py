"""Google's keys over HTTP while they change or are unavailable; and a bare GoogleID, if trusted."""

from collections.abc import Callable

import pytest

from service.core.clock import SystemClock
from tests.doubles.clock import FakeClock
from tests.identity.issuer import publishing
from tests.journeys.issuers import USER, RealTimeIssuer, assert_refused, trusting_issuer
from tests.stack.live_stack import LiveStack, video_body

# Google's keys.


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


def frozen_clock() -> FakeClock:
    """A clock that starts at the real time and stands still."""
    return FakeClock(SystemClock().now())


def rotate(stack: LiveStack, *, keep: bool = False) -> None:
    assert stack.call_simulators("POST", "/google/__rotate", {"keep": keep}).status_code == 200


def test_a_token_of_a_key_that_was_rotated_away_is_refused(stack: LiveStack) -> None:
    token = stack.token(USER)
    rotate(stack)
    assert assert_refused(stack, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {token}"}) == {
        "reason": "key"
    }
    assert stack.post_video(USER).status_code == 200


def test_a_new_key_is_believed_soon_and_the_old_one_as_long_as_it_is_published(
    start: Callable[..., LiveStack],
) -> None:
    clock = frozen_clock()
    stack = start(clock=clock)
    assert stack.get("/credits").status_code == 200
    old = stack.token(USER)
    rotate(stack, keep=True)
    new = stack.token(USER)
    assert assert_refused(stack, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {new}"}) == {
        "reason": "key"
    }
    clock.advance(31)
    assert stack.call("GET", "/credits", new).status_code == 200
    assert stack.call("GET", "/credits", old).status_code == 200


def test_tokens_with_unknown_keys_do_not_cause_a_request_to_google_each(
    start: Callable[..., LiveStack], issuer: RealTimeIssuer
) -> None:
    stack = start(clock=SystemClock())
    for number in range(20):
        assert (
            stack.call("GET", "/credits", issuer.token(header={"kid": f"kid-{number}"})).status_code
            == 401
        )
    assert len(stack.journal("certs", service="google")) == 1


@pytest.mark.parametrize(
    "fault", ["status:503", "status:404", "html:502", "reset", "lost-answer", "garbage"]
)
def test_without_any_key_sign_in_is_unavailable_until_google_is_back(
    stack: LiveStack, fault: str
) -> None:
    stack.fault("certs", fault, service="google", count=-1)
    assert_refused(
        stack, 503, "IDENTITY_UNAVAILABLE", {"Authorization": f"Bearer {stack.token(USER)}"}
    )
    stack.clear_faults()
    stack.until(lambda: stack.post_video(USER).status_code == 200)


def test_known_keys_go_on_serving_while_google_is_down(stack: LiveStack) -> None:
    assert stack.post_video(USER).status_code == 200
    stack.fault("certs", "reset", service="google", count=-1)
    assert stack.post_video(USER).status_code == 200
    assert stack.post_video("bob").status_code == 200
    unknown = stack.call("GET", "/credits", "eyJhbGciOiJSUzI1NiIsImtpZCI6Im5ldyJ9.e30.c2ln")
    assert unknown.status_code in (401, 503)


def test_stale_keys_go_on_serving_while_google_is_down_for_a_day(
    start: Callable[..., LiveStack],
) -> None:
    clock = frozen_clock()
    with publishing() as publisher:
        issuer = RealTimeIssuer(publisher)
        stack = start(**trusting_issuer(issuer, clock))
        assert stack.call("GET", "/credits", issuer.token()).status_code == 200
        publisher.status, calls = 503, publisher.requested
        clock.advance(3601)
        assert stack.call("GET", "/credits", issuer.token(jti="an hour later")).status_code == 200
        assert stack.until(lambda: publisher.requested == calls + 1)
        clock.advance(86_400)
        response = stack.call("GET", "/credits", issuer.token(jti="a day later"))
        assert (response.status_code, response.json()["code"]) == (503, "IDENTITY_UNAVAILABLE")


# A bare GoogleID, where it is trusted.


@pytest.fixture
def trusting(start: Callable[..., LiveStack]) -> LiveStack:
    return start(clock=SystemClock(), trust_bare_google_id=True, simulator={"video_seconds": 600.0})


def test_a_trusted_bare_google_id_is_enough_to_spend_and_to_read(trusting: LiveStack) -> None:
    submitted = trusting.call("POST", "/videos", json=video_body(USER))
    assert submitted.status_code == 200
    as_user = {"X-Google-ID": USER}
    assert trusting.call("GET", "/credits", headers=as_user).json()["data"]["held"] == 1
    [job] = trusting.call("GET", "/jobs", headers=as_user).json()["data"]["jobs"]
    assert (
        trusting.call("GET", f"/jobs/{job['jobId']}", headers=as_user).json()["data"]["jobId"]
        == job["jobId"]
    )
    assert trusting.get("/credits", USER).json()["data"]["held"] == 1
    assert (
        trusting.call("GET", f"/jobs/{job['jobId']}", headers={"X-Google-ID": "bob"}).status_code
        == 404
    )


@pytest.mark.parametrize(
    "google_id",
    [
        "",
        " ",
        "ann#METADATA",
        "ann/bob",
        "a" * 256,
        "\u00e4nn",
        "ann ",
        None,
        1,
        True,
        ["ann"],
        {"sub": "ann"},
    ],
)
def test_a_trusted_bare_google_id_must_be_one(trusting: LiveStack, google_id: object) -> None:
    response = trusting.call("POST", "/videos", json=video_body(USER) | {"GoogleID": google_id})
    assert (response.status_code, response.json()["code"]) == (401, "AUTHENTICATION_REQUIRED")
    assert trusting.items() == []


def test_a_bad_bearer_is_refused_even_where_a_bare_google_id_is_trusted(
    trusting: LiveStack, issuer: RealTimeIssuer
) -> None:
    for bearer, code in (
        ("Bearer garbage", "TOKEN_REJECTED"),
        (f"Bearer {issuer.token()}", "TOKEN_REJECTED"),
        ("Basic YW5uOg==", "AUTHENTICATION_REQUIRED"),
        ("", "AUTHENTICATION_REQUIRED"),
    ):
        assert_refused(trusting, 401, code, {"Authorization": bearer, "X-Google-ID": USER})


def test_a_bearer_decides_over_a_bare_google_id(trusting: LiveStack) -> None:
    response = trusting.post_video("bob", token=trusting.token(USER))
    assert (response.status_code, response.json()["code"]) == (403, "GOOGLE_ID_MISMATCH")
    response = trusting.call(
        "GET", "/credits", trusting.token(USER), headers={"X-Google-ID": "bob"}
    )
    assert response.json()["data"]["registered"] is False
    assert trusting.items() == []


def test_two_bare_google_ids_that_differ_are_refused(trusting: LiveStack) -> None:
    response = trusting.call(
        "POST", "/videos", json=video_body(USER), headers={"X-Google-ID": "bob"}
    )
    assert (response.status_code, response.json()["code"]) == (403, "GOOGLE_ID_MISMATCH")
    assert trusting.items() == []


def test_a_bare_google_id_that_is_not_trusted_is_refused(stack: LiveStack) -> None:
    assert_refused(stack, 401, "AUTHENTICATION_REQUIRED", {"X-Google-ID": USER})
