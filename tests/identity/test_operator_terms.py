"""Which people are operators: by their own id, by their Google domain, by their Cognito group."""

from dataclasses import replace

import pytest

from service.core.principal import MAX_OPERATOR_ID, Principal, SignInMethod, qualified
from service.identity.operators import OperatorTerms, operator_id_of
from tests.doubles.people import GOOGLE, cognito, google, session

NO_ONE = OperatorTerms()
OF_DOMAIN = OperatorTerms(google_domains=frozenset({"ops.example.com"}))
OF_GROUP = OperatorTerms(cognito_groups=frozenset({"operators"}))
EVE = replace(google("eve"), hosted_domain="ops.example.com")
CAT = replace(cognito(), groups=frozenset({"readers", "operators"}))


def test_empty_terms_admit_no_one() -> None:
    for person in (google("boss"), EVE, CAT, Principal("", "", hosted_domain="")):
        assert not NO_ONE.admit(person)


def test_a_subject_is_an_operator_and_no_other_of_the_same_issuer() -> None:
    terms = OperatorTerms(subjects=frozenset({f"{GOOGLE}|boss"}))
    assert terms.admit(google("boss"))
    assert not terms.admit(google("ann"))


def test_an_account_of_the_domain_is_an_operator() -> None:
    assert OF_DOMAIN.admit(EVE)


@pytest.mark.parametrize(
    "person",
    [
        # The domain of an address proves nothing: whoever runs it may have a consumer account.
        google("eve", "eve@ops.example.com"),
        replace(EVE, hosted_domain="evil.ops.example.com"),
        replace(EVE, hosted_domain="example.com"),
        replace(EVE, hosted_domain=""),
        replace(EVE, email_verified=False),
        replace(EVE, method=SignInMethod.COGNITO),
        replace(EVE, method=SignInMethod.BARE),
        replace(session("eve"), hosted_domain="ops.example.com"),
        replace(EVE, method=SignInMethod.SERVER_KEY),
    ],
)
def test_no_one_else_is_of_the_domain(person: Principal) -> None:
    assert not OF_DOMAIN.admit(person)


def test_a_member_of_the_group_is_an_operator() -> None:
    assert OF_GROUP.admit(CAT)


@pytest.mark.parametrize(
    "person",
    [
        cognito(),
        replace(CAT, groups=frozenset({"Operators", "operators2", ""})),
        replace(CAT, method=SignInMethod.GOOGLE),
        replace(CAT, method=SignInMethod.SESSION),
        replace(CAT, method=SignInMethod.SERVER_KEY),
    ],
)
def test_no_one_else_is_of_the_group(person: Principal) -> None:
    assert not OF_GROUP.admit(person)


@pytest.mark.parametrize("method", [SignInMethod.SESSION, SignInMethod.SERVER_KEY])
def test_a_session_and_a_server_key_make_no_operator(method: SignInMethod) -> None:
    terms = OperatorTerms(subjects=frozenset({f"{GOOGLE}|boss"}))
    assert not terms.admit(replace(google("boss"), method=method))


def test_an_operator_is_named_so_that_the_ledger_has_room_for_it() -> None:
    assert operator_id_of(google("boss")) == f"{GOOGLE}|boss"
    far = "https://cognito-idp.ap-southeast-1.amazonaws.com/ap-southeast-1_AbCdEf123"
    member = replace(CAT, issuer=far)
    assert len(qualified(far, member.subject)) > MAX_OPERATOR_ID
    assert operator_id_of(member) == f"cognito|{member.subject}"
