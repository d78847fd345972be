"""A vendor's API key: its forms, and when it is read again."""

import pytest

from service.providers.api_key import ApiKey, parse_api_key
from service.storage.secrets import SecretUnavailable
from tests.doubles.clock import FakeClock


@pytest.mark.parametrize("text", ["sk-1", " sk-1\n", '{"apiKey": "sk-1"}'])
def test_a_key_is_bare_or_in_json(text: str) -> None:
    assert parse_api_key(text) == "sk-1"


@pytest.mark.parametrize("text", ["", " ", "{}", '{"apiKey": 3}', "sk 1", "sk-1\r\nX: y", "clé"])
def test_what_no_header_can_carry_is_no_key(text: str) -> None:
    with pytest.raises(SecretUnavailable):
        parse_api_key(text)


def test_a_key_is_read_once_and_again_after_it_was_refused() -> None:
    keys, clock = ["first", "second", "third"], FakeClock()
    key = ApiKey(lambda: keys.pop(0), clock)
    assert [key.current(), key.current()] == ["first", "first"]
    key.renew()
    assert key.current() == "first"
    clock.advance(5)
    key.renew()
    assert key.current() == "second"


def test_a_secret_without_a_key_is_read_again() -> None:
    keys = ["", "good"]
    key = ApiKey(lambda: keys.pop(0), FakeClock())
    with pytest.raises(SecretUnavailable):
        key.current()
    assert key.current() == "good"
