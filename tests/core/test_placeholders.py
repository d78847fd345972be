"""What stands for no value, and what can distinguish devices."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.placeholders import identifies_a_device, is_placeholder

NOTHING = [
    *(
        "",
        " ",
        "\u00a0\u3000",
        "\u200b\u200b\u200b\u200b",
        "-",
        "----",
        "{}",
        "[]",
        "()",
        '""',
        "?",
    ),
    *("n/a", "N/A", "n.a.", "undefined", "UNDEFINED", "null", "Null", "(null)", "<null>", "nil"),
    *("<nil>", "None", "unknown", "Unknown", "NaN", "-Infinity", "not available", "not-supported"),
    *("[object Object]", "[object Promise]", "[object Undefined]", "Optional(nil)", "ｎｕｌｌ"),
    *("fp-undefined", "device_null", "fingerprint: undefined", "web:unknown:browser"),
    *("undefined-undefined", "null,null,null", '"undefined"', "'null'", "true", "false", "error"),
]
SHARED = [
    *("0", "0000", "00000000-0000-0000-0000-000000000000", "xxxxxxxx", "1111-1111", "ffffffff"),
    *("a", "ab", "a-b", "abc", "fingerprint", "device-id", "the_device", "visitorId"),
    *("02:00:00:00:00:00", "9774d56d682e549c", "d41d8cd98f00b204e9800998ecf8427e"),
    "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
]
REAL = [
    *("fp-4be1a2c09d", "device-of-ann", "4be1", "1234567", "2415464123", "-1861432345"),
    *("3bb5d0cf4ea0e5d9a0f5c7a2b7a1d4e8", "pLXZ7Yk2eQ0vJrM3nT4b", "0x00000001af"),
    *(
        "5f0c1b9e-7d5a-4b3c-8f1e-2a6d9c0b7e4f",
        "nullsoft-winamp-7",
        "unknown-7f3a",
        "none-of-a-kind",
    ),
    *("Ann's iPhone", "телефон Анны", "iPhone15,3|390x844|Europe/Berlin"),
]


@pytest.mark.parametrize("text", NOTHING)
def test_a_placeholder_names_nothing(text: str) -> None:
    assert is_placeholder(text)
    assert not identifies_a_device(text)


@pytest.mark.parametrize("text", SHARED)
def test_a_value_that_many_devices_have_identifies_none(text: str) -> None:
    assert not identifies_a_device(text)


@pytest.mark.parametrize("text", REAL)
def test_a_real_fingerprint_identifies_its_device(text: str) -> None:
    assert not is_placeholder(text)
    assert identifies_a_device(text)


@given(st.uuids(version=4))
def test_no_random_id_is_taken_for_a_placeholder(value: uuid.UUID) -> None:
    assert identifies_a_device(str(value))
    assert identifies_a_device(value.hex)


@given(st.integers(10**6, 2**128))
def test_no_hash_in_any_base_is_taken_for_a_placeholder(value: int) -> None:
    if len(set(f"{value:x}")) > 1 and len(set(str(value))) > 1:
        assert identifies_a_device(f"{value:x}")
        assert identifies_a_device(str(value))
