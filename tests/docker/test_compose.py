"""docker-compose.yml passes every setting, publishes only on loopback, and is hardened like the
deployment."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

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


HEALTHY, ENDED, STARTED = (
    "service_healthy",
    "service_completed_successfully",
    "service_started",
)


@dataclass(frozen=True)
class Role:
    """What a service is for: how its command begins (none: the image's own), whom it waits for, and
    whether it ends by itself."""

    command: tuple[str, ...] = ()
    waits: dict[str, str] = field(default_factory=dict)
    once: bool = False
    own: bool = True
    restart: str | None = "unless-stopped"


READY = {"table": ENDED, "simulators": HEALTHY}
ROLES = {
    "web": Role(waits=READY),
    "worker": Role(("python", "-m", "service.worker"), READY),
    "relay": Role(("python", "-m", "service.relay"), READY),
    "simulators": Role(("python", "-m", "devstack.simulators")),
    "dynamodb": Role(("-Djava.library.path=./DynamoDBLocal_lib", "-jar"), own=False),
    "table": Role(
        ("python", "-m", "devstack.compose", "table"), {"dynamodb": STARTED}, True, restart=None
    ),
    "welcome": Role(
        ("python", "-m", "devstack.compose", "welcome"),
        {"web": HEALTHY, "worker": STARTED},
        once=True,
        restart=None,
    ),
    "browser": Role(waits={"table": ENDED}, own=False, restart=None),
}


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


def test_a_copy_of_the_example_changes_nothing() -> None:
    """Everybody copies it, and it has production's addresses and locks."""
    assert dotenv_values(CHECKOUT / ".env.example") == {}


def test_the_image_is_built_once_and_never_pulled() -> None:
    """Where two services build one tag, a builder that makes both at once fails on a fresh machine:
    `already exists` (docker/buildx#3576)."""
    own = {name: it for name, it in SERVICES.items() if it["image"] == "farebox:local"}
    assert set(own) == {name for name, it in ROLES.items() if it.own}
    assert {name: it["build"] for name, it in SERVICES.items() if "build" in it} == {
        "table": {"context": ".", "dockerfile": "docker/Dockerfile", "target": "local"}
    }
    assert {it["pull_policy"] for name, it in own.items() if name != "table"} == {"never"}
    assert own["table"]["pull_policy"] == "build"


def test_the_file_has_these_services_and_no_other() -> None:
    assert set(SERVICES) == set(ROLES)


@pytest.mark.parametrize("name", sorted(ROLES))
def test_every_service_runs_what_it_is_for(name: str) -> None:
    command = SERVICES[name].get("command", [])
    assert tuple(command[: len(ROLES[name].command)]) == ROLES[name].command
    assert bool(command) == bool(ROLES[name].command)
    assert not {"entrypoint", "scale", "deploy"} & set(SERVICES[name])


@pytest.mark.parametrize("name", sorted(ROLES))
def test_every_service_waits_for_what_it_needs(name: str) -> None:
    """A plain name waits for a start. Whom it waits for as healthy has a health check."""
    waits = SERVICES[name].get("depends_on", {})
    conditions = (
        {other: it["condition"] for other, it in waits.items()}
        if isinstance(waits, dict)
        else dict.fromkeys(waits, STARTED)
    )
    assert conditions == ROLES[name].waits
    for other, condition in conditions.items():
        checked = SERVICES[other].get("healthcheck", {})
        assert condition != HEALTHY or "test" in checked
        assert condition != ENDED or ROLES[other].once


@pytest.mark.parametrize("name", sorted(ROLES))
def test_a_service_that_ends_stays_ended_and_any_other_comes_back(name: str) -> None:
    assert SERVICES[name].get("restart") == ROLES[name].restart


def test_only_what_has_a_port_has_a_health_check_of_that_port() -> None:
    tests = {
        name: it.get("healthcheck", {}).get("test", ["none"])[1:] for name, it in SERVICES.items()
    }
    probe = ["python", "-I", "/app/docker/healthcheck.py"]
    assert tests["web"] == tests["relay"] == [*probe, "/health/ready"]
    assert tests["simulators"] == [*probe, "/health", "8090"]
    assert tests["dynamodb"] == ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000"]
    for name in ("worker", "table", "welcome"):
        assert SERVICES[name]["healthcheck"] == {"disable": True}


def test_the_table_outlives_its_container() -> None:
    database = SERVICES["dynamodb"]
    assert database["volumes"] == ["data:/data"]
    assert COMPOSE["volumes"] == {"data": None}
    command = database["command"]
    assert command[command.index("-dbPath") + 1] == "/data"
    assert "-inMemory" not in command
    assert [name for name, it in SERVICES.items() if "volumes" in it] == ["dynamodb"]


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
    for name in ("web", "worker", "relay"):
        assert SERVICES[name]["stop_grace_period"] == "60s"


def test_only_the_table_browser_needs_its_profile() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["browser"]


def test_dynamodb_local_may_run_the_library_that_it_unpacks() -> None:
    """Docker mounts a tmpfs `noexec` by default (docker run reference, --tmpfs); Podman
    does not."""
    (tmpfs,) = SERVICES["dynamodb"]["tmpfs"]
    assert "exec" in tmpfs.partition(":")[2].split(",")
