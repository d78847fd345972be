"""Settings: every fault at once, and nothing insecure in production."""

import json
from decimal import Decimal

import pytest

from service.app import load_settings
from service.catalog.settings import CatalogSettings
from service.core.keyring import read_keyring
from service.core.settings import Secret, SettingsError
from service.identity.settings import IdentitySettings
from service.jobs.settings import JobsSettings
from service.providers.kling.settings import KlingSettings
from service.users.settings import UsersSettings
from service.web.settings import WebSettings

GOOD = {
    "GOOGLE_CLIENT_IDS": "a.apps.example, b.apps.example",
    "KLING_API_KEY_SECRET_NAME": "farebox/kling",
    "KEYS_SECRET_NAME": "farebox/keys",
    "ACCESS_TOKEN_KEYS_SECRET_NAME": "farebox/access-tokens",
}
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
PRODUCTION = GOOD | {"STAGE": "production", "KMS_KEY_ID": KMS_KEY}
PEPPER, MAC, TOKEN = "p" * 32, "m" * 32, "t" * 32
ACCESS_KEY = "one:" + "dHR0" * 10 + "dHQ"


def faults(environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load_settings(environment)
    return error.value.faults


def test_good_settings_are_read_by_their_types() -> None:
    settings = load_settings(
        GOOD | {"MAX_USERS": "500", "TRUST_BARE_GOOGLE_ID": "true", "SUBMIT_SECONDS": "30"}
    )
    identity = settings.section(IdentitySettings)
    assert identity.google_client_ids == ("a.apps.example", "b.apps.example")
    assert identity.trust_bare_google_id
    assert settings.section(UsersSettings).max_users == 500
    assert settings.section(JobsSettings).submit_seconds == 30.0


def test_prices_and_grants_have_up_to_three_decimals() -> None:
    settings = load_settings(GOOD | {"VIDEO_PRICE_CREDITS": "0.012", "WELCOME_CREDITS": "0"})
    assert settings.section(CatalogSettings).video_price_credits == Decimal("0.012")
    assert settings.section(UsersSettings).welcome_credits == 0


def test_all_faults_are_named_at_once() -> None:
    found = faults(
        {
            "STAGE": "prod",
            "MAX_USERS": "many",
            "PORT": "0",
            "TRUST_BARE_GOOGLE_ID": "yes",
            "LOG_LEVEL": "LOUD",
        }
    )
    names = {fault.split()[0] for fault in found}
    assert {
        "STAGE",
        "MAX_USERS",
        "PORT",
        "TRUST_BARE_GOOGLE_ID",
        "LOG_LEVEL",
        "GOOGLE_CLIENT_IDS",
    } <= names


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"TRUST_BARE_GOOGLE_ID": "true"}, "TRUST_BARE_GOOGLE_ID"),
        ({"DYNAMODB_ENDPOINT_URL": "https://x.example"}, "DYNAMODB_ENDPOINT_URL"),
        ({"LOCAL_TOKEN_URL": "http://127.0.0.1:8090/google/__token"}, "LOCAL_TOKEN_URL"),
        ({"LOCAL_START_URL": "http://127.0.0.1:8090/"}, "LOCAL_START_URL"),
        ({"SES_ENDPOINT_URL": "https://x.example"}, "SES_ENDPOINT_URL"),
        ({"COGNITO_ENDPOINT_URL": "https://x.example"}, "COGNITO_ENDPOINT_URL"),
        ({"APP_URL": "http://x.example"}, "APP_URL"),
        ({"KLING_API_KEY": "k"}, "KLING_API_KEY"),
        ({"KLING_ACCESS_KEY": "k"}, "KLING_ACCESS_KEY"),
        ({"KLING_SECRET_KEY": "k"}, "KLING_SECRET_KEY"),
        ({"KLING_CALLBACK_SECRET": "k"}, "KLING_CALLBACK_SECRET"),
        ({"FINGERPRINT_PEPPERS": "1:k"}, "FINGERPRINT_PEPPERS"),
        ({"LEDGER_MAC_KEY": "k"}, "LEDGER_MAC_KEY"),
        ({"CALLBACK_TOKEN_KEYS": "k"}, "CALLBACK_TOKEN_KEYS"),
        ({"ACCESS_TOKEN_KEYS": ACCESS_KEY}, "ACCESS_TOKEN_KEYS"),
        ({"OPERATOR_KEYS": f"k:hmac-sha256:{MAC}"}, "OPERATOR_KEYS"),
        ({"KLING_BASE_URL": "http://x.example"}, "KLING_BASE_URL"),
        ({"GOOGLE_CERTS_URL": "http://x.example"}, "GOOGLE_CERTS_URL"),
        ({"PUBLIC_URL": "http://x.example"}, "PUBLIC_URL"),
        ({"CORS_ALLOWED_ORIGINS": "http://x.example"}, "CORS_ALLOWED_ORIGINS"),
        ({"KMS_KEY_ID": ""}, "KMS_KEY_ID"),
        ({"KMS_KEY_ID": "alias/farebox"}, "KMS_KEY_ID"),
        *(({"MAX_OPEN_JOBS_PER_USER": n}, "MAX_OPEN_JOBS_PER_USER") for n in "06"),
    ],
)
def test_nothing_insecure_or_unbounded_starts_in_production(
    change: dict[str, str], named: str
) -> None:
    load_settings(PRODUCTION)
    assert [fault.split()[0] for fault in faults(PRODUCTION | change)] == [named]


