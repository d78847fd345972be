"""The settings of billing: off without a key, and refused when only a part of it is there."""

from collections.abc import Mapping

import pytest

from service.app import create_app, load_settings
from service.billing.feature import BILLING
from service.billing.settings import BillingSettings
from service.billing.stripe_client import Stripe
from service.core.settings import SettingsError
from service.feature import Core, Parts
from tests.doubles.service_harness import core_over, memory_world, production_settings
from tests.test_settings import GOOD, PRODUCTION

ONE, TWO = "whsec_1_0123456789abcd", "whsec_2_0123456789abcd"
KEY = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRETS": f"{ONE}, {TWO}"}
APP = {"APP_URL": "https://app.example.com"}
NAMED = {"STRIPE_SECRETS_SECRET_NAME": "farebox/stripe"}


def faults(given: Mapping[str, str]) -> list[str]:
    try:
        load_settings(given)
    except SettingsError as error:
        return error.faults
    return []


def test_nothing_is_sold_by_default() -> None:
    assert not load_settings(GOOD).section(BillingSettings).configured
    assert not memory_world().parts.get(Stripe).configured


def test_local_secrets_are_one_or_two_and_never_shown() -> None:
    billing = load_settings(GOOD | KEY | APP).section(BillingSettings)
    assert billing.configured
    assert billing.local_secrets.webhook_secrets == (ONE, TWO)
    assert "sk_test" not in repr(billing)
    assert "whsec" not in repr(billing)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"STRIPE_WEBHOOK_SECRETS": ""}, "STRIPE_WEBHOOK_SECRETS is missing"),
        ({"STRIPE_WEBHOOK_SECRETS": f"{ONE},secret"}, "a webhook secret that does not begin"),
        ({"STRIPE_WEBHOOK_SECRETS": f"{ONE},{TWO},{ONE}"}, "1 to 2 webhook secrets"),
        ({"STRIPE_WEBHOOK_SECRETS": ONE[:21]}, "of less than 16 characters after whsec_"),
        ({"STRIPE_SECRET_KEY": "pk_test_1"}, "begins neither with sk_ nor with rk_"),
        (NAMED, "must not both be set"),
        ({"APP_URL": ""}, "APP_URL is missing"),
        ({"STRIPE_RETURN_PATH": "billing"}, "STRIPE_RETURN_PATH must begin with /"),
        ({"STRIPE_RETURN_PATH": "//evil.example"}, "STRIPE_RETURN_PATH must begin with /"),
        ({"STRIPE_CANCEL_PATH": "/a?b"}, "STRIPE_CANCEL_PATH must begin with /"),
        ({"STRIPE_API_URL": "https://api.stripe.com?x"}, "without a query"),
        ({"MAX_OPEN_ORDERS": "0"}, "MAX_OPEN_ORDERS must be between"),
    ],
)
def test_what_cannot_work_stops_the_start(change: dict[str, str], fault: str) -> None:
    (found,) = faults(GOOD | KEY | APP | change)
    assert fault in found


def test_production_reads_no_secret_of_stripe_from_the_environment() -> None:
    assert {fault.split()[0] for fault in faults(PRODUCTION | KEY | APP)} == {
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRETS",
    }
    assert faults(PRODUCTION | NAMED | APP) == []


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ('{"apiKey": "sk_live_1"}', "needs webhookSecrets"),
        ('{"apiKey": "sk_live_1", "webhookSecrets": []}', "1 to 2 webhook secrets"),
        (f'{{"apiKey": "sk_live_1", "webhookSecrets": ["{ONE[:21]}"]}}', "less than 16 characters"),
        (f'{{"apiKey": "sk_test_1", "webhookSecrets": ["{ONE}"]}}', "a test key"),
    ],
)
def test_a_web_process_does_not_start_with_an_unusable_secret(secret: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        create_app(_parts(secret))


def test_a_web_process_starts_with_a_usable_secret() -> None:
    parts = _parts(f'{{"apiKey": "rk_live_1", "webhookSecrets": ["{ONE}"]}}')
    create_app(parts)
    assert parts.get(Stripe).livemode


def _parts(secret: str) -> Parts:
    world = memory_world()
    names = {"stripe_secrets_secret_name": "stripe", "app_url": APP["APP_URL"]}
    core = core_over(world.table, production_settings(**names), world.clock)
    read = core.read_secret
    other = {each: getattr(core, each) for each in Core.__dataclass_fields__}
    reading = Core(
        **other | {"read_secret": lambda name: secret if name == "stripe" else read(name)}
    )
    world.parts.core = reading
    world.parts.add("billing", BILLING.build(reading, world.parts))
    return world.parts
