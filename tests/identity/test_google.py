import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.principal import Principal, SignInMethod, is_google_subject
from service.identity.entities import (
    EmailNotVerified,
    IdentityUnavailable,
    Rejection,
    TokenRejected,
)
from service.identity.google import google_principal
from service.identity.token_format import MAX_TOKEN
from tests.identity.google_corpus import CORPUS
from tests.identity.issuer import CLIENT, REMOVE, SUBJECT, Issuer, publishing

ME = Principal(
    "https://accounts.google.com",
    SUBJECT,
    "cat@mail.example",
    email_verified=True,
    method=SignInMethod.GOOGLE,
)


@pytest.mark.parametrize(("make", "reason"), CORPUS.values(), ids=CORPUS)
def test_a_token_that_does_not_hold_is_rejected(
    issuer: Issuer, make: Callable[[Issuer], str], reason: Rejection
) -> None:
    token = make(issuer)
    for _ in range(2):
        with pytest.raises(TokenRejected) as caught:
            issuer.tokens.verify(token)
        assert caught.value.details == {"reason": reason.value}
        assert caught.value.code == "TOKEN_REJECTED"
        assert SUBJECT not in caught.value.message


@pytest.mark.parametrize("value", [False, None, "true", "True", 1, REMOVE, [True]], ids=repr)
def test_an_address_that_google_has_not_verified_proves_no_one(
    issuer: Issuer, value: object
) -> None:
    with pytest.raises(EmailNotVerified):
        issuer.tokens.verify(issuer.token(email_verified=value))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"iss": "accounts.google.com"},
        {"aud": "farebox-ios.apps.example"},
        {"nbf": 0},
        {"hd": "example.com", "nonce": "x", "at_hash": "y"},
    ],
    ids=repr,
)
def test_a_token_that_holds_says_who_calls(issuer: Issuer, changes: dict[str, object]) -> None:
    assert issuer.tokens.verify(issuer.token(**changes)) == ME


def test_the_kind_of_token_need_not_be_named(issuer: Issuer) -> None:
    assert issuer.tokens.verify(issuer.token(header={"typ": REMOVE})) == ME
    assert issuer.tokens.verify(issuer.token(header={"typ": "jwt"})) == ME


def test_clocks_may_differ_by_a_minute_and_no_more(issuer: Issuer) -> None:
    for changes in (
        {"exp": issuer.now - 59},
        {"iat": issuer.now + 60},
        {"nbf": issuer.now + 60},
        {"iat": issuer.now - 0.5},
    ):
        assert issuer.tokens.verify(issuer.token(**changes)) == ME


@pytest.mark.parametrize(
    "email", [REMOVE, None, 1, "x" * 321, "a\nb@mail.example", ["a"]], ids=ascii
)
def test_an_odd_email_is_left_out(issuer: Issuer, email: object) -> None:
    assert issuer.tokens.verify(issuer.token(email=email)) == replace(ME, email=None)


@pytest.mark.parametrize("claim", [REMOVE, None, True, "1790000000", -1, [1]], ids=repr)
def test_only_auth_time_says_when_the_user_signed_in(issuer: Issuer, claim: object) -> None:
    """A token that was renewed without a sign-in was issued at this moment."""
    assert issuer.tokens.verify(issuer.token(auth_time=claim)).authenticated_at is None


@pytest.mark.parametrize("seconds_later", [-3600, 0, 3600])
def test_a_sign_in_is_no_later_than_its_token(issuer: Issuer, seconds_later: int) -> None:
    token = issuer.token(auth_time=issuer.now + seconds_later)
    at = issuer.tokens.verify(token).authenticated_at
    assert at == (issuer.now + min(seconds_later, 0)) * 1000


def test_a_token_of_8_kb_is_taken(issuer: Issuer) -> None:
    bare = issuer.token(filler="")
    fits = issuer.token(filler="x" * ((MAX_TOKEN - len(bare)) * 3 // 4))
    assert MAX_TOKEN - 2 <= len(fits) <= MAX_TOKEN
    assert issuer.tokens.verify(fits) == ME


def test_addresses_in_a_token_are_never_followed(issuer: Issuer) -> None:
    with publishing() as strange:
        header = {"jku": strange.url, "x5u": strange.url, "jwk": {"kty": "RSA"}, "x5c": ["x"]}
        assert issuer.tokens.verify(issuer.token(header=header)) == ME
        assert (strange.requested, issuer.publisher.requested) == (0, 1)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "email_verified", "email"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.text())
        | st.just(CLIENT)
        | st.just("accounts.google.com"),
    )
)
def test_any_claims_are_taken_or_rejected(claims: dict[str, object]) -> None:
    try:
        principal = google_principal(claims, {CLIENT}, 1_790_000_000)
    except (TokenRejected, EmailNotVerified):
        return
    assert is_google_subject(principal.subject)


@given(st.text(max_size=200))
def test_any_text_is_rejected_without_a_request_to_google(text: str) -> None:
    with publishing_nothing() as issuer, pytest.raises(TokenRejected):
        issuer.tokens.verify(text)


def publishing_nothing() -> Any:
    class NoOne:
        def __enter__(self) -> Issuer:
            publisher: Any = type("Publisher", (), {"url": "http://127.0.0.1:9/certs"})()
            return Issuer(publisher)

        def __exit__(self, *_: object) -> None:
            return None

    return NoOne()


def test_no_warning_is_given_for_google_s_keys(issuer: Issuer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert issuer.tokens.verify(issuer.token()) == ME


def test_without_google_nothing_is_known(issuer: Issuer) -> None:
    issuer.publisher.status = 503
    with pytest.raises(IdentityUnavailable) as caught:
        issuer.tokens.verify(issuer.token())
    assert caught.value.retry_after_seconds


@pytest.mark.parametrize(
    ("claim", "domain"),
    [
        ("example.com", "example.com"),
        (REMOVE, None),
        ("", None),
        (["example.com"], None),
        (1, None),
    ],
    ids=repr,
)
def test_the_workspace_of_an_account_is_what_its_hd_says(
    issuer: Issuer, claim: object, domain: str | None
) -> None:
    token = issuer.token(hd=claim, email="ann@example.com")
    assert issuer.tokens.verify(token).hosted_domain == domain