@pytest.mark.parametrize(
    "change",
    [
        {"ACCESS_TOKEN_ISSUER": "https://accounts.google.com"},
        {
            "COGNITO_USER_POOL_ID": "us-east-1_AbCdEf123",
            "COGNITO_CLIENT_IDS": "client",
            "PUBLIC_URL": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123",
        },
    ],
)
def test_our_own_tokens_have_an_issuer_of_their_own(change: dict[str, str]) -> None:
    assert [fault.split()[0] for fault in faults(GOOD | change)] == ["ACCESS_TOKEN_ISSUER"]


@pytest.mark.parametrize("text", ["one", "one:AA", f"{ACCESS_KEY},{ACCESS_KEY}"])
def test_unusable_signing_keys_stop_the_start_and_are_not_quoted(text: str) -> None:
    (fault,) = faults(GOOD | {"ACCESS_TOKEN_KEYS": text})
    assert fault.startswith("ACCESS_TOKEN_KEYS takes")
    assert ACCESS_KEY.partition(":")[2] not in fault


@pytest.mark.parametrize(
    "change",
    [
        {"SUBMIT_SECONDS": "23"},
        {"QUARANTINE_SECONDS": "20", "NOT_FOUND_GAP_SECONDS": "5"},
        {"KLING_CREATE_SECONDS": "9"},
        {"DYNAMODB_READ_TIMEOUT_SECONDS": "4"},
        {"TRANSACTION_DEADLINE_SECONDS": "7"},
        {"NOT_FOUND_GAP_SECONDS": "600"},
        {"HARD_LIMIT_SECONDS": "600"},
        {"POLL_MAX_SECONDS": "1"},
        {"SUBMIT_SECONDS": "nan"},
        {"SUBMIT_SECONDS": "inf"},
    ],
)
@pytest.mark.protocol("times-checked")
def test_times_that_contradict_each_other_are_refused(change: dict[str, str]) -> None:
    assert faults(GOOD | change) != []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ADMIN_SUBJECTS", "1102"),
        ("ADMIN_SUBJECTS", "https://accounts.google.com"),
        ("ADMIN_SUBJECTS", "https://accounts.google.com|"),
        ("ADMIN_SUBJECTS", "https://accounts.google.com|a b"),
        ("ADMIN_SUBJECTS", "http://accounts.google.com|1102"),
        ("ADMIN_GOOGLE_DOMAINS", "example"),
        ("ADMIN_GOOGLE_DOMAINS", "Example.com"),
        ("ADMIN_GOOGLE_DOMAINS", "*.example.com"),
        ("ADMIN_GOOGLE_DOMAINS", "ops@example.com"),
        ("ADMIN_GOOGLE_DOMAINS", "gmail.com"),
        ("ADMIN_COGNITO_GROUPS", "operators"),
        ("OPERATOR_KEYS", "key"),
        ("OPERATOR_KEYS", "key:hmac-sha256:short"),
        ("OPERATOR_KEYS", f"key:hmac-sha1:{MAC}"),
        ("OPERATOR_KEYS", f"key:ed25519:{MAC}"),
        ("OPERATOR_KEYS", f"a key:hmac-sha256:{MAC}"),
    ],
)
def test_operators_that_no_one_could_be_are_refused(name: str, text: str) -> None:
    (fault,) = faults(GOOD | {name: text})
    assert fault.split()[0] == name
    assert MAC not in fault


