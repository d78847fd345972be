"""Bounds on how often, and tokens no one can read or make."""

import pytest

from service.core.rate_limits import MAX_NAMES, Window
from service.core.token_cipher import TokenCipher
from tests.doubles.clock import FakeClock


def test_a_name_is_allowed_so_often_in_a_window() -> None:
    clock = FakeClock()
    window = Window(2, 10.0, clock)
    assert [window.allows("a") for _ in range(3)] == [True, True, False]
    assert window.allows("b")
    clock.advance(10)
    assert window.allows("a")


def test_a_refused_call_learns_when_one_is_allowed_and_is_not_counted() -> None:
    clock = FakeClock()
    window = Window(1, 10.0, clock)
    assert window.wait_seconds("a") == 0
    clock.advance(4)
    assert [window.wait_seconds("a") for _ in range(2)] == [6, 6]
    clock.advance(6)
    assert window.wait_seconds("a") == 0


def test_a_name_is_forgotten_when_its_calls_have_left_the_window() -> None:
    clock = FakeClock()
    window = Window(2, 10.0, clock)
    for number in range(20):
        window.allows(str(number))
    clock.advance(10)
    for _ in range(20):
        window.allows("a")
    assert list(window._calls) == ["a"]


def test_only_so_many_names_are_remembered() -> None:
    window = Window(1, 10.0, FakeClock())
    for number in range(MAX_NAMES + 5):
        window.allows(str(number))
    assert len(window._calls) == MAX_NAMES


def test_a_sealed_token_opens_with_its_key_and_with_no_other() -> None:
    token = TokenCipher(["k" * 32]).seal(["ann", "job_1"])
    assert TokenCipher(["k" * 32]).open(token) == ["ann", "job_1"]
    assert TokenCipher(["x" * 32]).open(token) is None
    assert TokenCipher(["x" * 32, "k" * 32]).open(token) == ["ann", "job_1"]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1],
        lambda t: t[:-3] + ("A" if t[-3] != "A" else "B") + t[-2:],
        lambda t: "A" + t[1:],
        lambda t: t + "A" * 4,
    ],
)
def test_a_changed_token_does_not_open(change: object) -> None:
    token_cipher = TokenCipher(["k" * 32])
    altered = change(token_cipher.seal(["ann", "job_1"]))  # type: ignore[operator]
    assert token_cipher.open(altered) is None


def test_a_sealed_token_shows_nothing_and_is_never_the_same() -> None:
    token_cipher = TokenCipher(["k" * 32])
    first, second = (token_cipher.seal(["a-user-id", "job_1"]) for _ in range(2))
    assert first != second
    assert "a-user-id" not in first
