"""How far a server key gets, and a session that one minted."""

import pytest

from service.core.scopes import KeyScope
from tests.identity.test_enforcement import SITE, Stack, bearer


@pytest.mark.parametrize(
    ("token", "origin", "status", "code"),
    [
        ("minted-k-jobs.read", None, 200, ""),
        ("minted-k-jobs.read", "https://app.example.com", 200, ""),
        ("minted-k-jobs.read-jobs.create", "https://app.example.com", 200, ""),
        ("minted-k-jobs.create", None, 403, "SCOPE_MISSING"),
        ("minted-k", None, 403, "SCOPE_MISSING"),
        ("minted-k-jobs.read", "https://app.example.com:8443", 403, "ORIGIN_NOT_ALLOWED"),
        ("minted-k-jobs.read", "http://app.example.com", 403, "ORIGIN_NOT_ALLOWED"),
        ("minted-k-jobs.read", "https://app.example.com.evil.com", 403, "ORIGIN_NOT_ALLOWED"),
        ("minted-k-jobs.read", "null", 403, "ORIGIN_NOT_ALLOWED"),
        ("minted-k-jobs.read", "", 403, "ORIGIN_NOT_ALLOWED"),
        ("minted-k-jobs.read", f"{SITE},{SITE}", 403, "ORIGIN_NOT_ALLOWED"),
        ("minted-revoked-jobs.read", None, 401, "SERVER_KEY_REVOKED"),
        ("sk_shop", None, 403, "SERVER_KEY_NOT_ALLOWED"),
        ("sk_revoked", None, 401, "TOKEN_REJECTED"),
    ],
)
def test_a_minted_session_gets_as_far_as_its_scopes_origins_and_key(
    token: str, origin: str | None, status: int, code: str
) -> None:
    stack = Stack()
    headers = bearer(token) | ({} if origin is None else {"Origin": origin})
    response = stack.client.get("/mine/jobs", headers=headers)
    found = response.status_code, response.get_json().get("code", ""), stack.reached
    assert found == (status, code, int(status == 200))


def test_a_route_without_a_scope_is_closed_to_every_minted_session() -> None:
    stack = Stack()
    response = stack.client.get("/mine", headers=bearer("minted-k-jobs.read"))
    assert (response.status_code, response.get_json()["details"]) == (403, {"scope": None})
    assert stack.reached == 0


@pytest.mark.parametrize(
    ("headers", "scopes", "status", "code"),
    [
        (bearer("sk_shop"), {KeyScope.SESSIONS}, 200, ""),
        (bearer("sk_shop"), {KeyScope.EXISTING_USERS}, 403, "SCOPE_MISSING"),
        (bearer("sk_revoked"), {KeyScope.SESSIONS}, 401, "TOKEN_REJECTED"),
        (bearer("good-110"), {KeyScope.SESSIONS}, 403, "SERVER_KEY_REQUIRED"),
        (bearer("minted-k-sessions"), {KeyScope.SESSIONS}, 403, "SERVER_KEY_REQUIRED"),
        ({"X-Google-ID": "110"}, {KeyScope.SESSIONS}, 401, "AUTHENTICATION_REQUIRED"),
        ({}, {KeyScope.SESSIONS}, 401, "AUTHENTICATION_REQUIRED"),
    ],
)
def test_a_back_end_s_route_is_open_to_a_key_with_its_scope_alone(
    headers: dict[str, str], scopes: set[KeyScope], status: int, code: str
) -> None:
    stack = Stack(bare=True)
    stack.back_ends.scopes = frozenset(scopes)
    response = stack.client.post("/sessions", headers=headers)
    found = response.status_code, response.get_json().get("code", ""), stack.reached
    assert found == (status, code, int(status == 200))
