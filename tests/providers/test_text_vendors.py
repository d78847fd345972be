"""Which vendors of text a process has follows from its settings, and what these must be."""

from collections.abc import Iterator

import pytest

from devstack.environment import stack_environment
from devstack.ports import Ports
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.app import build, load_settings
from service.core.settings import SettingsError
from service.providers.generation import Complete, TextProviders
from tests.providers.text_harness import generated, request

KEYS = {
    "LEDGER_MAC_KEY": "m" * 32,
    "FINGERPRINT_PEPPERS": f"1:{'p' * 32}",
    "CALLBACK_TOKEN_KEYS": "t" * 32,
    "ACCESS_TOKEN_KEYS": "one:" + "dHR0" * 10 + "dHQ",
}
DEPLOYED = {
    "STAGE": "production",
    "GOOGLE_CLIENT_IDS": "a.apps.example",
    "KLING_API_KEY_SECRET_NAME": "farebox/kling",
    "KEYS_SECRET_NAME": "farebox/keys",
    "ACCESS_TOKEN_KEYS_SECRET_NAME": "farebox/access-tokens",
    "KMS_KEY_ID": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with SimulatorServer(SimulatorSettings(port=0, text_seconds_per_token=0.0)) as server:
        yield server.settings.port


def environment(port: int) -> dict[str, str]:
    """That of the local stack."""
    return stack_environment({}, Ports(8080, 8000, port), KEYS)


def vendors(environment: dict[str, str]) -> TextProviders:
    return build(load_settings(environment), "web").get(TextProviders)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("openai", "gpt-4.1-mini"),
        ("bedrock", "amazon.nova-lite-v1:0"),
        ("bedrock-openai", "openai.gpt-oss-20b-1:0"),
    ],
)
def test_the_local_stack_has_every_vendor_and_each_writes(
    port: int, name: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "local")
    provider = vendors(environment(port)).by_name[name]
    assert provider.name == name
    assert isinstance(generated(provider, request(model_id=model))[-1], Complete)


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (("OPENAI_API_KEY",), ["bedrock", "bedrock-openai"]),
        (("BEDROCK_REGION",), ["openai"]),
        (("BEDROCK_API_KEY",), ["openai", "bedrock"]),
        (("OPENAI_API_KEY", "BEDROCK_REGION"), []),
    ],
)
def test_a_vendor_that_is_not_configured_is_not_there(
    port: int, missing: tuple[str, ...], left: list[str]
) -> None:
    chosen = {name: text for name, text in environment(port).items() if name not in missing}
    assert list(vendors(chosen).by_name) == left


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"OPENAI_API_KEY": "sk-1"}, "OPENAI_API_KEY"),
        ({"OPENAI_BASE_URL": "http://openai.example/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "https://openai.example/v1?x"}, "OPENAI_BASE_URL"),
        ({"OPENAI_STALL_SECONDS": "0"}, "OPENAI_STALL_SECONDS"),
        ({"BEDROCK_REGION": "https://x"}, "BEDROCK_REGION"),
        ({"BEDROCK_ENDPOINT_URL": "https://bedrock.example"}, "BEDROCK_ENDPOINT_URL"),
        ({"BEDROCK_API_KEY": "k"}, "BEDROCK_API_KEY"),
        ({"BEDROCK_API_KEY_SECRET_NAME": "k"}, "BEDROCK_API_KEY_SECRET_NAME"),
        ({"BEDROCK_GUARDRAIL_ID": "gr1"}, "BEDROCK_GUARDRAIL_ID"),
        ({"BEDROCK_GUARDRAIL_VERSION": "1"}, "BEDROCK_GUARDRAIL_ID"),
    ],
)
def test_production_refuses_what_would_not_do(change: dict[str, str], named: str) -> None:
    assert load_settings(DEPLOYED)
    with pytest.raises(SettingsError) as refused:
        load_settings(DEPLOYED | change)
    assert [fault.split()[0] for fault in refused.value.faults] == [named]
