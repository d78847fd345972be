"""`POST /auth/sessions`, and what the token that it returns opens."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.core.scopes import KeyScope
from tests.doubles.service_harness import IMAGE, memory_world
from tests.server_keys.corpus import CORPUS
from tests.server_keys.stored import revoke, stored_key, used_key
from tests.sessions.minted import PAGE

OWN = {"externalId": "ann", "email": "ann@example.com", "emailVerified": True, "origins": [PAGE]}
VIDEO = {"Fingerprint": "fp-4be1a2c09d", "imageUrl": IMAGE, "promptKey": "foo_prompt"}


class Shop:
    """A back end whose key has every scope unless some are named."""

    def __init__(self, *scopes: KeyScope) -> None:
        self.world = memory_world()
        self.client: FlaskClient = create_app(self.world.parts).test_client()
        self.key, self.text = stored_key(self.world, scopes or tuple(KeyScope))

    def mint(self, body: Any = None, text: str | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.text if text is None else text}"}
        wanted = {**OWN, **more} if body is None else body
        return self.client.post("/auth/sessions", json=wanted, headers=headers)

    def call(self, method: str, path: str, token: str, origin: str | None = PAGE) -> Any:
        headers = {"Authorization": f"Bearer {token}"} | ({"Origin": origin} if origin else {})
        body = {"json": VIDEO} if method == "POST" else {}
        return self.client.open(path, method=method, headers=headers, **body)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def outcome(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json().get("code", "")


def test_a_back_end_lends_its_user_credits_for_a_page(shop: Shop) -> None:
    data = shop.mint(creditLimit=1).get_json()["data"]
    assert data["user"] == {"userId": "ext_ann", "registered": False}
    assert (data["expiresIn"], data["creditLimit"]) == (900, 1)
    assert data["scopes"] == ["credits:read", "jobs:create", "jobs:read"]
    assert "refreshToken" not in data
    token = data["accessToken"]
    assert shop.call("POST", "/videos", token).status_code == 200
    refusal = shop.call("POST", "/videos", token)
    assert outcome(refusal) == (403, "SESSION_CEILING_REACHED")
    assert refusal.get_json()["details"] == {"limit": 1, "left": 0, "required": 1}
    assert shop.call("GET", "/jobs", token).status_code == 200
    assert shop.call("GET", "/credits", token, origin=None).get_json()["data"]["credits"] == 2
    again = shop.mint().get_json()["data"]
    assert again["user"]["registered"]
    assert shop.call("POST", "/videos", again["accessToken"]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "changes", "origin", "expected"),
    [
        ("POST", "/videos", {}, "https://evil.example", (403, "ORIGIN_NOT_ALLOWED")),
        ("POST", "/videos", {"origins": []}, PAGE, (403, "ORIGIN_NOT_ALLOWED")),
        ("POST", "/videos", {"scopes": ["jobs:read"]}, PAGE, (403, "SCOPE_MISSING")),
        ("GET", "/jobs", {"scopes": ["jobs:create"]}, PAGE, (403, "SCOPE_MISSING")),
        ("GET", "/me", {}, PAGE, (403, "SCOPE_MISSING")),
        ("GET", "/me/sessions", {}, PAGE, (403, "SCOPE_MISSING")),
        ("POST", "/auth/session", {}, PAGE, (403, "SCOPE_MISSING")),
        ("POST", "/auth/sessions", {}, PAGE, (403, "SERVER_KEY_REQUIRED")),
        ("DELETE", "/me/account", {}, PAGE, (403, "SCOPE_MISSING")),
        ("GET", "/admin/actions", {}, PAGE, (403, "OPERATOR_REQUIRED")),
        ("POST", "/videos", {"creditLimit": 0.5}, PAGE, (403, "SESSION_CEILING_REACHED")),
    ],
)
def test_beyond_its_origins_scopes_and_ceiling_nothing_is_written(
    shop: Shop, method: str, path: str, changes: Any, origin: str, expected: tuple[int, str]
) -> None:
    token = shop.mint(**changes).get_json()["data"]["accessToken"]
    before = shop.world.items()
    assert outcome(shop.call(method, path, token, origin)) == expected
    assert shop.world.items() == before


def test_origins_are_compared_as_browsers_send_them(shop: Shop) -> None:
    data = shop.mint(origins=["HTTPS://App.Example.com:443"]).get_json()["data"]
    assert data["origins"] == [PAGE]
    assert shop.call("GET", "/jobs", data["accessToken"]).status_code == 200


def test_revoking_the_key_ends_its_sessions_within_ten_seconds(shop: Shop) -> None:
    token = shop.mint().get_json()["data"]["accessToken"]
    assert shop.call("GET", "/jobs", token).status_code == 200
    revoke(shop.world, shop.key)
    assert outcome(shop.mint()) == (401, "TOKEN_REJECTED")
    shop.world.clock.advance(10)
    assert outcome(shop.call("GET", "/jobs", token)) == (401, "SERVER_KEY_REVOKED")
    assert outcome(shop.call("POST", "/videos", token)) == (401, "SERVER_KEY_REVOKED")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"origins": [PAGE]},
        {"externalId": "ann"},
        {**OWN, "userId": "bob"},
        {"userId": "bob", "origins": [PAGE], "email": "bob@example.com"},
        {"userId": "b#b", "origins": [PAGE]},
        {"userId": "", "origins": [PAGE]},
        {"externalId": "ann", "origins": [PAGE], "emailVerified": True},
        {**OWN, "email": "not an address"},
        {**OWN, "email": None},
        {**OWN, "emailVerified": "yes"},
        {**OWN, "externalId": "a b"},
        {**OWN, "externalId": "ann@example.com"},
        {**OWN, "externalId": "a#b"},
        {**OWN, "externalId": "undefined"},
        {**OWN, "externalId": "a" * 129},
        {**OWN, "externalId": 42},
        {**OWN, "origins": PAGE},
        {**OWN, "origins": ["*"]},
        {**OWN, "origins": ["null"]},
        {**OWN, "origins": [f"{PAGE}/path"]},
        {**OWN, "origins": [f"https://{number}.example.com" for number in range(11)]},
        {**OWN, "scopes": []},
        {**OWN, "scopes": ["admin"]},
        {**OWN, "creditLimit": 0},
        {**OWN, "creditLimit": -1},
        {**OWN, "creditLimit": 0.0001},
        {**OWN, "creditLimit": "5"},
        {**OWN, "expiresIn": 3600},
    ],
    ids=str,
)
def test_a_malformed_request_mints_nothing(shop: Shop, body: Any) -> None:
    used = used_key(shop.world)[1]
    before = shop.world.items()
    assert outcome(shop.mint(body, used)) == (400, "VALIDATION_FAILED")
    assert shop.world.items() == before


def test_a_key_without_the_scope_mints_nothing() -> None:
    shop = Shop(KeyScope.EXISTING_USERS)
    assert outcome(shop.mint()) == (403, "SCOPE_MISSING")
    limited = Shop(KeyScope.SESSIONS)
    assert outcome(limited.mint()) == (403, "SCOPE_MISSING")
    assert limited.mint({"externalId": "ann", "origins": []}).status_code == 200
    assert outcome(limited.mint({"userId": "ann", "origins": []})) == (403, "SCOPE_MISSING")


@pytest.mark.parametrize("change", CORPUS.values(), ids=CORPUS)
def test_a_bad_key_is_refused_like_any_bad_token_and_reaches_no_log(
    shop: Shop, change: Callable[[str], str], caplog: Any, capsys: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    bad = change(shop.text)
    response = shop.mint(text=bad)
    assert outcome(response) in {(401, "TOKEN_REJECTED"), (431, "HEADERS_TOO_LARGE")}
    if response.status_code == 401:
        assert response.get_json()["details"] == {"reason": "server_key"}
        assert response.headers["WWW-Authenticate"] == "Bearer"
    shown = str(caplog.records) + caplog.text + "".join(capsys.readouterr()) + response.text
    for secret in (shop.text, bad):
        # A log may name a key by its id, which ends before the 30th letter.
        part = secret[30:60] if len(secret) >= 60 else secret
        assert len(part) < 30 or part not in shown


def test_a_good_key_reaches_no_log_either(shop: Shop, capsys: Any) -> None:
    response = shop.mint()
    assert response.status_code == 200
    assert shop.text[30:60] not in "".join(capsys.readouterr()) + response.text
