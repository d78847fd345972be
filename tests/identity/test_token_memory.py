"""Tokens that were verified are remembered: bounded, and never beyond their end."""

from typing import Any

import jwt
import pytest

from service.core.principal import Principal, SignInMethod
from service.identity.entities import (
    TokenRejected,
)
from service.identity.tokens import MAX_REMEMBERED
from tests.identity.issuer import SUBJECT, Issuer

ME = Principal(
    "https://accounts.google.com",
    SUBJECT,
    "cat@mail.example",
    email_verified=True,
    method=SignInMethod.GOOGLE,
)


def test_a_verified_token_is_remembered_until_it_ends(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token(exp=issuer.now + 100)
    assert issuer.tokens.verify(token) == ME
    checks = counted_signatures(monkeypatch)
    issuer.clock.advance(159)
    assert issuer.tokens.verify(token) == ME
    assert checks == []
    issuer.clock.advance(1)
    for _ in range(2):
        with pytest.raises(TokenRejected) as caught:
            issuer.tokens.verify(token)
        assert caught.value.details == {"reason": "expired"}


def test_a_rejected_token_is_not_remembered(issuer: Issuer) -> None:
    token = issuer.token(nbf=issuer.now + 100)
    with pytest.raises(TokenRejected):
        issuer.tokens.verify(token)
    issuer.clock.advance(50)
    assert issuer.tokens.verify(token) == ME


def test_remembered_tokens_are_bounded_and_the_oldest_unused_go_first(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.identity.tokens.MAX_REMEMBERED", 2)
    first, second, third = (issuer.token(jti=str(number)) for number in range(3))
    for token in (first, second, first, third):
        issuer.tokens.verify(token)
    checks = counted_signatures(monkeypatch)
    issuer.tokens.verify(first)
    issuer.tokens.verify(third)
    assert checks == []
    issuer.tokens.verify(second)
    assert len(checks) == 1
    assert MAX_REMEMBERED == 10_000


def counted_signatures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each signature that is verified from now on."""
    checks: list[int] = []
    verify = jwt.algorithms.RSAAlgorithm.verify

    def counting(*arguments: Any) -> bool:
        checks.append(1)
        return verify(*arguments)

    monkeypatch.setattr(jwt.algorithms.RSAAlgorithm, "verify", counting)
    return checks
