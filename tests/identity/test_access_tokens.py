"""Our own access tokens: what is issued verifies, and nothing else does."""

import hmac
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from flask import Flask

from service.core.account_gate import AccountGate
from service.core.ids import text_of
from service.core.principal import Principal, SignInMethod
from service.core.second_factor import SecondFactors
from service.core.server_key_gate import ServerKeyGate
from service.core.settings import SettingsError
from service.feature import Core, Feature, Parts
from service.identity.access_token_keys import AccessTokenKeys, access_token_keys_of_setting
from service.identity.access_tokens import LIFE_SECONDS, AccessClaims, AccessTokens
from service.identity.entities import TokenRejected
from service.identity.feature import IDENTITY
from service.ledger.account_gate import WalletGate
from service.settings import Settings
from service.storage.table import Table
from tests.doubles.back_ends import BackEnds
from tests.doubles.clock import FakeClock
from tests.doubles.memory_client import memory_client
from tests.doubles.second_factors import ProvedBy
from tests.doubles.service_harness import core_over, production_settings
from tests.identity.issuer import segment

ISSUER = "https://api.example.com"
NOW = 1_800_000_000_123
TOKEN_ID = text_of("tok", NOW << 80)
ONE, TWO = "dHR0" * 10 + "dHQ", "dXV1" * 10 + "dXU"
CLAIMS = AccessClaims(
    user_id="ann",
    session_id="ses_1",
    identity_issuer="https://accounts.google.com",
    authenticated_at=NOW - 60_000,
    email="ann@example.com",
    email_verified=True,
    scopes=frozenset({"credits", "videos"}),
)


class _Remove:
    """Takes a claim out."""

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Any = _Remove()


def keys(text: str = f"one:{ONE}") -> AccessTokenKeys:
    return access_token_keys_of_setting(text)


def tokens(text: str = f"one:{ONE}", issuer: str = ISSUER) -> AccessTokens:
    return AccessTokens(issuer, lambda: keys(text))


def forged(header: dict[str, Any] | None = None, key: str = f"one:{ONE}", **changes: Any) -> str:
    """A token like ours but for these claims and headers, signed with that key."""
    usual = jwt.decode(tokens().issue(CLAIMS, TOKEN_ID, NOW), options={"verify_signature": False})
    claims = {name: value for name, value in (usual | changes).items() if value is not REMOVE}
    headers = {"typ": "at+jwt", "kid": "one"} | (header or {})
    kept = {name: value for name, value in headers.items() if value is not REMOVE}
    if header and "typ" in header and header["typ"] is REMOVE:
        kept["typ"] = None
    return jwt.encode(claims, keys(key).signing.private_key, "ES256", headers=kept)


def test_what_is_issued_names_the_user_the_session_and_the_sign_in() -> None:
    verified = tokens().verify(tokens().issue(CLAIMS, TOKEN_ID, NOW), NOW / 1000)
    assert verified.principal == Principal(
        issuer="https://accounts.google.com",
        subject="ann",
        email="ann@example.com",
        email_verified=True,
        method=SignInMethod.SESSION,
        session_id="ses_1",
        scopes=frozenset({"credits", "videos"}),
    )
    assert verified.principal.authenticated_at == (NOW - 60_000) // 1000 * 1000
    assert verified.principal.issued_at == NOW
    assert verified.refused_from == NOW // 1000 + LIFE_SECONDS


def test_a_token_holds_these_claims_and_no_other() -> None:
    token = tokens().issue(CLAIMS, TOKEN_ID, NOW)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "at+jwt", "kid": "one"}
    assert jwt.decode(token, options={"verify_signature": False}) == {
        "iss": ISSUER,
        "aud": "farebox",
        "sub": "ann",
        "sid": "ses_1",
        "jti": TOKEN_ID,
        "iat": NOW // 1000,
        "exp": NOW // 1000 + 900,
        "auth_time": (NOW - 60_000) // 1000,
        "idp": "https://accounts.google.com",
        "scope": "credits videos",
        "email": "ann@example.com",
        "email_verified": True,
    }


