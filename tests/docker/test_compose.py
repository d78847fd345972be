"""docker-compose.yml passes every setting, and the service starts with what it sets. What each
container is and runs is checked as data (tests/infrastructure/checks, `local_stack` and
`build_files`)."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.app import load_settings, setting_names
from service.core.settings import SettingsError
from service.storage.settings import StorageSettings
from service.web.settings import WebSettings

CHECKOUT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
# What gunicorn's configuration reads besides.
SERVER = {"HOST", "WEB_CONCURRENCY", "DRAIN_SECONDS"}
# The port on this machine; in its container the relay listens where it does by default.
PUBLISHED = {"LIVE_PORT"}


def _command(service: str) -> list[str]:
    return [str(word) for word in SERVICES[service]["command"]]


def interpolated(text: str, given: dict[str, str]) -> str:
    """Compose's `${NAME:-default}`, one inside the other too: an empty value counts as not set."""
    inner = re.compile(r"\$\{(\w+):-([^${}]*)\}")
    while inner.search(text):
        text = inner.sub(lambda found: given.get(found[1]) or found[2], text)
    return text


def environment(service: str, **given: str) -> dict[str, str]:
    return {
        name: interpolated(text, given) for name, text in SERVICES[service]["environment"].items()
    }


@pytest.mark.parametrize("service", ["web", "worker", "relay"])
def test_every_setting_can_be_given(service: str) -> None:
    settings = (setting_names() | SERVER) - PUBLISHED
    assert settings <= set(SERVICES[service]["environment"])
    fixed = {"HOST", "PORT"}
    for name in settings - fixed:
        assert environment(service, **{name: "given"})[name] == "given"


def test_as_it_stands_the_service_starts_with_it() -> None:
    settings = load_settings(environment("web"))
    assert settings.core.public_url == "http://127.0.0.1:8080"
    assert settings.section(StorageSettings).dynamodb_endpoint_url == "http://dynamodb:8000"
    web = settings.section(WebSettings)
    assert web.local_token_url == "http://127.0.0.1:8090/google/__token"
    assert web.local_start_url == "http://127.0.0.1:8090/"


def test_the_image_is_built_once_and_never_pulled() -> None:
    """Where two services build one tag, a builder that makes both at once fails on a fresh machine:
    `already exists` (docker/buildx#3576)."""
    own = {name: it for name, it in SERVICES.items() if it["image"] == "farebox:local"}
    assert set(SERVICES) - set(own) == {"dynamodb", "browser"}
    assert {name: it["build"] for name, it in SERVICES.items() if "build" in it} == {
        "table": {"context": ".", "dockerfile": "docker/Dockerfile", "target": "local"}
    }
    assert {it["pull_policy"] for name, it in own.items() if name != "table"} == {"never"}
    assert own["table"]["pull_policy"] == "build"


def test_one_shot_services_work_on_the_table_that_the_others_use() -> None:
    made = [interpolated(word, {"DYNAMODB_TABLE_NAME": "T"}) for word in _command("table")]
    assert "--name=T" in made
    assert "--endpoint=http://dynamodb:8000" in made
    assert environment("web", DYNAMODB_TABLE_NAME="T")["DYNAMODB_TABLE_NAME"] == "T"


def test_another_port_is_published_and_passed_on() -> None:
    assert interpolated(SERVICES["web"]["ports"][0], {"PORT": "8085"}) == "127.0.0.1:8085:8080"
    variables = environment("web", PORT="8085")
    assert (variables["PORT"], variables["PUBLIC_URL"]) == ("8080", "http://127.0.0.1:8085")


def test_its_keys_are_refused_in_production() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(environment("web", STAGE="production"))
    text = str(refused.value)
    for name in (
        "FINGERPRINT_PEPPERS",
        "LEDGER_MAC_KEY",
        "CALLBACK_TOKEN_KEYS",
        "ACCESS_TOKEN_KEYS",
        "KLING_API_KEY",
        "ASSEMBLYAI_API_KEY",
        "ASSEMBLYAI_CALLBACK_SECRET",
        "OPENAI_API_KEY",
        "TWITCH_CLIENT_SECRET",
        "BEDROCK_API_KEY",
        "BEDROCK_ENDPOINT_URL",
        "TRUST_BARE_GOOGLE_ID",
        "LOCAL_TOKEN_URL",
        "LOCAL_START_URL",
    ):
        assert f"{name} must not be" in text
