"""Who is calling: every bad ID token is refused over the wire and leaves nothing behind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.core.clock import Clock, SystemClock
from service.web.endpoint import Access, declared_endpoints
from tests.doubles.clock import FakeClock
from tests.identity.issuer import CLIENT, REMOVE, Issuer, published, publishing, rsa_key, segment
from tests.stack.live_stack import LiveStack, separate_stack, video_body

USER = "ann"


class RealTimeIssuer(Issuer):
    """Issues tokens for `ann` by the real clock."""

    def __init__(self, publisher: Any) -> None:
        super().__init__(publisher)
        self.session.close()
        self.clock = SystemClock()  # type: ignore[assignment]

    def claims(self, **changes: object) -> dict[str, object]:
        return super().claims(**({"sub": USER, "exp": self.now + 10**6} | changes))


def believing(issuer: Issuer, clock: Clock | None = None) -> dict[str, Any]:
    """The settings of a town whose Google is `issuer`, in real time or by the clock given."""
    return {
        "clock": clock or SystemClock(),
        "google_certs_url": issuer.publisher.url,
        "google_client_ids": (CLIENT,),
    }


@pytest.fixture(scope="module")
def issuer() -> Iterator[RealTimeIssuer]:
    with publishing() as publisher:
        yield RealTimeIssuer(publisher)


@pytest.fixture(scope="module")
def issued(client: Any, issuer: RealTimeIssuer) -> Iterator[LiveStack]:
    """A town that believes `issuer`, and into which nobody gets: its table stays empty from test to
    test."""
    with separate_stack(client, **believing(issuer)) as stack:
        yield stack


def refused(
    stack: LiveStack, status: int, code: str, headers: dict[str, Any], body: object = None
) -> dict[str, Any]:
    """Asserts that reading and spending are both refused in the same way; gives the details."""
    answers = [
        stack.call("POST", "/videos", json=body or video_body(USER), headers=headers),
        stack.call("GET", "/credits", headers=headers),
        stack.call("GET", "/jobs/job_01kb7r3v6q8f2x0m4n5p6q7r8s", headers=headers),
    ]
    for answer in answers:
        content = answer.json()
        assert (answer.status_code, content["success"], content["code"]) == (status, False, code)
        assert ("Retry-After" in answer.headers) is (status == 503)
        assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
        secret = headers.get("Authorization", "").rpartition(" ")[2]
        assert len(secret) < 9 or secret not in answer.text + str(answer.headers)
    assert stack.items() == []
    assert stack.tasks() == []
    details: dict[str, Any] = answers[0].json()["details"]
    return details


# The header.


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YW5uOnNlY3JldA=="},
        {"Authorization": "Token eyJhbGciOiJSUzI1NiJ9.e30.c2ln"},
        {"Authorization": "Bearer eyJhbGciOi eyJhbGciOi"},
        {"Authorization": "Bearer eyJhbGciOi, Bearer eyJhbGciOi"},
        {"Authorization": "Bearer\teyJhbGciOi"},
        {"Authorization": "Bearer eyJhbG{}ciOi"},
        {"Cookie": "token=eyJhbGciOi"},
        {"X-Google-ID": USER},
        {"Proxy-Authorization": "Bearer eyJhbGciOi"},
    ],
    ids=repr,
)
def test_without_one_bearer_token_nobody_is_let_in(
    issued: LiveStack, headers: dict[str, str]
) -> None:
    refused(issued, 401, "AUTHENTICATION_REQUIRED", headers)


def test_two_headers_are_refused_though_each_would_do(
    issued: LiveStack, issuer: RealTimeIssuer
) -> None:
    line = f"Authorization: Bearer {issuer.token()}\r\n"
    answer = issued.raw(
        f"GET /credits HTTP/1.1\r\nHost: x\r\n{line}{line}Connection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"AUTHENTICATION_REQUIRED"' in answer
    assert b"HTTP/1.1 200 " in issued.raw(
        f"GET /credits HTTP/1.1\r\nHost: x\r\n{line}Connection: close\r\n\r\n".encode()
    )


def test_a_token_in_the_query_or_the_body_is_no_sign_in(
    issued: LiveStack, issuer: RealTimeIssuer
) -> None:
    token = issuer.token()
    for path in (
        f"/credits?access_token={token}",
        f"/credits?token={token}",
        f"/credits?Authorization=Bearer%20{token}",
    ):
        assert issued.call("GET", path).status_code == 401
    refused(issued, 401, "AUTHENTICATION_REQUIRED", {}, video_body(USER) | {"token": token})


def test_every_route_for_users_refuses_strangers_and_every_other_serves_them(
    issued: LiveStack,
) -> None:
    """Whoever adds a route is in this test at once."""
    kinds = set()
    for rule, method, declared in declared_endpoints(issued.app):
        path = rule.replace("<job_id>", "job_01kb7r3v6q8f2x0m4n5p6q7r8s").replace("<token>", "x")
        assert "<" not in path
        answer = issued.call(method, path)
        assert (answer.status_code == 401) is (declared.access is Access.USER), f"{method} {path}"
        kinds.add(declared.access)
    assert kinds == set(Access)


# The token. Each differs from a good one in one thing.


def public_pem() -> bytes:
    return rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unsigned(issuer: RealTimeIssuer, algorithm: str, signature: str = "") -> str:
    return f"{segment({'alg': algorithm, 'kid': 'one', 'typ': 'JWT'})}.{segment(issuer.claims())}.{signature}"


def tampered(issuer: RealTimeIssuer) -> str:
    """Signed for another, then changed."""
    head, _, signature = issuer.token(sub="bob").split(".")
    return f"{head}.{segment(issuer.claims())}.{signature}"


def flipped(issuer: RealTimeIssuer) -> str:
    start, signature = issuer.token().rsplit(".", 1)
    return f"{start}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def under_anothers_kid(issuer: RealTimeIssuer) -> str:
    """Signed with a key of the caller's own, under the name of a published one, and bringing its
    public half along."""
    header = {"alg": "RS256", "kid": "one", "typ": "JWT", "jwk": published("mine")}
    return issuer.signed(header, segment_bytes(issuer), "mine")


def segment_bytes(issuer: RealTimeIssuer) -> bytes:
    return str(issuer.claims()).replace("'", '"').replace("True", "true").encode()


@dataclass(frozen=True)
class Bad:
    """How a token is made badly, and the reason that its refusal gives."""

    make: Callable[[RealTimeIssuer], str]
    reason: str


BAD = {
    "garbage": Bad(lambda _: "garbage", "malformed"),
    "two parts": Bad(lambda i: i.token().rpartition(".")[0], "malformed"),
    "four parts": Bad(lambda i: i.token() + ".c2ln", "malformed"),
    "a header that is no JSON": Bad(lambda i: i.signed(b"{", segment_bytes(i)), "malformed"),
    "a payload that is no JSON": Bad(
        lambda i: i.signed({"alg": "RS256", "kid": "one"}, b"{"), "malformed"
    ),
    "a payload that is a list": Bad(
        lambda i: i.signed({"alg": "RS256", "kid": "one"}, b"[]"), "malformed"
    ),
    "oversize": Bad(lambda i: i.token(padding="x" * 8192), "malformed"),
    "an unknown critical extension": Bad(
        lambda i: i.token(header={"crit": ["x"], "x": 1}), "malformed"
    ),
    "alg none without a signature": Bad(lambda i: unsigned(i, "none"), "malformed"),
    "alg none": Bad(lambda i: unsigned(i, "none", "c2ln"), "algorithm"),
    "alg None": Bad(lambda i: unsigned(i, "None", "c2ln"), "algorithm"),
    "alg NONE": Bad(lambda i: unsigned(i, "NONE", "c2ln"), "algorithm"),
    "alg none, well signed": Bad(lambda i: i.token(header={"alg": "none"}), "algorithm"),
    "HS256 with the public key": Bad(lambda i: i.with_secret("HS256", public_pem()), "algorithm"),
    "HS256 with the published modulus": Bad(
        lambda i: i.with_secret("HS256", str(published("one")["n"]).encode()), "algorithm"
    ),
    "typ of an access token": Bad(lambda i: i.token(header={"typ": "at+jwt"}), "type"),
    "typ of a logout token": Bad(lambda i: i.token(header={"typ": "logout+jwt"}), "type"),
    "a kid that nobody knows": Bad(lambda i: i.token(header={"kid": "nobody"}), "key"),
    "a kid that climbs": Bad(
        lambda i: i.token(header={"kid": "../../../../../../dev/null"}), "key"
    ),
    "a kid that asks": Bad(lambda i: i.token(header={"kid": "one' OR '1'='1"}), "key"),
    "a kid that is empty": Bad(lambda i: i.token(header={"kid": ""}), "key"),
    "no kid": Bad(lambda i: i.token(header={"kid": REMOVE}), "key"),
    "tampered payload": Bad(tampered, "signature"),
    "tampered signature": Bad(flipped, "signature"),
    "a key of its own": Bad(under_anothers_kid, "signature"),
    "another issuer": Bad(
        lambda i: i.token(iss="https://accounts.google.com.evil.example"), "issuer"
    ),
    "issuer with a slash": Bad(lambda i: i.token(iss="https://accounts.google.com/"), "issuer"),
    "issuer by plain http": Bad(lambda i: i.token(iss="http://accounts.google.com"), "issuer"),
    "no issuer": Bad(lambda i: i.token(iss=REMOVE), "issuer"),
    "a list of issuers": Bad(lambda i: i.token(iss=["https://accounts.google.com"]), "issuer"),
    "another audience": Bad(lambda i: i.token(aud="other.apps.example"), "audience"),
    "a list of audiences": Bad(lambda i: i.token(aud=[CLIENT]), "audience"),
    "our client only as azp": Bad(
        lambda i: i.token(aud="other.apps.example", azp=CLIENT), "audience"
    ),
    "no audience": Bad(lambda i: i.token(aud=REMOVE), "audience"),
    "expired": Bad(lambda i: i.token(iat=i.now - 3700, exp=i.now - 100), "expired"),
    "issued in the future": Bad(lambda i: i.token(iat=i.now + 600), "not_yet_valid"),
    "not before the future": Bad(lambda i: i.token(nbf=i.now + 600), "not_yet_valid"),
    "no exp": Bad(lambda i: i.token(exp=REMOVE), "claims"),
    "no iat": Bad(lambda i: i.token(iat=REMOVE), "claims"),
    "exp as text": Bad(lambda i: i.token(exp=str(i.now + 3600)), "claims"),
    "exp true": Bad(lambda i: i.token(exp=True), "claims"),
    "exp beyond all time": Bad(lambda i: i.token(exp=10**40), "claims"),
    "no sub": Bad(lambda i: i.token(sub=REMOVE), "subject"),
    "an empty sub": Bad(lambda i: i.token(sub=""), "subject"),
    "sub as a number": Bad(lambda i: i.token(sub=1), "subject"),
    "a sub that would leave its partition": Bad(lambda i: i.token(sub="ann#METADATA"), "subject"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_token_is_refused_with_its_reason(
    issued: LiveStack, issuer: RealTimeIssuer, bad: Bad
) -> None:
    token = bad.make(issuer)
    assert refused(issued, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {token}"}) == {
        "reason": bad.reason
    }


@pytest.mark.parametrize("verified", [False, "true", 1, None, REMOVE], ids=repr)
def test_an_address_that_google_has_not_verified_is_refused(
    issued: LiveStack, issuer: RealTimeIssuer, verified: object
) -> None:
    token = issuer.token(email_verified=verified)
    refused(issued, 401, "EMAIL_NOT_VERIFIED", {"Authorization": f"Bearer {token}"})


def test_the_token_from_which_the_bad_ones_differ_is_good(
    start: Callable[..., LiveStack], issuer: RealTimeIssuer
) -> None:
    stack = start(**believing(issuer))
    assert stack.post_video(USER, token=issuer.token()).status_code == 200
    assert stack.call("GET", "/credits", issuer.token()).json()["data"]["registered"] is True


def test_the_address_of_keys_in_a_token_is_never_followed(
    issued: LiveStack, issuer: RealTimeIssuer
) -> None:
    with publishing() as elsewhere:
        elsewhere.kids = ["mine"]
        header = {"kid": "mine", "jku": elsewhere.url, "x5u": elsewhere.url}
        answer = issued.call("GET", "/credits", issuer.token(kid="mine", header=header))
        assert (answer.status_code, answer.json()["details"]) == (401, {"reason": "key"})
        assert elsewhere.asked == 0


def test_a_good_token_under_another_scheme_s_letters_is_taken(
    issued: LiveStack, issuer: RealTimeIssuer
) -> None:
    """RFC 9110, 11.1: the scheme's case does not matter."""
    headers = {"Authorization": f"bEARER  {issuer.token()}"}
    assert issued.call("GET", "/credits", headers=headers).status_code == 200


