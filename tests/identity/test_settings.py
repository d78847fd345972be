"""Which user pool may sign users in."""

import pytest

from service.app import load_settings
from service.identity.settings import IdentitySettings
from tests.test_settings import PRODUCTION, faults

POOL_SETTING, CLIENTS_SETTING = "COGNITO_USER_POOL_ID", "COGNITO_CLIENT_IDS"
POOL = {POOL_SETTING: "us-east-1_A", CLIENTS_SETTING: "a1,b2"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"COGNITO_USER_POOL_ID": "AbCdEf123", "COGNITO_CLIENT_IDS": "a1"}, "COGNITO_USER_POOL_ID"),
        ({"COGNITO_USER_POOL_ID": "us-east-1_A/b", "COGNITO_CLIENT_IDS": "a1"}, POOL_SETTING),
        ({"COGNITO_USER_POOL_ID": "us-east-1_A"}, "COGNITO_CLIENT_IDS"),
        ({"COGNITO_USER_POOL_ID": "us-east-1_A", "COGNITO_CLIENT_IDS": "a1;b2"}, CLIENTS_SETTING),
        ({"COGNITO_CLIENT_IDS": "a1"}, "COGNITO_CLIENT_IDS"),
        ({"COGNITO_JWKS_URL": "https://x.example/keys"}, "COGNITO_JWKS_URL"),
        ({"COGNITO_ISSUER_URL": "https://x.example/pool"}, "COGNITO_ISSUER_URL"),
        (POOL | {"COGNITO_ISSUER_URL": "https://x.example/pool/"}, "COGNITO_ISSUER_URL"),
        (POOL | {"COGNITO_ISSUER_URL": "https://accounts.google.com"}, "COGNITO_ISSUER_URL"),
        (POOL | {"COGNITO_JWKS_URL": "http://x.example/keys"}, "COGNITO_JWKS_URL"),
    ],
)
def test_a_user_pool_that_no_token_could_be_of_is_refused(
    change: dict[str, str], named: str
) -> None:
    assert [fault.split()[0] for fault in faults(PRODUCTION | change)] == [named]


def test_a_user_pool_alone_lets_users_sign_in() -> None:
    identity = load_settings(PRODUCTION | POOL | {"GOOGLE_CLIENT_IDS": ""}).section(
        IdentitySettings
    )
    issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_A"
    assert identity.cognito_issuer == issuer
    assert identity.cognito_keys == f"{issuer}/.well-known/jwks.json"


@pytest.mark.parametrize("group", ["a b", "a\tb", "x" * 129])
def test_a_group_that_no_pool_could_have_is_refused(group: str) -> None:
    change = POOL | {"ADMIN_COGNITO_GROUPS": f"ops,{group}"}
    assert [fault.split()[0] for fault in faults(PRODUCTION | change)] == ["ADMIN_COGNITO_GROUPS"]


def test_a_domain_of_google_is_of_no_use_without_google() -> None:
    change = POOL | {"GOOGLE_CLIENT_IDS": "", "ADMIN_GOOGLE_DOMAINS": "ops.example.com"}
    assert [fault.split()[0] for fault in faults(PRODUCTION | change)] == ["ADMIN_GOOGLE_DOMAINS"]


def test_domains_and_groups_of_operators_are_read() -> None:
    change = {"ADMIN_GOOGLE_DOMAINS": "ops.example.com", "ADMIN_COGNITO_GROUPS": "ops, on-call"}
    identity = load_settings(PRODUCTION | POOL | change).section(IdentitySettings)
    assert identity.admin_google_domains == ("ops.example.com",)
    assert identity.admin_cognito_groups == ("ops", "on-call")
