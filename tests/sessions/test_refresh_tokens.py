"""The form of refresh tokens: only ours are read, and a digest reveals none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.ids import RandomIds
from service.sessions.refresh_tokens import MAX_TOKEN, digest, made, parsed, successor

KEY, OTHER = b"k" * 32, b"o" * 32
SESSION = RandomIds().new("ses", 1_800_000_000_000)
SECRET = b"s" * 32
TOKEN = made("ann", SESSION, SECRET, KEY)

user_ids = st.text(st.sampled_from("abcXYZ019._:@|~-"), min_size=1, max_size=255)


@given(user_ids, st.binary(min_size=32, max_size=32))
def test_what_is_made_is_read(user_id: str, secret: bytes) -> None:
    token = made(user_id, SESSION, secret, KEY)
    assert parsed(token.text, KEY) == token
    assert len(token.text) <= MAX_TOKEN


@pytest.mark.parametrize("place", range(0, len(TOKEN.text), 5))
def test_a_changed_token_is_none_of_ours(place: int) -> None:
    other = "A" if TOKEN.text[place] != "A" else "B"
    assert parsed(TOKEN.text[:place] + other + TOKEN.text[place + 1 :], KEY) is None


@pytest.mark.parametrize(
    "text", ["", "rt_", TOKEN.text + "A", TOKEN.text[:-1], f" {TOKEN.text}", "rt_ä" + "a" * 600]
)
def test_whatever_else_is_sent_is_none_of_ours(text: str) -> None:
    assert parsed(text, KEY) is None


def test_a_token_made_with_another_key_is_none_of_ours() -> None:
    assert parsed(made("ann", SESSION, SECRET, OTHER).text, KEY) is None


def test_the_same_token_always_has_the_same_successor_and_each_another() -> None:
    second = successor(TOKEN, KEY)
    assert successor(TOKEN, KEY) == second
    family = {TOKEN.text, second.text, successor(second, KEY).text}
    assert len(family) == 3
    assert (second.user_id, second.session_id) == ("ann", SESSION)


def test_no_one_without_our_key_knows_a_successor_or_a_digest() -> None:
    assert successor(TOKEN, OTHER).text.split(".")[2] != successor(TOKEN, KEY).text.split(".")[2]
    assert digest(TOKEN, OTHER) != digest(TOKEN, KEY)


def test_a_digest_holds_no_part_of_the_token_and_is_not_its_mac() -> None:
    assert digest(TOKEN, KEY) not in TOKEN.text
    assert SECRET.decode() not in digest(TOKEN, KEY)
    assert TOKEN.text not in repr(TOKEN)