@pytest.mark.parametrize(
    ("model", "mode", "duration", "named"),
    [
        ("kling-v1", "pro", "7", ["KLING_DURATION"]),
        ("kling-v1", "4k", "5", ["KLING_MODE"]),
        ("kling-v2-6", "4k", "3", ["KLING_MODE", "KLING_DURATION"]),
        ("kling-v2-1-master", "std", "15", ["KLING_DURATION"]),
        ("kling-v3", "pro", "16", ["KLING_DURATION"]),
        ("kling-v3", "pro", "5s", ["KLING_DURATION"]),
        ("kling-v1_6", "pro", "5", ["KLING_MODEL_NAME"]),
    ],
)
def test_a_video_that_kling_refuses_to_make_is_refused_at_start(
    model: str, mode: str, duration: str, named: list[str]
) -> None:
    change = {"KLING_MODEL_NAME": model, "KLING_MODE": mode, "KLING_DURATION": duration}
    found = faults(GOOD | change)
    assert [fault.split()[0] for fault in found] == named
    assert all("must be one of" in fault for fault in found)


@pytest.mark.parametrize(
    "url",
    [
        "HTTP://x.example",
        "https://x.example:port",
        "https://ann:secret@x.example",
        "https://x.example/a b",
        "https://b\u00fccher.example",
        "ftp://x.example",
        "https://",
    ],
)
@pytest.mark.parametrize("name", ["KLING_BASE_URL", "PUBLIC_URL", "GOOGLE_CERTS_URL"])
def test_an_address_that_cannot_be_used_is_refused_however_it_is_spelt(name: str, url: str) -> None:
    assert [fault.split()[0] for fault in faults(PRODUCTION | {name: url})] == [name]


def test_an_address_is_used_in_the_form_that_was_checked() -> None:
    change = {"KLING_BASE_URL": "HTTPS://API.Example/V1", "PUBLIC_URL": "Https://Farebox.Example"}
    settings = load_settings(PRODUCTION | change)
    assert settings.section(KlingSettings).kling_base_url == "https://api.example/V1"
    assert settings.core.public_url == "https://farebox.example"


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "https://*.example.com", "https://app.example.com/", "app.example.com"),
        *("https://app.example.com/path", "https://a.example;https://b.example", "https://a@b.c"),
    ],
)
def test_an_origin_must_be_exact(origin: str) -> None:
    assert "CORS_ALLOWED_ORIGINS" in faults(GOOD | {"CORS_ALLOWED_ORIGINS": origin})[0]


def test_an_origin_may_be_written_as_people_write_it() -> None:
    written = "https://App.Example.com, https://app.example.com:443,https://bücher.example"
    settings = load_settings(PRODUCTION | {"CORS_ALLOWED_ORIGINS": written})
    assert settings.section(WebSettings).cors_allowed_origins == (
        "https://app.example.com",
        "https://xn--bcher-kva.example",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"CORS_ALLOWED_HEADERS": "*"},
        {"CORS_ALLOWED_HEADERS": "X-One; X-Two"},
        {"GOOGLE_CLIENT_IDS": "a.apps.example;b.apps.example"},
        {"GOOGLE_CLIENT_IDS": "a.apps.example b.apps.example"},
        {"GOOGLE_CLIENT_IDS": "'a.apps.example'"},
        {"PUBLIC_URL": "https://api.example.com?stage=1"},
        {"PUBLIC_URL": "https://api.example.com/#top"},
        {"DYNAMODB_CONNECT_TIMEOUT_SECONDS": "3.5"},
        {"AWS_REGION": "us east"},
        {"AWS_REGION": "US-EAST-1"},
        {"AWS_REGION": "us-east-1.example.com"},
        {"VIDEO_PRICE_CREDITS": "0"},
        {"VIDEO_PRICE_CREDITS": "0.0005"},
        {"VIDEO_PRICE_CREDITS": "1e3"},
        {"VIDEO_PRICE_CREDITS": "NaN"},
        {"WELCOME_CREDITS": "-1"},
        {"WELCOME_CREDITS": "1,5"},
        {"MAX_RECEIVE_SECONDS": "5"},
        {"UPLOAD_LIMIT_MEGABYTES": "8"},
        {"USER_UPLOAD_LIMIT_MEGABYTES": "8"},
        {"CALLBACK_POLL_MAX_SECONDS": "10"},
        {"APP_URL": "https://app.example.com/#/mail"},
        {"APP_URL": "https://app.example.com?from=mail"},
        {"MAIL_CONFIGURATION_SET": "farebox mail"},
        {"APP_NAME": "x" * 61},
    ],
)
def test_a_setting_that_cannot_work_is_refused(change: dict[str, str]) -> None:
    assert [fault.split()[0] for fault in faults(PRODUCTION | change)] == [*change]


