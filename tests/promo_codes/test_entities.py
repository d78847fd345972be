"""The text of a code, and its limits."""

from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.keyring import Pepper
from service.promo_codes.entities import (
    ALPHABET,
    PromoCode,
    PromoInvalid,
    code_digest,
    generated,
    normalised,
)
from tests.promo_codes.campaign import NEW, TERMS

OLD, ADDED = Pepper(1, b"a" * 32), Pepper(2, b"b" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "LAUNCH-2027",
        "launch 2027",
        " Launch2O27 ",
        "LAUNCH\u20132027",
        "L.A.U.N.C.H_2027",
        "\uff2c\uff21\uff35\uff2e\uff23\uff28\u3000\uff12\uff10\uff12\uff17",
        "iaunch2027",
        "1aunch2027",
    ],
)
def test_what_people_type_is_one_code(text: str) -> None:
    assert normalised(text) == "1AUNCH2027"


@pytest.mark.parametrize(
    "text",
    ["", "short-7", "A" * 33, "LAUNCH 2027!", "L\u00c4UNCH2027", "--------", "\u0391UNCH2027"],
)
def test_what_can_be_no_code_is_none(text: str) -> None:
    assert normalised(text) is None


def test_a_generated_code_has_eighty_bits_and_no_lookalikes() -> None:
    codes = {generated((OLD,), f"seed-{number}") for number in range(200)}
    assert len(codes) == 200
    assert all(set(code) <= {*ALPHABET, "-"} for code in codes)
    assert all(normalised(code) == code.replace("-", "") for code in codes)
    assert {len(code) for code in codes} == {19}
    assert {character for code in codes for character in code} == {*ALPHABET, "-"}


def test_a_generated_code_belongs_to_its_seed_and_to_the_oldest_pepper() -> None:
    assert generated((OLD,), "a") == generated((ADDED, OLD), "a")
    assert generated((OLD,), "a") not in (generated((OLD,), "b"), generated((ADDED,), "a"))


def test_a_code_keeps_its_name_when_a_pepper_is_added() -> None:
    assert code_digest((ADDED, OLD), "X") == code_digest((OLD,), "X") != code_digest((ADDED,), "X")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"max_uses": 0}, "maxUses"),
        ({"max_uses": 1_000_001}, "maxUses"),
        ({"max_uses_per_identity": 0}, "maxUsesPerIdentity"),
        ({"max_uses_per_identity": 21}, "maxUsesPerIdentity"),
        ({"budget": 4 * SCALE}, "budget"),
        ({"starts_at": 10, "ends_at": 10}, "ends before"),
        ({"starts_at": 10, "terms": replace(TERMS, expires_at=9)}, "expires before"),
        ({"terms": replace(TERMS, amount=0)}, "amount"),
        ({"terms": replace(TERMS, expires_at=10**13, life_days=3)}, "one expiry"),
        ({"terms": replace(TERMS, life_days=0)}, "days"),
        ({"name": ""}, "name"),
        ({"name": "\u20ac" * 61}, "name"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(PromoInvalid, match=fault):
        PromoCode.made(replace(NEW, **change), "promo_1", "d", 1)


def test_the_budget_is_by_default_what_all_uses_cost() -> None:
    assert PromoCode.made(NEW, "promo_1", "d", 1).budget == 50 * SCALE
