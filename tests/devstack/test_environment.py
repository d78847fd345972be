from pathlib import Path

import pytest

from devstack.environment import (
    FRONTEND_ORIGINS,
    Ports,
    default_ports,
    simulator_options,
    stack_environment,
    with_env_file,
    without_settings,
)
from devstack.errors import LocalSetupError
from devstack.folder import new_keys
from service.app import load_settings
from service.identity.settings import IdentitySettings
from service.providers.kling.settings import KlingSettings
from service.storage.settings import StorageSettings
from service.users.settings import UsersSettings
from service.web.settings import WebSettings

PORTS = Ports(app=8081, dynamodb=8001, simulators=8091)


def test_the_service_accepts_its_environment() -> None:
    settings = load_settings(stack_environment({}, PORTS, new_keys()))
    assert settings.section(WebSettings).port == 8081
    assert settings.section(StorageSettings).dynamodb_endpoint_url == "http://127.0.0.1:8001"
    assert settings.section(KlingSettings).kling_base_url == "http://127.0.0.1:8091/kling"
    assert (
        settings.section(IdentitySettings).google_certs_url
        == "http://127.0.0.1:8091/google/oauth2/v3/certs"
    )
    assert settings.core.public_url == "http://127.0.0.1:8081"
    assert settings.section(IdentitySettings).trust_bare_google_id
    assert settings.section(WebSettings).local_token_url == "http://127.0.0.1:8091/google/__token"
    assert settings.section(WebSettings).local_start_url == "http://127.0.0.1:8091/"


def test_the_users_own_environment_wins_except_for_the_port() -> None:
    own = {
        "MAX_USERS": "500",
        "LOG_FORMAT": "json",
        "PORT": "1",
        "HOME": "/home/me",
        "DYNAMODB_ENDPOINT_URL": "",
    }
    reported = stack_environment(own, PORTS, new_keys())
    assert (reported["MAX_USERS"], reported["LOG_FORMAT"], reported["PORT"], reported["HOME"]) == (
        "500",
        "json",
        "8081",
        "/home/me",
    )
    assert reported["DYNAMODB_ENDPOINT_URL"] == "http://127.0.0.1:8001"


def test_the_defaults_suit_a_person_at_a_keyboard() -> None:
    settings = load_settings(stack_environment({}, PORTS, new_keys()))
    users = settings.section(UsersSettings)
    assert (users.welcome_credits, users.max_users) == (100, 1000)
    assert settings.section(WebSettings).cors_allowed_origins == FRONTEND_ORIGINS
    assert {"http://localhost:3000", "http://127.0.0.1:5173"} <= set(FRONTEND_ORIGINS)


def test_settings_of_the_env_file_count_unless_the_environment_overrides_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# local\nMAX_USERS=500\nWELCOME_CREDITS=7\nKLING_MODE=\nLEDGER_MAC_KEY='a $HOME # b'\n"
    )
    assert with_env_file({"MAX_USERS": "2", "PATH": "/bin"}, file) == {
        "MAX_USERS": "2",
        "WELCOME_CREDITS": "7",
        "LEDGER_MAC_KEY": "a $HOME # b",
        "PATH": "/bin",
    }


def test_the_env_file_is_optional(tmp_path: Path) -> None:
    assert with_env_file({"PATH": "/bin"}, tmp_path / ".env") == {"PATH": "/bin"}


def test_an_env_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"MAX_USERS=\xff")
    with pytest.raises(LocalSetupError, match=r"\.env cannot be read"):
        with_env_file({}, tmp_path / ".env")


def test_a_stack_that_must_behave_the_same_everywhere_ignores_the_users_settings() -> None:
    own = {
        "MAX_USERS": "0",
        "PORT": "1",
        "SIMULATOR_VIDEO_SECONDS": "99",
        "AWS_PROFILE": "work",
        "PATH": "/bin",
    }
    assert without_settings(own) == {"PATH": "/bin"}


def test_the_simulators_accept_what_the_service_sends() -> None:
    reported = stack_environment(
        {"GOOGLE_CLIENT_IDS": "one, two", "KLING_API_KEY": "mine"}, PORTS, new_keys()
    )
    options = simulator_options(reported, PORTS)
    assert "--google-client-id=one" in options
    assert "--app-url=http://127.0.0.1:8081" in options
    assert "--kling-api-key=mine" in options
    assert "--port=8091" in options