def test_anothers_google_id_is_refused_and_nothing_is_written(
    issued: LiveStack, issuer: RealTimeIssuer
) -> None:
    answer = issued.post_video("bob", token=issuer.token())
    assert (answer.status_code, answer.json()["code"]) == (403, "GOOGLE_ID_MISMATCH")
    assert "Location" not in answer.headers
    assert issued.items() == []
    assert issued.tasks() == []


# Google's keys.


def standing_clock() -> FakeClock:
    """A clock that begins now."""
    return FakeClock(SystemClock().now())


def rotate(stack: LiveStack, *, keep: bool = False) -> None:
    assert stack.steer("POST", "/google/__rotate", {"keep": keep}).status_code == 200


def test_a_token_of_a_key_that_was_rotated_away_is_refused(stack: LiveStack) -> None:
    token = stack.token(USER)
    rotate(stack)
    assert refused(stack, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {token}"}) == {
        "reason": "key"
    }
    assert stack.post_video(USER).status_code == 200


def test_a_new_key_is_believed_soon_and_the_old_one_as_long_as_it_is_published(
    start: Callable[..., LiveStack],
) -> None:
    clock = standing_clock()
    stack = start(clock=clock)
    assert stack.get("/credits").status_code == 200
    old = stack.token(USER)
    rotate(stack, keep=True)
    new = stack.token(USER)
    assert refused(stack, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {new}"}) == {
        "reason": "key"
    }
    clock.advance(31)
    assert stack.call("GET", "/credits", new).status_code == 200
    assert stack.call("GET", "/credits", old).status_code == 200


