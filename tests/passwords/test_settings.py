"""What a password must be, and what its hash must cost."""

import pytest

from service.core.settings import SettingsError
from tests.doubles.service_harness import production_settings


@pytest.mark.parametrize(
    ("memory", "iterations"), [(19_456, 2), (7168, 5), (12_288, 3), (65_536, 1)]
)
def test_a_hash_as_dear_as_owasp_has_it_starts_in_production(memory: int, iterations: int) -> None:
    values = {"password_hash_memory_kibibytes": memory, "password_hash_iterations": iterations}
    assert production_settings(**values)


@pytest.mark.parametrize(("memory", "iterations"), [(19_456, 1), (7168, 4), (7167, 100), (8, 1)])
def test_a_cheaper_one_does_not(memory: int, iterations: int) -> None:
    values = {"password_hash_memory_kibibytes": memory, "password_hash_iterations": iterations}
    with pytest.raises(SettingsError, match="PASSWORD_HASH_MEMORY_KIBIBYTES"):
        production_settings(**values)


@pytest.mark.parametrize("length", [7, 65])
def test_a_password_needs_8_to_64_characters(length: int) -> None:
    with pytest.raises(SettingsError, match="PASSWORD_MIN_LENGTH"):
        production_settings(password_min_length=length)
