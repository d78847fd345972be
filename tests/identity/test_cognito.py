"""ID and access tokens of a Cognito user pool."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.principal import Principal, SignInMethod, is_uuid
from service.identity.cognito import cognito_principal, is_pool_id, pool_issuer
from service.identity.entities import Rejection, TokenRejected
from tests.identity.google_corpus import CORPUS
from tests.identity.issuer import CLIENT, REMOVE, SUBJECT, publishing
from tests.identity.user_pool import COGNITO_SUBJECT, POOL, UserPool

BY_ACCESS_TOKEN = Principal(POOL, COGNITO_SUBJECT, method=SignInMethod.COGNITO)
BY_ID_TOKEN = replace(BY_ACCESS_TOKEN, email="cat@mail.example", email_verified=True)

Make = Callable[[UserPool], str]

OF_BOTH: dict[str, tuple[Make, Rejection]] = {
    "of Google": (lambda p: p.token(iss="https://accounts.google.com"), Rejection.ISSUER),
    "of another pool": (lambda p: p.token(iss=POOL[:-1]), Rejection.ISSUER),
    "of another region": (
        lambda p: p.token(iss=POOL.replace("eu-central-1.", "us-east-1.")),
        Rejection.ISSUER,
    ),
    "token_use missing": (lambda p: p.token(token_use=REMOVE), Rejection.TYPE),
    "token_use refresh": (lambda p: p.token(token_use="refresh"), Rejection.TYPE),
    "token_use in capitals": (lambda p: p.token(token_use=p.use.upper()), Rejection.TYPE),
    "token_use a list": (lambda p: p.token(token_use=[p.use]), Rejection.TYPE),
    "token_use null": (lambda p: p.token(token_use=None), Rejection.TYPE),
    "sub of Google": (lambda p: p.token(sub=SUBJECT), Rejection.SUBJECT),
    "sub in capitals": (lambda p: p.token(sub=COGNITO_SUBJECT.upper()), Rejection.SUBJECT),
    "sub in braces": (lambda p: p.token(sub=f"{{{COGNITO_SUBJECT}}}"), Rejection.SUBJECT),
    "sub without hyphens": (
        lambda p: p.token(sub=COGNITO_SUBJECT.replace("-", "")),
        Rejection.SUBJECT,
    ),
    "sub with a line end": (lambda p: p.token(sub=f"{COGNITO_SUBJECT}\n"), Rejection.SUBJECT),
}
OF_ID: dict[str, tuple[Make, Rejection]] = {
    "an access token that says it is an ID token": (
        lambda p: p.token(aud=REMOVE, client_id=CLIENT),
        Rejection.AUDIENCE,
    ),
}
OF_ACCESS: dict[str, tuple[Make, Rejection]] = {
    "client_id wrong": (lambda p: p.token(client_id="evil"), Rejection.AUDIENCE),
    "client_id missing": (lambda p: p.token(client_id=REMOVE), Rejection.AUDIENCE),
    "client_id empty": (lambda p: p.token(client_id=""), Rejection.AUDIENCE),
    "client_id a list": (lambda p: p.token(client_id=[CLIENT]), Rejection.AUDIENCE),
    "an ID token that says it is an access token": (
        lambda p: p.token(client_id=REMOVE, aud=CLIENT),
        Rejection.AUDIENCE,
    ),
}


def shared(use: str) -> Iterator[tuple[str, Make, Rejection]]:
    """What is wrong with a token whoever issued it."""
    for name, (make, reason) in CORPUS.items():
        of_audience = reason is Rejection.AUDIENCE and use == "access"
        if not of_audience and name != "sub of a Cognito user":
            yield name, make, reason


CASES = [
    pytest.param(use, make, reason, id=f"{use}-{name}")
    for use, own in (("id", OF_ID), ("access", OF_ACCESS))
    for name, make, reason in (
        *shared(use),
        *((name, make, reason) for name, (make, reason) in (OF_BOTH | own).items()),
    )
]


@pytest.fixture
def pool_of() -> Iterator[Callable[[str], UserPool]]:
    with publishing() as publisher:
        pools: list[UserPool] = []

        def make(use: str) -> UserPool:
            pools.append(UserPool(publisher, use))
            return pools[-1]

        yield make
        for each in pools:
            each.connections.clear()


@pytest.mark.parametrize(("use", "make", "reason"), CASES)
def test_a_token_that_does_not_hold_is_rejected(
    pool_of: Callable[[str], UserPool], use: str, make: Make, reason: Rejection
) -> None:
    pool = pool_of(use)
    token = make(pool)
    for _ in range(2):
        with pytest.raises(TokenRejected) as caught:
            pool.tokens.verify(token)
        assert caught.value.details == {"reason": reason.value}
        assert COGNITO_SUBJECT not in caught.value.message


def test_both_tokens_name_the_same_user(pool_of: Callable[[str], UserPool]) -> None:
    for use, expected in (("id", BY_ID_TOKEN), ("access", BY_ACCESS_TOKEN)):
        pool = pool_of(use)
        for header in ({}, {"typ": REMOVE}):
            assert pool.tokens.verify(pool.token(header=header)) == expected
        signed_in = pool.tokens.verify(pool.token())
        assert signed_in.authenticated_at == (pool.now - 100) * 1000
        assert signed_in.issued_at == pool.now * 1000


def test_every_app_client_of_ours_may_be_named(pool_of: Callable[[str], UserPool]) -> None:
    one, other = pool_of("id"), pool_of("access")
    assert one.tokens.verify(one.token(aud="another1")) == BY_ID_TOKEN
    assert other.tokens.verify(other.token(client_id="another1")) == BY_ACCESS_TOKEN


@pytest.mark.parametrize("value", [False, None, "true", "false", 1, REMOVE, [True]], ids=repr)
def test_an_address_counts_as_verified_only_if_the_pool_says_true(
    pool_of: Callable[[str], UserPool], value: object
) -> None:
    pool = pool_of("id")
    expected = replace(BY_ID_TOKEN, email_verified=False)
    assert pool.tokens.verify(pool.token(email_verified=value)) == expected


def test_an_access_token_carries_no_address(pool_of: Callable[[str], UserPool]) -> None:
    pool = pool_of("access")
    token = pool.token(email="cat@mail.example", email_verified=True)
    assert pool.tokens.verify(token) == BY_ACCESS_TOKEN


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "client_id", "sub", "token_use", "exp", "iat", "nbf"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.text())
        | st.sampled_from([CLIENT, POOL, COGNITO_SUBJECT, "id", "access"]),
    )
)
def test_any_claims_are_taken_or_rejected(claims: dict[str, object]) -> None:
    try:
        principal = cognito_principal(claims, POOL, {CLIENT}, 1_790_000_000)
    except TokenRejected:
        return
    assert is_uuid(principal.subject)


def test_claims_of_another_issuer_are_refused_whoever_chose_the_verifier() -> None:
    claims = {"iss": POOL, "token_use": "access", "client_id": CLIENT, "sub": COGNITO_SUBJECT}
    claims |= {"iat": 1_790_000_000, "exp": 1_790_000_100}
    assert cognito_principal(claims, POOL, {CLIENT}, 1_790_000_000) == BY_ACCESS_TOKEN
    for issuer in (None, POOL[:-1], [POOL]):
        with pytest.raises(TokenRejected) as caught:
            cognito_principal(claims | {"iss": issuer}, POOL, {CLIENT}, 1_790_000_000)
        assert caught.value.details == {"reason": "issuer"}


def test_a_pool_s_id_says_who_issues_its_tokens() -> None:
    assert (
        pool_issuer("us-east-1_AbC") == "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbC"
    )
    assert pool_issuer("cn-north-1_A").startswith(
        "https://cognito-idp.cn-north-1.amazonaws.com.cn/"
    )


@pytest.mark.parametrize(
    "text", ["", "us-east-1", "us-east-1_", "_AbC", "us-east-1_a/b", "us-east-1_a_b", "US-EAST-1_a"]
)
def test_what_is_no_pool_s_id_is_refused(text: str) -> None:
    assert not is_pool_id(text)


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        (["operators", "readers"], ["operators", "readers"]),
        ([], []),
        (REMOVE, []),
        ("operators", []),
        (["operators", 1], []),
        ({"operators": True}, []),
    ],
    ids=repr,
)
def test_the_groups_of_a_user_are_what_either_token_lists(
    pool_of: Callable[[str], UserPool], claim: object, groups: list[str]
) -> None:
    for use in ("id", "access"):
        pool = pool_of(use)
        token = pool.token(**{"cognito:groups": claim})
        assert pool.tokens.verify(token).groups == set(groups)
