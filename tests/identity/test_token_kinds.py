"""All kinds of tokens together: what is wrong with one of ours, and that no issuer can speak for
another."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm

from service.core.ids import derived_id
from service.core.principal import SignInMethod
from service.identity.access_token_keys import access_token_keys_of_setting
from service.identity.access_tokens import TOKEN_ID_PREFIX, AccessTokens
from service.identity.entities import IdentityUnavailable, Rejection, TokenRejected
from service.identity.google import ISSUERS
from service.identity.tokens import BearerTokens, Verifier
from tests.identity.google_corpus import CORPUS
from tests.identity.issuer import REMOVE, SUBJECT, Issuer, publishing, segment
from tests.identity.user_pool import COGNITO_SUBJECT, POOL, UserPool

OURS = "https://api.example.com"
KEYS = {"one": "dHR0" * 10 + "dHQ", "other": "dXV1" * 10 + "dXU"}
# What is wrong with Google's tokens alone, or made with the sizes of their signatures.
NOT_OURS = {
    "an access token",
    "ES256",
    "header changed",
    "signature cut short",
    "sub of a password account",
    "sub of a password account in capitals",
    "sub of a Cognito user",
    "sub of a Cognito user in capitals",
}


class OwnIssuer(Issuer):
    """Signs as we do: ES256, of the type at+jwt."""

    def verifier(self, start: Callable[[Callable[[], None]], None]) -> BearerTokens:
        del start
        return BearerTokens({OURS: own_verifier()}, self.clock)

    def claims(self, **changes: object) -> dict[str, object]:
        usual = {
            "iss": OURS,
            "aud": "farebox",
            "sub": SUBJECT,
            "sid": "ses_1",
            "idp": "https://accounts.google.com",
            "scope": "",
            "iat": self.now,
            "exp": self.now + 900,
        }
        usual["jti"] = derived_id(TOKEN_ID_PREFIX, self.now * 1000, "one")
        return {name: value for name, value in (usual | changes).items() if value is not REMOVE}

    def token(
        self, *, kid: str = "one", header: dict[str, Any] | None = None, **changes: object
    ) -> str:
        head = {"alg": "ES256", "kid": kid, "typ": "at+jwt"} | (header or {})
        head = {name: value for name, value in head.items() if value is not REMOVE}
        return self._signed(head, json.dumps(self.claims(**changes)).encode(), kid)

    def signed(self, header: object, payload: bytes, kid: str = "one") -> str:
        if isinstance(header, dict):
            header = {"typ": "at+jwt"} | header | {"alg": "ES256"}
        return self._signed(header, payload, kid)

    def _signed(self, header: object, payload: bytes, kid: str) -> str:
        start = f"{segment(header)}.{segment(payload)}"
        name = kid if kid in KEYS else "other"
        key = access_token_keys_of_setting(f"{name}:{KEYS[name]}").signing.private_key
        signature = ECAlgorithm(ECAlgorithm.SHA256).sign(start.encode(), key)
        return f"{start}.{segment(signature)}"


def own_verifier() -> AccessTokens:
    return AccessTokens(OURS, lambda: access_token_keys_of_setting(f"one:{KEYS['one']}"))


Make = Callable[[OwnIssuer], str]
OF_OURS: dict[str, tuple[Make, Rejection]] = {
    "typ missing": (lambda i: i.token(header={"typ": REMOVE}), Rejection.TYPE),
    "typ JWT": (lambda i: i.token(header={"typ": "JWT"}), Rejection.TYPE),
    "RS256": (lambda i: i.token(header={"alg": "RS256"}), Rejection.ALGORITHM),
    "ES384": (lambda i: i.token(header={"alg": "ES384"}), Rejection.ALGORITHM),
    "signature cut to half": (lambda i: i.token()[:-46], Rejection.SIGNATURE),
    "signature of zeros": (
        lambda i: i.token().rsplit(".", 1)[0] + "." + segment(bytes(64)),
        Rejection.SIGNATURE,
    ),
    "aud of an app": (lambda i: i.token(aud="farebox-web.apps.example"), Rejection.AUDIENCE),
    "sid missing": (lambda i: i.token(sid=REMOVE), Rejection.CLAIMS),
    "jti missing": (lambda i: i.token(jti=REMOVE), Rejection.CLAIMS),
    "jti of another kind": (lambda i: i.token(jti="tok_1"), Rejection.CLAIMS),
    "jti of another second": (
        lambda i: i.token(jti=derived_id(TOKEN_ID_PREFIX, i.now * 1000 + 1000, "one")),
        Rejection.CLAIMS,
    ),
    "sid a number": (lambda i: i.token(sid=1), Rejection.CLAIMS),
    "idp missing": (lambda i: i.token(idp=REMOVE), Rejection.CLAIMS),
    "scope a list": (lambda i: i.token(scope=["videos"]), Rejection.CLAIMS),
    "minted a text": (lambda i: i.token(minted="key_1"), Rejection.CLAIMS),
    "minted null": (lambda i: i.token(minted=None), Rejection.CLAIMS),
    "minted without origins": (
        lambda i: i.token(minted={"key": "key_1", "ceiling": False}),
        Rejection.CLAIMS,
    ),
    "minted for an origin that is none": (
        lambda i: i.token(minted={"key": "key_1", "origins": [1], "ceiling": False}),
        Rejection.CLAIMS,
    ),
    "minted with a ceiling in words": (
        lambda i: i.token(minted={"key": "key_1", "origins": [], "ceiling": "no"}),
        Rejection.CLAIMS,
    ),
    "ended this second": (lambda i: i.token(exp=i.now), Rejection.EXPIRED),
    "a refresh token": (lambda i: "ref_01kb7r3v6q8f2x0m4n5p6q7r8s", Rejection.MALFORMED),
}
CASES = {name: case for name, case in CORPUS.items() if name not in NOT_OURS} | OF_OURS


@pytest.fixture
def issuers() -> Iterator[tuple[Issuer, UserPool, OwnIssuer, BearerTokens]]:
    """Google, a user pool and ourselves, each with a key named `one`, and one verifier of all."""
    with publishing() as google_keys, publishing() as pool_keys:
        google, pool, ours = Issuer(google_keys), UserPool(pool_keys, "id"), OwnIssuer(google_keys)
        pool.clock = ours.clock = google.clock
        pool.tokens = pool.verifier(lambda work: work())
        verifiers: dict[str, Verifier] = {
            **dict.fromkeys(ISSUERS, google.tokens._verifiers[ISSUERS[0]]),
            POOL: pool.tokens._verifiers[POOL],
            OURS: own_verifier(),
        }
        yield google, pool, ours, BearerTokens(verifiers, google.clock)
        for each in (google, pool, ours):
            each.connections.clear()


@pytest.mark.parametrize(("make", "reason"), CASES.values(), ids=CASES)
def test_a_token_like_ours_that_does_not_hold_is_rejected(
    issuer: Issuer, make: Callable[[Any], str], reason: Rejection
) -> None:
    ours = OwnIssuer(issuer.publisher)
    token = make(ours)
    for _ in range(2):
        with pytest.raises(TokenRejected) as caught:
            ours.tokens.verify(token)
        assert caught.value.details == {"reason": reason.value}
        assert SUBJECT not in caught.value.message
    assert issuer.publisher.requested == 0


def test_each_kind_is_verified_by_its_issuer(
    issuers: tuple[Issuer, UserPool, OwnIssuer, BearerTokens],
) -> None:
    google, pool, ours, tokens = issuers
    found = [tokens.verify(each.token()) for each in (google, pool, ours)]
    assert [(each.subject, each.method) for each in found] == [
        (SUBJECT, SignInMethod.GOOGLE),
        (COGNITO_SUBJECT, SignInMethod.COGNITO),
        (SUBJECT, SignInMethod.SESSION),
    ]


def test_no_issuer_speaks_for_another(
    issuers: tuple[Issuer, UserPool, OwnIssuer, BearerTokens],
) -> None:
    """Whoever's key signs claims of another, under its own key id or the other's, is refused."""
    google, pool, ours, tokens = issuers
    pool.publisher.kids = ["pool"]
    key_ids: dict[Issuer, str] = {google: "one", pool: "pool", ours: "one"}
    for signer in key_ids:
        for other in key_ids.keys() - {signer}:
            claims = dict.fromkeys(signer.claims(), REMOVE) | other.claims()
            for key_id in key_ids.values():
                header = {"kid": key_id}
                forged = signer.token(kid=key_ids[signer], header=header, **claims)
                with pytest.raises(TokenRejected):
                    tokens.verify(forged)


def test_one_issuer_s_outage_is_not_another_s(
    issuers: tuple[Issuer, UserPool, OwnIssuer, BearerTokens],
) -> None:
    google, pool, ours, tokens = issuers
    tokens.verify(google.token())
    pool.publisher.status = 503
    for number in range(50):
        with pytest.raises(IdentityUnavailable):
            tokens.verify(pool.token(jti=str(number)))
        assert tokens.verify(google.token(jti=str(number))).subject == SUBJECT
        assert tokens.verify(ours.token(sid=f"ses_{number}")).subject == SUBJECT
    assert (pool.publisher.requested, google.publisher.requested) == (1, 1)


def test_a_pool_s_keys_serve_through_an_outage_and_a_rotation_without_a_storm(
    issuers: tuple[Issuer, UserPool, OwnIssuer, BearerTokens],
) -> None:
    _, pool, _, tokens = issuers
    tokens.verify(pool.token())
    pool.publisher.status = 503
    pool.clock.advance(86_000)
    for number in range(20):
        assert tokens.verify(pool.token(jti=str(number))).subject == COGNITO_SUBJECT
        with pytest.raises(IdentityUnavailable):
            tokens.verify(pool.token(kid="two", jti=str(number)))
    assert pool.publisher.requested == 2
    pool.publisher.status, pool.publisher.kids = 200, ["one", "two"]
    pool.clock.advance(30)
    for kid in ("two", "one", "two"):
        assert tokens.verify(pool.token(kid=kid)).subject == COGNITO_SUBJECT
    assert pool.publisher.requested == 3
