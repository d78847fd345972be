import pytest

from service.core.principal import Principal
from service.identity.entities import AuthenticationRequired, Rejection, TokenRejected
from service.identity.operations import Identity
from tests.doubles.back_ends import BackEnds

ME = Principal("https://accounts.google.com", "110", "cat@mail.example")


class Tokens:
    def verify(self, token: str) -> Principal:
        if token != "good":
            raise TokenRejected(Rejection.SIGNATURE)
        return ME


def never() -> str | None:
    raise AssertionError("requested for a bare GoogleID")


STRICT = Identity(Tokens(), BackEnds(), trust_bare_google_id=False)
BARE = Identity(Tokens(), BackEnds(), trust_bare_google_id=True)


@pytest.mark.parametrize("identity", [STRICT, BARE])
def test_a_token_is_always_verified_and_decides(identity: Identity) -> None:
    assert identity.sign_in("good", never) == ME
    with pytest.raises(TokenRejected):
        identity.sign_in("bad", never)
    with pytest.raises(TokenRejected):
        identity.sign_in("", never)


def test_without_trust_a_bare_id_is_not_even_read() -> None:
    with pytest.raises(AuthenticationRequired):
        STRICT.sign_in(None, never)


def test_where_it_is_trusted_a_bare_id_is_the_same_person_as_by_token() -> None:
    assert BARE.sign_in(None, lambda: "110") == Principal(ME.issuer, ME.subject)


@pytest.mark.parametrize("claimed", [None, "", "a#b", "1,2", "a b", "1" * 256, "undefined", "null"])
def test_a_bare_id_must_be_one(claimed: str | None) -> None:
    with pytest.raises(AuthenticationRequired):
        BARE.sign_in(None, lambda: claimed)
