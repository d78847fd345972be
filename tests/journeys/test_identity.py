"""Authentication over HTTP: each invalid ID token is refused, and nothing is written."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.web.endpoint import Access, declared_endpoints
from tests.identity.issuer import CLIENT, REMOVE, published, publishing, rsa_key, segment
from tests.journeys.issuers import USER, RealTimeIssuer, assert_refused, trusting_issuer
from tests.stack.live_stack import LiveStack, video_body
from tests.stack.memory_stack import stack_in_memory


@pytest.fixture(scope="module")
def own_issuer_stack(issuer: RealTimeIssuer) -> Iterator[LiveStack]:
    """A stack that trusts `issuer`. Every request is refused, so that its table stays empty."""
    with stack_in_memory(**trusting_issuer(issuer)) as stack:
        yield stack


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
def test_without_one_bearer_token_no_one_is_let_in(
    own_issuer_stack: LiveStack, headers: dict[str, str]
) -> None:
    assert_refused(own_issuer_stack, 401, "AUTHENTICATION_REQUIRED", headers)


def test_two_headers_are_refused_though_each_would_do(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    line = f"Authorization: Bearer {issuer.token()}\r\n"
    response = own_issuer_stack.raw(
        f"GET /credits HTTP/1.1\r\nHost: x\r\n{line}{line}Connection: close\r\n\r\n".encode()
    )
    assert response.startswith(b"HTTP/1.1 401 ")
    assert b'"AUTHENTICATION_REQUIRED"' in response
    assert b"HTTP/1.1 200 " in own_issuer_stack.raw(
        f"GET /credits HTTP/1.1\r\nHost: x\r\n{line}Connection: close\r\n\r\n".encode()
    )


def test_a_token_in_the_query_or_the_body_is_no_sign_in(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    token = issuer.token()
    for path in (
        f"/credits?access_token={token}",
        f"/credits?token={token}",
        f"/credits?Authorization=Bearer%20{token}",
    ):
        assert own_issuer_stack.call("GET", path).status_code == 401
    assert_refused(
        own_issuer_stack, 401, "AUTHENTICATION_REQUIRED", {}, video_body(USER) | {"token": token}
    )


def test_every_route_for_known_callers_refuses_strangers_and_every_other_serves_them(
    own_issuer_stack: LiveStack,
) -> None:
    """Covers every future route too."""
    kinds = set()
    for rule, method, declared in declared_endpoints(own_issuer_stack.app):
        path = re.sub("<(?:[a-z]+:)?job_id>", "job_01kb7r3v6q8f2x0m4n5p6q7r8s", rule)
        path = re.sub("<[a-z_]+>", "x", path)
        assert "<" not in path
        response = own_issuer_stack.call(method, path)
        is_closed = declared.access not in (Access.PUBLIC, Access.CALLBACK_TOKEN)
        # Others may require a credential of their own, such as a signature, under another code.
        is_refused = response.status_code == 401 and "AUTHENTICATION_REQUIRED" in response.text
        assert is_refused is is_closed, f"{method} {path}"
        kinds.add(declared.access)
    assert kinds == set(Access)


# The token. Each differs from a good one in one thing.


def public_pem() -> bytes:
    return rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unsigned(issuer: RealTimeIssuer, algorithm: str, signature: str = "") -> str:
    head = segment({"alg": algorithm, "kid": "one", "typ": "JWT"})
    return f"{head}.{segment(issuer.claims())}.{signature}"


def tampered(issuer: RealTimeIssuer) -> str:
    """Signed for another, then changed."""
    head, _, signature = issuer.token(sub="bob").split(".")
    return f"{head}.{segment(issuer.claims())}.{signature}"


def flipped(issuer: RealTimeIssuer) -> str:
    start, signature = issuer.token().rsplit(".", 1)
    return f"{start}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def under_anothers_kid(issuer: RealTimeIssuer) -> str:
    """Signed with the attacker's key under the id of a published one, its public key attached."""
    header = {"alg": "RS256", "kid": "one", "typ": "JWT", "jwk": published("mine")}
    return issuer.signed(header, segment_bytes(issuer), "mine")