def test_strangers_with_unknown_keys_cannot_make_us_ask_google_each_time(
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
    refused(stack, 503, "IDENTITY_UNAVAILABLE", {"Authorization": f"Bearer {stack.token(USER)}"})
    stack.no_more_faults()
    stack.until(lambda: stack.post_video(USER).status_code == 200, seconds=5)


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
    clock = standing_clock()
    with publishing() as publisher:
        issuer = RealTimeIssuer(publisher)
        stack = start(**believing(issuer, clock))
        assert stack.call("GET", "/credits", issuer.token()).status_code == 200
        publisher.status, asked = 503, publisher.asked
        clock.advance(3601)
        assert stack.call("GET", "/credits", issuer.token(jti="an hour later")).status_code == 200
        assert publisher.asked == asked + 1
        clock.advance(86_400)
        answer = stack.call("GET", "/credits", issuer.token(jti="a day later"))
        assert (answer.status_code, answer.json()["code"]) == (503, "IDENTITY_UNAVAILABLE")


# A bare GoogleID, where it is trusted.


@pytest.fixture
def trusting(start: Callable[..., LiveStack]) -> LiveStack:
    return start(clock=SystemClock(), trust_bare_google_id=True, simulator={"video_seconds": 600.0})


def test_a_trusted_bare_google_id_is_enough_to_spend_and_to_look(trusting: LiveStack) -> None:
    placed = trusting.call("POST", "/videos", json=video_body(USER))
    assert placed.status_code == 200
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
    answer = trusting.call("POST", "/videos", json=video_body(USER) | {"GoogleID": google_id})
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTHENTICATION_REQUIRED")
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
        refused(trusting, 401, code, {"Authorization": bearer, "X-Google-ID": USER})


def test_a_bearer_decides_over_a_bare_google_id(trusting: LiveStack) -> None:
    answer = trusting.post_video("bob", token=trusting.token(USER))
    assert (answer.status_code, answer.json()["code"]) == (403, "GOOGLE_ID_MISMATCH")
    answer = trusting.call("GET", "/credits", trusting.token(USER), headers={"X-Google-ID": "bob"})
    assert answer.json()["data"]["registered"] is False
    assert trusting.items() == []


def test_two_bare_google_ids_that_differ_are_refused(trusting: LiveStack) -> None:
    answer = trusting.call("POST", "/videos", json=video_body(USER), headers={"X-Google-ID": "bob"})
    assert (answer.status_code, answer.json()["code"]) == (403, "GOOGLE_ID_MISMATCH")
    assert trusting.items() == []


def test_a_bare_google_id_that_is_not_trusted_is_refused(stack: LiveStack) -> None:
    refused(stack, 401, "AUTHENTICATION_REQUIRED", {"X-Google-ID": USER})