def test_a_secret_does_not_show_itself() -> None:
    settings = load_settings(GOOD | {"KLING_API_KEY": "canary-value"})
    assert "canary-value" not in repr(settings)
    assert str(settings.section(KlingSettings).kling_api_key) == "canary-value"


def keys_secret(peppers: dict[str, str]) -> str:
    return json.dumps(
        {"fingerprintPeppers": peppers, "ledgerMacKey": MAC, "callbackTokenKeys": [TOKEN]}
    )


def test_our_own_keys_come_from_one_secret() -> None:
    settings = load_settings(GOOD)
    text = keys_secret({"1": PEPPER})
    keyring = read_keyring(settings.core, lambda name: text if name == "farebox/keys" else "")
    assert (keyring.peppers[0].version, keyring.mac_key, keyring.token_keys) == (
        1,
        MAC.encode(),
        (TOKEN,),
    )
    assert PEPPER not in repr(keyring)
    assert PEPPER not in repr(keyring.peppers)


def test_outside_production_our_own_keys_may_come_from_the_environment() -> None:
    given = {
        "FINGERPRINT_PEPPERS": f"1:{PEPPER},2:{PEPPER}",
        "LEDGER_MAC_KEY": MAC,
        "CALLBACK_TOKEN_KEYS": f"{TOKEN},{TOKEN}",
    }
    settings = load_settings({**GOOD, "KEYS_SECRET_NAME": "", **given})
    keyring = read_keyring(settings.core, lambda _: "")
    assert ([pepper.version for pepper in keyring.peppers], len(keyring.token_keys)) == ([1, 2], 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        '{"fingerprintPeppers": [], "ledgerMacKey": "m", "callbackTokenKeys": []}',
        keys_secret({}),
        keys_secret({"1": "short"}),
        keys_secret({"one": PEPPER}),
    ],
)
def test_a_secret_of_another_form_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_keyring(load_settings(GOOD).core, lambda _: text)
    assert not text or text not in str(error.value)


def test_a_pepper_without_a_version_is_refused() -> None:
    settings = load_settings(
        {
            **GOOD,
            "KEYS_SECRET_NAME": "",
            "FINGERPRINT_PEPPERS": PEPPER,
            "LEDGER_MAC_KEY": MAC,
            "CALLBACK_TOKEN_KEYS": TOKEN,
        }
    )
    with pytest.raises(SettingsError):
        read_keyring(settings.core, lambda _: "")
    assert settings.core.fingerprint_peppers == Secret(PEPPER)


@pytest.mark.parametrize(
    "url",
    [
        "http://tokens.example/google/__token",
        "http://127.0.0.1.example/__token",
        "http://10.0.0.1/__token",
        "http://127.0.0.1@tokens.example/__token",
        "file:///etc/passwd",
        "http://[::1",
        "http://127.0.0.1:8090/google/__token; script-src *",
    ],
)
def test_local_tokens_and_the_start_page_come_from_this_machine_only(url: str) -> None:
    for name in ("LOCAL_TOKEN_URL", "LOCAL_START_URL"):
        assert [fault.split()[0] for fault in faults(GOOD | {name: url})] == [name]


def test_mail_needs_an_app_that_its_links_lead_to() -> None:
    assert faults(GOOD | {"MAIL_FROM": "Example <no-reply@example.com>"}) == [
        "APP_URL is missing: with MAIL_FROM, mails are sent, and their links lead there"
    ]


@pytest.mark.parametrize(
    "sender", ["no-reply", "Exämple <a@example.com>", "a@example.com, b@example.com", "<a@b> x"]
)
def test_a_sender_is_one_address(sender: str) -> None:
    app = {"APP_URL": "https://app.example.com"}
    assert [each.split()[0] for each in faults(GOOD | app | {"MAIL_FROM": sender})] == ["MAIL_FROM"]
    load_settings(GOOD | app | {"MAIL_FROM": "Example & Co. <no-reply@example.com>"})
