"""How far a server key gets, and a session that one minted."""

import pytest
from flask import Blueprint, Response

from service.core.principal import Principal
from service.core.scopes import KeyScope, SessionScope
from service.web.endpoint import Access, Endpoint, endpoint
from service.web.responses import success
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


class StackOfBoth(Stack):
    """With a route for users and back ends."""

    def _add_others(self, blueprint: Blueprint) -> None:
        super()._add_others(blueprint)

        @blueprint.post("/texts")
        @endpoint(
            Endpoint(
                access=Access.USER_OR_SERVER,
                summary="",
                scope=SessionScope.CREATE_JOBS,
                key_scope=KeyScope.SESSIONS,
                key_limit=3,
            )
        )
        def write(principal: Principal) -> Response:
            self.reached += 1
            return success(principal.subject)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (bearer("good-110"), 200, ""),
        (bearer("sk_shop"), 200, ""),
        (bearer("minted-k-jobs.create"), 200, ""),
        (bearer("minted-k-jobs.create") | {"Origin": SITE}, 200, ""),
        (bearer("minted-k-jobs.read"), 403, "SCOPE_MISSING"),
        (bearer("minted-k-jobs.create") | {"Origin": "https://evil"}, 403, "ORIGIN_NOT_ALLOWED"),
        (bearer("sk_shop") | {"Origin": SITE}, 403, "SERVER_KEY_NOT_ALLOWED"),
        (bearer("sk_shop") | {"Origin": "null"}, 403, "SERVER_KEY_NOT_ALLOWED"),
        (bearer("sk_revoked"), 401, "TOKEN_REJECTED"),
        (bearer("bad"), 401, "TOKEN_REJECTED"),
        ({}, 401, "AUTHENTICATION_REQUIRED"),
    ],
)
def test_a_route_of_both_is_open_to_users_and_to_keys_that_no_page_sends(
    headers: dict[str, str], status: int, code: str
) -> None:
    stack = StackOfBoth()
    response = stack.client.post("/texts", headers=headers)
    found = response.status_code, response.get_json().get("code", ""), stack.reached
    assert found == (status, code, int(status == 200))


def test_a_key_needs_its_scope_for_a_route_of_both() -> None:
    stack = StackOfBoth()
    stack.back_ends.scopes = frozenset({KeyScope.EXISTING_USERS})
    response = stack.client.post("/texts", headers=bearer("sk_shop"))
    assert (response.status_code, response.get_json()["code"]) == (403, "SCOPE_MISSING")


def test_a_closed_account_is_refused_by_a_route_of_both() -> None:
    response = StackOfBoth().client.post("/texts", headers=bearer("good-closed"))
    assert (response.status_code, response.get_json()["code"]) == (401, "ACCOUNT_CLOSED")


def test_a_key_and_a_user_have_limits_of_their_own() -> None:
    stack = StackOfBoth(limits=(1, 0))
    found = [stack.client.post("/texts", headers=bearer("sk_shop")).status_code for _ in range(4)]
    assert found == [200, 200, 200, 429]
    found = [stack.client.post("/texts", headers=bearer("good-110")).status_code for _ in range(2)]
    assert found == [200, 429]