def test_what_is_not_known_of_a_sign_in_is_left_out() -> None:
    bare = AccessClaims("ann", "ses_1", "https://accounts.google.com")
    token = tokens().issue(bare, TOKEN_ID, NOW)
    principal = tokens().verify(token, NOW / 1000).principal
    assert (principal.email, principal.email_verified) == (None, False)
    assert principal.authenticated_at is None
    assert principal.scopes == frozenset()


@pytest.mark.parametrize("after", [0, LIFE_SECONDS - 1, LIFE_SECONDS - 0.001])
def test_a_token_is_good_for_fifteen_minutes(after: float) -> None:
    token = tokens().issue(CLAIMS, TOKEN_ID, NOW)
    assert tokens().verify(token, NOW // 1000 + after).principal.subject == "ann"


@pytest.mark.parametrize("after", [LIFE_SECONDS, LIFE_SECONDS + 59, 10**6])
def test_a_token_ends_to_the_second(after: float) -> None:
    token = tokens().issue(CLAIMS, TOKEN_ID, NOW)
    with pytest.raises(TokenRejected) as refused:
        tokens().verify(token, NOW // 1000 + after)
    assert refused.value.details == {"reason": "expired"}


CORPUS: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://other.example.com"}, "issuer"),
    "no issuer": ({"iss": REMOVE}, "issuer"),
    "another audience": ({"aud": "other"}, "audience"),
    "a list of audiences": ({"aud": ["farebox"]}, "audience"),
    "no audience": ({"aud": REMOVE}, "audience"),
    "no subject": ({"sub": REMOVE}, "subject"),
    "a subject with a separator": ({"sub": "ann#eve"}, "subject"),
    "no session": ({"sid": REMOVE}, "claims"),
    "a session that is no text": ({"sid": 7}, "claims"),
    "a session without end": ({"sid": "s" * 65}, "claims"),
    "no identity issuer": ({"idp": REMOVE}, "claims"),
    "no scope": ({"scope": REMOVE}, "claims"),
    "no id": ({"jti": REMOVE}, "claims"),
    "an id that is none of ours": ({"jti": "tok_1"}, "claims"),
    "an id of another time": ({"jti": text_of("tok", (NOW + 1000) << 80)}, "claims"),
    "no end": ({"exp": REMOVE}, "claims"),
    "an end that is no time": ({"exp": "never"}, "claims"),
    "an end that is true": ({"exp": True}, "claims"),
    "no time of issue": ({"iat": REMOVE}, "claims"),
    "issued in the future": ({"iat": NOW // 1000 + 120}, "not_yet_valid"),
    "not before later": ({"nbf": NOW // 1000 + 120}, "not_yet_valid"),
    "the type of an ID token": ({"header": {"typ": "JWT"}}, "type"),
    "no type": ({"header": {"typ": REMOVE}}, "type"),
    "a critical extension": ({"header": {"crit": ["b64"]}}, "malformed"),
    "no key id": ({"header": {"kid": REMOVE}}, "key"),
    "an unknown key id": ({"header": {"kid": "three"}}, "key"),
    "another key under our id": ({"key": f"two:{TWO}"}, "signature"),
}


@pytest.mark.parametrize(("change", "reason"), CORPUS.values(), ids=CORPUS.keys())
def test_whatever_differs_from_what_is_issued_is_refused(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TokenRejected) as refused:
        tokens().verify(forged(**change), NOW / 1000)
    assert refused.value.details == {"reason": reason}


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384", "es256"])
def test_no_other_algorithm_is_accepted(algorithm: str) -> None:
    _, claims, signature = forged().split(".")
    header = segment({"alg": algorithm, "typ": "at+jwt", "kid": "one"})
    with pytest.raises(TokenRejected) as refused:
        tokens().verify(f"{header}.{claims}.{signature}", NOW / 1000)
    assert refused.value.details == {"reason": "algorithm"}


def test_the_public_key_is_no_shared_secret() -> None:
    """An HMAC made with the published key must not stand for our signature."""
    published = json.dumps(tokens().key_set()["keys"][0]).encode()
    _, claims, _ = forged().split(".")
    signed = f"{segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'one'})}.{claims}"
    mac = hmac.digest(published, signed.encode(), "sha256")
    with pytest.raises(TokenRejected) as refused:
        tokens().verify(f"{signed}.{segment(mac)}", NOW / 1000)
    assert refused.value.details == {"reason": "algorithm"}


def test_both_keys_of_a_rotation_verify_and_the_first_signs() -> None:
    old, both = tokens(f"one:{ONE}"), tokens(f"two:{TWO},one:{ONE}")
    by_old, by_both = old.issue(CLAIMS, TOKEN_ID, NOW), both.issue(CLAIMS, TOKEN_ID, NOW)
    assert both.verify(by_old, NOW / 1000).principal.subject == "ann"
    assert jwt.get_unverified_header(by_both)["kid"] == "two"
    with pytest.raises(TokenRejected):
        old.verify(by_both, NOW / 1000)
    with pytest.raises(TokenRejected):
        tokens(f"two:{TWO}").verify(by_old, NOW / 1000)


def test_the_key_set_verifies_with_any_library_and_holds_no_private_key() -> None:
    published = tokens(f"two:{TWO},one:{ONE}").key_set()
    assert [key["kid"] for key in published["keys"]] == ["two", "one"]
    assert all(
        set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in published["keys"]
    )
    found = jwt.PyJWKSet.from_dict(published)["one"]
    token = tokens().issue(CLAIMS, TOKEN_ID, NOW)
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        token, found.key, ["ES256"], audience="farebox", issuer=ISSUER, options=options
    )
    assert claims["sub"] == "ann"


def test_keys_are_not_shown() -> None:
    assert ONE not in repr(keys())


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ("", "a JSON object with keys"),
        ("[]", "a JSON object with keys"),
        ('{"keys": {}}', "a list"),
        ('{"keys": []}', "1 to 2 keys"),
        ('{"keys": ["one"]}', "an object with kid and d"),
        (json.dumps({"keys": [{"kid": name, "d": ONE} for name in "abc"]}), "1 to 2 keys"),
        (json.dumps({"keys": [{"kid": "a", "d": ONE}, {"kid": "a", "d": TWO}]}), "given once"),
        (json.dumps({"keys": [{"kid": "a b", "d": ONE}]}), "a kid has"),
        (json.dumps({"keys": [{"kid": "one"}]}), "the d of one"),
        (json.dumps({"keys": [{"kid": "one", "d": "AA"}]}), "the d of one"),
        (json.dumps({"keys": [{"kid": "one", "d": "A" * 43}]}), "the d of one"),
        (json.dumps({"keys": [{"kid": "one", "d": "_" * 42 + "8"}]}), "the d of one"),
        (json.dumps({"keys": [{"kid": "one", "d": "ä" * 43}]}), "the d of one"),
        (json.dumps({"keys": [{"kid": "local", "d": ONE}]}), "for developers' machines only"),
    ],
)
def test_unusable_keys_stop_the_start_with_a_sentence_that_quotes_none(
    secret: str, fault: str
) -> None:
    settings = production_settings(access_token_keys_secret_name="signing")
    with pytest.raises(SettingsError) as refused:
        loaded(settings, secret)
    (sentence,) = refused.value.faults
    assert sentence.startswith("the secret named by ACCESS_TOKEN_KEYS_SECRET_NAME cannot be used")
    assert fault in sentence
    assert ONE not in sentence


def parts_below(core: Core) -> Parts:
    """What identity is built on."""
    parts = Parts(core)
    below: dict[type[Any], object] = {
        AccountGate: WalletGate(core.table),
        ServerKeyGate: BackEnds(),
        SecondFactors: ProvedBy(),
    }
    parts.add("below", Feature(operations=below))
    return parts


def loaded(settings: Settings, secret: str) -> None:
    """Builds what a web process builds of identity, with that secret."""
    core = core_over(Table(memory_client(), "t"), settings, FakeClock())
    core = replace(core, read_secret=lambda name: secret if name == "signing" else "")
    for hook in IDENTITY.build(core, parts_below(core)).hooks:
        hook(Flask("web"))


def test_a_process_that_serves_no_request_reads_no_signing_key() -> None:
    settings = production_settings(access_token_keys_secret_name="signing")
    core = core_over(Table(memory_client(), "t"), settings, FakeClock())
    feature = IDENTITY.build(core, parts_below(core))  # `core_over` fails on reading this secret
    with pytest.raises(AssertionError, match="signing"):
        feature.hooks[0](Flask("web"))
