"""docker-compose.yml passes every setting, publishes only on loopback, and is hardened like the
deployment."""

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


@pytest.mark.parametrize("service", ["web", "worker"])
def test_every_setting_can_be_given(service: str) -> None:
    settings = setting_names() | SERVER
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
    own = {name: it for name, it in SERVICES.items() if it["image"] == "farebox:local"}
    assert set(own) == {"web", "worker", "simulators", "table", "welcome"}
    assert [name for name, it in own.items() if "build" in it] == ["table"]
    assert {it["pull_policy"] for name, it in own.items() if name != "table"} == {"never"}


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
        "BEDROCK_API_KEY",
        "BEDROCK_ENDPOINT_URL",
        "TRUST_BARE_GOOGLE_ID",
        "LOCAL_TOKEN_URL",
        "LOCAL_START_URL",
    ):
        assert f"{name} must not be" in text


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) <= ({"DAC_OVERRIDE"} if name == "dynamodb" else set())
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert [place.split(":")[0] for place in service["tmpfs"]] == ["/tmp"]


def test_containers_stop_with_more_time_than_the_draining_needs() -> None:
    for name in ("web", "worker"):
        assert SERVICES[name]["stop_grace_period"] == "60s"


def test_only_the_table_browser_needs_its_profile() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["browser"]


def test_dynamodb_local_may_run_the_library_that_it_unpacks() -> None:
    """Docker mounts a tmpfs `noexec` by default (docker run reference, --tmpfs); Podman
    does not."""
    (tmpfs,) = SERVICES["dynamodb"]["tmpfs"]
    assert "exec" in tmpfs.partition(":")[2].split(",")
