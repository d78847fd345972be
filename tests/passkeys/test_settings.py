"""Where passkeys work, and that production cannot go without them."""

import pytest

from service.app import load_settings
from service.passkeys.settings import PasskeysSettings
from tests.test_settings import GOOD, PRODUCTION, faults

URL = "https://farebox.example.com"


def site(environment: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    settings = load_settings(environment)
    section = settings.section(PasskeysSettings)
    return section.rp_id(settings.core), section.origins(settings.core)


@pytest.mark.parametrize(
    ("change", "rp_id", "origins"),
    [
        ({}, "", ()),
        ({"PUBLIC_URL": URL}, "farebox.example.com", (URL,)),
        ({"PUBLIC_URL": f"{URL}:8443/api"}, "farebox.example.com", (f"{URL}:8443",)),
        ({"PUBLIC_URL": "https://192.0.2.7"}, "", ()),
        ({"PUBLIC_URL": "https://[2001:db8::1]"}, "", ()),
        ({"PUBLIC_URL": URL, "PASSKEY_RP_ID": "example.com"}, "example.com", (URL,)),
        (
            {"PASSKEY_RP_ID": "example.com", "PASSKEY_ORIGINS": "https://ops.example.com"},
            "example.com",
            ("https://ops.example.com",),
        ),
    ],
)
def test_passkeys_are_made_for_the_public_address_or_for_what_is_set(
    change: dict[str, str], rp_id: str, origins: tuple[str, ...]
) -> None:
    assert site(PRODUCTION | change) == (rp_id, origins)


def test_a_developers_machine_may_use_localhost() -> None:
    change = {"PASSKEY_RP_ID": "localhost", "PASSKEY_ORIGINS": "http://localhost:8080"}
    assert site(GOOD | change) == ("localhost", ("http://localhost:8080",))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PASSKEY_RP_ID": "example"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_RP_ID": "Example.com"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_RP_ID": "https://example.com"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_RP_ID": "127.0.0.1"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_RP_ID": "localhost"}, "PASSKEY_RP_ID"),
        ({"PASSKEY_ORIGINS": URL}, "PASSKEY_ORIGINS"),
        ({"PUBLIC_URL": "https://192.0.2.7", "PASSKEY_ORIGINS": URL}, "PASSKEY_ORIGINS"),
        ({"PUBLIC_URL": URL, "PASSKEY_ORIGINS": "https://*.example.com"}, "PASSKEY_ORIGINS"),
        ({"PUBLIC_URL": URL, "PASSKEY_ORIGINS": f"{URL}/docs"}, "PASSKEY_ORIGINS"),
        ({"PUBLIC_URL": URL, "PASSKEY_ORIGINS": "https://example.com"}, "PASSKEY_ORIGINS"),
        (
            {"PUBLIC_URL": URL, "PASSKEY_ORIGINS": "https://evilfarebox.example.com"},
            "PASSKEY_ORIGINS",
        ),
        (
            {"PUBLIC_URL": URL, "PASSKEY_ORIGINS": "http://farebox.example.com"},
            "PASSKEY_ORIGINS",
        ),
        ({"PUBLIC_URL": URL, "PASSKEY_RP_ID": "another.example"}, "PASSKEY_ORIGINS"),
        ({"PASSKEY_RP_ID": "example.com"}, "PASSKEY_ORIGINS"),
        ({"OPERATOR_SECOND_FACTOR": "false"}, "OPERATOR_SECOND_FACTOR"),
        ({"OPERATOR_SECOND_FACTOR": "off"}, "OPERATOR_SECOND_FACTOR"),
    ],
)
def test_what_no_browser_could_use_and_what_weakens_production_stops_the_start(
    change: dict[str, str], named: str
) -> None:
    assert [fault.split()[0] for fault in faults(PRODUCTION | change)] == [named]


def test_a_developer_may_go_without_a_second_factor() -> None:
    settings = load_settings(GOOD | {"OPERATOR_SECOND_FACTOR": "false"})
    assert not settings.section(PasskeysSettings).operator_second_factor
    assert load_settings(GOOD).section(PasskeysSettings).operator_second_factor