def test_the_simulated_stripe_has_the_services_key_and_webhook_secrets() -> None:
    own = {"STRIPE_WEBHOOK_SECRETS": "whsec_new,whsec_old"}
    reported = stack_environment(own, PORTS, new_keys())
    assert reported["STRIPE_API_URL"] == "http://127.0.0.1:8091/stripe"
    options = simulator_options(reported, PORTS)
    assert f"--stripe-keys={reported['STRIPE_SECRET_KEY']}" in options
    assert "--stripe-webhook-secrets=whsec_new,whsec_old" in options


def test_a_key_for_the_real_stripe_is_not_put_on_a_command_line() -> None:
    own = {"STRIPE_API_URL": "https://api.stripe.com", "STRIPE_SECRET_KEY": "sk_test_mine"}
    options = simulator_options(stack_environment(own, PORTS, new_keys()), PORTS)
    assert not [option for option in options if "stripe" in option or "sk_test" in option]


def test_the_simulated_openai_has_the_services_key() -> None:
    reported = stack_environment({"OPENAI_API_KEY": "mine"}, PORTS, new_keys())
    assert reported["OPENAI_BASE_URL"] == "http://127.0.0.1:8091/openai/v1"
    assert "--openai-api-key=mine" in simulator_options(reported, PORTS)


def test_a_key_for_the_real_openai_is_not_put_on_a_command_line() -> None:
    own = {"OPENAI_BASE_URL": "https://api.openai.com/v1", "OPENAI_API_KEY": "sk-mine"}
    options = simulator_options(stack_environment(own, PORTS, new_keys()), PORTS)
    assert not [option for option in options if "openai" in option or "sk-mine" in option]


def test_a_key_for_the_real_assemblyai_is_not_put_on_a_command_line() -> None:
    options = simulator_options(stack_environment({}, PORTS, new_keys()), PORTS)
    assert "--assemblyai-api-key=assemblyai-local-api-key" in options
    own = {"ASSEMBLYAI_BASE_URL": "https://api.assemblyai.com", "ASSEMBLYAI_API_KEY": "mine"}
    options = simulator_options(stack_environment(own, PORTS, new_keys()), PORTS)
    assert not [option for option in options if "assemblyai" in option or "mine" in option]


def test_the_simulated_bedrock_has_the_services_region_and_key() -> None:
    own = {"BEDROCK_REGION": "eu-west-1", "BEDROCK_API_KEY": "mine"}
    options = simulator_options(stack_environment(own, PORTS, new_keys()), PORTS)
    assert {"--bedrock-region=eu-west-1", "--bedrock-api-key=mine"} <= set(options)


def test_a_key_for_the_real_bedrock_is_not_put_on_a_command_line() -> None:
    own = {"BEDROCK_ENDPOINT_URL": "https://bedrock.example", "BEDROCK_API_KEY": "mine"}
    options = simulator_options(stack_environment(own, PORTS, new_keys()), PORTS)
    assert not [option for option in options if "mine" in option]


def test_a_key_for_the_real_kling_is_not_put_on_a_command_line() -> None:
    reported = stack_environment(
        {"KLING_BASE_URL": "https://kling.example", "KLING_API_KEY": "real"}, PORTS, new_keys()
    )
    assert not any("real" in option for option in simulator_options(reported, PORTS))


def test_simulators_take_their_own_settings() -> None:
    reported = stack_environment(
        {"SIMULATOR_VIDEO_SECONDS": "9", "SIMULATOR_PORT": "1"}, PORTS, new_keys()
    )
    options = simulator_options(reported, PORTS)
    assert "--video-seconds=9" in options
    assert "--port=8091" in options
    assert "--port=1" not in options


def test_switches_of_the_simulators_can_be_turned_off() -> None:
    reported = stack_environment(
        {"SIMULATOR_KLING_UNIQUE_EXTERNAL_IDS": "false"}, PORTS, new_keys()
    )
    assert "--no-kling-unique-external-ids" in simulator_options(reported, PORTS)


def test_ports_have_defaults_and_can_be_chosen() -> None:
    assert default_ports({}) == Ports(app=8080, dynamodb=8000, simulators=8090)
    chosen = {"PORT": "8081", "DYNAMODB_PORT": "8001", "SIMULATOR_PORT": "8091"}
    assert default_ports(chosen) == PORTS


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "8080 8081", "٣"])
def test_a_port_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(LocalSetupError, match="PORT must be a port number from 1 to 65535"):
        default_ports({"PORT": text})
