"""Kling's credentials: signed anew before they end, read again after a refusal."""

from itertools import pairwise

import jwt
import pytest

from service.core.settings import Secret
from service.providers.kling.credentials import KlingCredentials, KlingKeys, parse_kling_keys
from tests.doubles.clock import FakeClock

PAIR = KlingKeys(access_key=Secret("access"), secret_key=Secret("s" * 32))


def credentials(*versions: KlingKeys) -> tuple[KlingCredentials, FakeClock, list[int]]:
    clock, reads = FakeClock(), [0]

    def read() -> KlingKeys:
        reads[0] += 1
        return versions[min(reads[0], len(versions)) - 1]

    return KlingCredentials(read, clock), clock, reads


def test_an_api_key_is_sent_as_it_is_and_read_once() -> None:
    found, _, reads = credentials(KlingKeys(api_key=Secret("key")))
    assert [found.bearer() for _ in range(3)] == ["key"] * 3
    assert reads == [1]


def test_a_pair_is_signed_as_kling_documents_it() -> None:
    found, clock, _ = credentials(PAIR)
    token = found.bearer()
    claims = jwt.decode(
        token,
        "s" * 32,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    begins_at = clock.now() // 1000 - 60
    assert claims == {
        "iss": "access",
        "exp": begins_at + 1800,
        "nbf": begins_at,
        "iat": begins_at,
    }
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_a_token_is_kept_until_its_last_minute() -> None:
    found, clock, _ = credentials(PAIR)
    first = found.bearer()
    clock.advance(1679)
    assert found.bearer() == first
    clock.advance(1)
    assert found.bearer() != first


def begins_at(token: str) -> int:
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["nbf"] == claims["iat"] == claims["exp"] - 1800
    return int(claims["nbf"])


@pytest.mark.protocol("second-try-differs")
def test_a_token_that_was_refused_is_followed_by_one_that_begins_earlier() -> None:
    """Signed in the same second: the same claims would be the same token."""
    found, clock, _ = credentials(PAIR)
    first = found.bearer()
    found.renew()
    second = found.bearer()
    now = clock.now() // 1000
    assert (begins_at(first), begins_at(second)) == (now - 60, now - 300)


def test_requests_that_are_refused_together_each_send_another_token() -> None:
    found, _, _ = credentials(PAIR)
    refused = found.bearer()
    renewed = []
    for _ in range(3):
        found.renew()
        renewed.append(found.bearer())
    assert refused not in renewed
    assert all(before != after for before, after in pairwise(renewed))


def test_after_a_refusal_the_keys_are_read_again() -> None:
    found, clock, reads = credentials(
        KlingKeys(api_key=Secret("old")), KlingKeys(api_key=Secret("new"))
    )
    assert found.bearer() == "old"
    clock.advance(10)
    found.renew()
    assert found.bearer() == "new"
    assert reads == [2]


def test_a_storm_of_refusals_does_not_become_a_storm_of_reads() -> None:
    found, _, reads = credentials(KlingKeys(api_key=Secret("key")))
    for _ in range(100):
        found.bearer()
        found.renew()
    assert reads == [1]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("bare-key\n", KlingKeys(api_key=Secret("bare-key"))),
        ('{"apiKey": "k"}', KlingKeys(api_key=Secret("k"))),
        (
            '{"accessKey": "a", "secretKey": "s"}',
            KlingKeys(access_key=Secret("a"), secret_key=Secret("s")),
        ),
        (
            '{"apiKey": "k", "callbackSecret": "whsec_x"}',
            KlingKeys(Secret("k"), callback_secret=Secret("whsec_x")),
        ),
        ("12345", KlingKeys(api_key=Secret("12345"))),
    ],
)
def test_a_secret_may_be_a_bare_key_or_json(text: str, keys: KlingKeys) -> None:
    assert parse_kling_keys(text) == keys


def test_keys_do_not_show_themselves() -> None:
    assert "canary" not in repr(KlingKeys(api_key=Secret("canary"), secret_key=Secret("canary")))
