"""Which passwords are good enough."""

import pytest

from service.passwords.common_passwords import CommonPasswords
from service.passwords.policy import (
    PasswordPolicy,
    PasswordRejected,
    Weakness,
    is_repeated,
    normalized,
)

ADDRESS = "ann.example@example.org"
GOOD = "seven tired otters"


@pytest.fixture(scope="module")
def common() -> CommonPasswords:
    return CommonPasswords()


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        (GOOD, None),
        ("abcdefghijklmno", None),
        ("fourteen chars", Weakness.TOO_SHORT),
        ("", Weakness.TOO_SHORT),
        ("fifteen chars!!", None),
        # Seven characters that take more than 15 bytes.
        ("ééééééé", Weakness.TOO_SHORT),
        # Fifteen characters, the last of which is written as two code points.
        ("cafe au lait ae\u0301", None),
        ("cafe au laitae\u0301", Weakness.TOO_SHORT),
        (" " * 8 + "seven ot", None),
        ("xy" * 511 + "zz", None),
        ("xyz" * 341 + "zz", Weakness.TOO_LONG),
        ("é" * 511 + "zz", None),
        ("é" * 511 + "zzz", Weakness.TOO_LONG),
        ("ann.example@example.org", Weakness.PERSONAL),
        ("ANN.Example@example.ORG", Weakness.PERSONAL),
        ("aaaaaaaaaaaaaaaaa", Weakness.REPEATED),
        ("123451234512345123", Weakness.REPEATED),
        ("123456789987654321", Weakness.COMMON),
        ("PASSWORDpassword", Weakness.COMMON),
        ("1qaz2wsx3edc4rfv", Weakness.COMMON),
    ],
)
def test_a_password_is_judged_by_length_and_by_what_is_guessed_first(
    password: str, weakness: Weakness | None, common: CommonPasswords
) -> None:
    assert PasswordPolicy(15, common).weakness(password, [ADDRESS]) is weakness


def test_the_first_part_of_the_address_is_no_password(common: CommonPasswords) -> None:
    policy = PasswordPolicy(8, common)

    assert policy.weakness("ann.example", ["ann@example.com", ADDRESS]) is Weakness.PERSONAL
    assert policy.weakness("ann.example1", [ADDRESS]) is None


@pytest.mark.parametrize("password", ["password", "iloveyou", "Football", "1qaz2wsx", "trustno1"])
def test_where_eight_characters_suffice_the_commonest_are_refused(
    password: str, common: CommonPasswords
) -> None:
    assert PasswordPolicy(8, common).weakness(password, [ADDRESS]) is Weakness.COMMON


def test_the_list_holds_a_hundred_thousand_and_no_more_than_half_a_megabyte(
    common: CommonPasswords,
) -> None:
    assert 100_000 <= len(common) <= 110_000


def test_the_first_and_the_last_of_the_list_are_found(common: CommonPasswords) -> None:
    digests = {common._at(0), common._at(len(common) - 1)}
    assert sorted(digests) == [min(digests), max(digests)]
    assert all(common._at(place) < common._at(place + 1) for place in range(1000))


def test_a_refusal_says_why_and_what_is_required() -> None:
    with pytest.raises(PasswordRejected) as refusal:
        PasswordPolicy(15, frozenset()).check("short", ADDRESS)

    assert refusal.value.details == {"reason": "too_short", "minLength": 15}
    assert "short" not in refusal.value.details.values()


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("", False),
        ("a", False),
        ("aa", True),
        ("abab", True),
        ("ababa", True),
        ("abcdeabcde", True),
        ("abcdefabcdef", False),
        ("abcda", False),
    ],
)
def test_a_short_part_over_and_over_is_recognised(text: str, repeated: bool) -> None:
    assert is_repeated(text) is repeated


def test_composed_and_decomposed_characters_are_one_password() -> None:
    assert normalized("e\u0301") == normalized("\u00e9")
    assert normalized("\ufb01") != normalized("fi")
