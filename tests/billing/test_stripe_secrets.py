"""Stripe's keys: what a secret must hold, and when it is read again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.billing.stripe_secrets import StripeKeys, StripeSecrets, parse_stripe_secrets
from service.storage.secrets import SecretUnavailable
from tests.doubles.clock import FakeClock

TEST, LIVE = "sk_test_1", "rk_live_1"
ONE, TWO, THREE = (f"whsec_{each}_0123456789abcd" for each in (1, 2, 3))
SHORT = "whsec_0123456789abcde"


def secret(api_key: object = TEST, hooks: object = (ONE,)) -> str:
    return json.dumps({"apiKey": api_key, "webhookSecrets": hooks})


def test_a_secret_holds_a_key_and_one_or_two_webhook_secrets() -> None:
    found = parse_stripe_secrets(secret(LIVE, [TWO, ONE]))
    assert (found.api_key, found.webhook_secrets) == (LIVE, (TWO, ONE))
    assert found.livemode
    assert not parse_stripe_secrets(secret()).livemode
    assert "sk_" not in repr(found)
    assert TWO[:7] not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "sk_test_1",
        "[]",
        secret(hooks=[]),
        secret(hooks=[ONE, TWO, THREE]),
        secret(hooks=["whsec_"]),
        secret(hooks=[SHORT]),
        secret(hooks=[ONE, SHORT]),
        secret(hooks=["secret"]),
        secret(hooks=[""]),
        secret(hooks=ONE),
        secret(hooks=None),
        secret(api_key="pk_test_1"),
        secret(api_key=""),
        secret(api_key=None),
    ],
)
def test_any_other_secret_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|needs|has a") as refused:
        parse_stripe_secrets(text)
    assert "_1" not in str(refused.value)


class Reads:
    def __init__(self, *results: Any) -> None:
        self.results: Iterator[Any] = iter(results)
        self.count = 0

    def __call__(self) -> StripeSecrets:
        self.count += 1
        found = next(self.results)
        if isinstance(found, Exception):
            raise found
        return parse_stripe_secrets(found)


def test_the_secrets_are_read_again_after_five_minutes() -> None:
    clock, reads = FakeClock(), Reads(secret(), secret(hooks=[TWO]))
    keys = StripeKeys(reads, clock, production=False)
    assert keys.current() == keys.current()
    assert reads.count == 1
    clock.advance(301)
    assert keys.current().webhook_secrets == (TWO,)


def test_what_was_read_stays_good_while_the_secret_cannot_be_read() -> None:
    clock, reads = FakeClock(), Reads(secret(), SecretUnavailable(), "not JSON")
    keys = StripeKeys(reads, clock, production=False)
    first = keys.current()
    for _ in range(2):
        clock.advance(301)
        assert keys.current() == first
    assert reads.count == 3


@pytest.mark.parametrize("result", [SecretUnavailable(), "not JSON", secret(TEST)])
def test_no_usable_secret_is_unavailable(result: object) -> None:
    keys = StripeKeys(Reads(result, secret(LIVE)), FakeClock(), production=True)
    with pytest.raises(SecretUnavailable):
        keys.current()
    assert keys.current().livemode


def test_a_refused_key_is_not_read_again_at_once() -> None:
    clock, reads = FakeClock(), Reads(secret(), secret("sk_test_2"))
    keys = StripeKeys(reads, clock, production=False)
    keys.current()
    assert not keys.renew()
    clock.advance(6)
    assert keys.renew()
    assert keys.current().api_key == "sk_test_2"