def segment_bytes(issuer: RealTimeIssuer) -> bytes:
    return str(issuer.claims()).replace("'", '"').replace("True", "true").encode()


@dataclass(frozen=True)
class Bad:
    """A way to make an invalid token, and the expected `reason`."""

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
    "a kid that no one knows": Bad(lambda i: i.token(header={"kid": "nobody"}), "key"),
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
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer, bad: Bad
) -> None:
    token = bad.make(issuer)
    assert assert_refused(
        own_issuer_stack, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {token}"}
    ) == {"reason": bad.reason}


@pytest.mark.parametrize("verified", [False, "true", 1, None, REMOVE], ids=repr)
def test_an_address_that_google_has_not_verified_is_refused(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer, verified: object
) -> None:
    token = issuer.token(email_verified=verified)
    assert_refused(
        own_issuer_stack, 401, "EMAIL_NOT_VERIFIED", {"Authorization": f"Bearer {token}"}
    )


def test_the_token_from_which_the_bad_ones_differ_is_good(
    start: Callable[..., LiveStack], issuer: RealTimeIssuer
) -> None:
    stack = start(**trusting_issuer(issuer))
    assert stack.post_video(USER, token=issuer.token()).status_code == 200
    assert stack.call("GET", "/credits", issuer.token()).json()["data"]["registered"] is True


def test_the_address_of_keys_in_a_token_is_never_followed(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    with publishing() as elsewhere:
        elsewhere.kids = ["mine"]
        header = {"kid": "mine", "jku": elsewhere.url, "x5u": elsewhere.url}
        response = own_issuer_stack.call("GET", "/credits", issuer.token(kid="mine", header=header))
        assert (response.status_code, response.json()["details"]) == (401, {"reason": "key"})
        assert elsewhere.requested == 0


def test_a_good_token_under_another_scheme_s_letters_is_taken(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    """RFC 9110, 11.1: the scheme's case does not matter."""
    headers = {"Authorization": f"bEARER {issuer.token()}"}
    assert own_issuer_stack.call("GET", "/credits", headers=headers).status_code == 200


def test_a_credential_has_one_spelling_only(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    """The firewall counts requests by this header in lower case: with a second spelling that is
    accepted, a caller would have a second limit."""
    token = issuer.token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters.index(token[-1])
    respelt = [token[:-1] + letters[last + spare] for spare in range(1, 16)]
    for header in (
        f"Bearer  {token}",
        f"Bearer \t{token}",
        f"Bearer {token}=",
        *(f"Bearer {each}" for each in respelt),
    ):
        response = own_issuer_stack.call("GET", "/credits", headers={"Authorization": header})
        assert response.status_code == 401, header


def test_a_google_id_can_be_left_out_where_a_token_is_sent(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    """The image is refused, so nothing is written, and the GoogleID is not."""
    body = {name: value for name, value in video_body(USER).items() if name != "GoogleID"}
    response = own_issuer_stack.call(
        "POST", "/videos", issuer.token(), json=body | {"imageUrl": "https://127.0.0.1/a.jpg"}
    )
    assert (response.status_code, response.json()["code"]) == (400, "IMAGE_URL_REFUSED")


def test_anothers_google_id_is_refused_and_nothing_is_written(
    own_issuer_stack: LiveStack, issuer: RealTimeIssuer
) -> None:
    response = own_issuer_stack.post_video("bob", token=issuer.token())
    assert (response.status_code, response.json()["code"]) == (403, "GOOGLE_ID_MISMATCH")
    assert response.json()["details"] == {"googleId": "bob", "signedInAs": USER}
    assert "bob" in response.json()["error"]
    assert USER in response.json()["error"]
    assert "Location" not in response.headers
    assert own_issuer_stack.items() == []
    assert own_issuer_stack.tasks() == []
