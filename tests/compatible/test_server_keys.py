"""OpenAI's routes with a server key, which acts for users of its own back end alone."""

from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.core.scopes import KeyScope, SessionScope
from service.ledger import keys
from service.sessions.minting import Minting
from service.storage.writes import Update, When
from tests.compatible.conftest import BODIES, BOTH, CHAT, RETRY, Site, error_in
from tests.server_keys.stored import revoke, stored_key, used_key
from tests.sessions.minted import WANTED, back_end, minted, submit


@pytest.fixture
def key(site: Site) -> str:
    return stored_key(site.world)[1]


@pytest.fixture
def customer(site: Site, request: pytest.FixtureRequest) -> str:
    """A back end's own id of a user of its own, who has credits."""
    name = f"customer-{abs(hash(request.node.nodeid))}"
    session = minted(site.world, external_id=name, email=f"{name}@example.com")
    submit(site.world, session, device=f"device of {name}")
    return name


def post(site: Site, path: str, key: str, headers: Any = None, **changes: Any) -> TestResponse:
    sent = {"Authorization": f"Bearer {key}", **(headers or {})}
    return site.browser.post(path, json=BODIES[path] | changes, headers=sent)


@BOTH
def test_the_text_is_a_job_of_the_user_who_is_named(
    site: Site, key: str, customer: str, path: str
) -> None:
    response = post(site, path, key, user=customer)
    assert response.status_code == 200
    job = site.world.job(response.headers["Location"].removeprefix("/jobs/"), f"ext_{customer}")
    assert (job.payer, job.actor, job.captured) == (f"ext_{customer}", f"ext_{customer}", 1)
    assert site.world.audit().violations == ()


@BOTH
@pytest.mark.parametrize(
    "user", [None, "", "a b", "a#b", "ext/../ann", "null", "undefined", "x" * 129]
)
def test_one_who_is_not_named_is_refused_and_nothing_is_written(
    site: Site, key: str, path: str, user: str | None
) -> None:
    post(site, path, key, user="anyone")
    before, sent = site.world.items(), len(site.vendor.sent)
    response = post(site, path, key, **({} if user is None else {"user": user}))
    error = error_in(response)
    assert (response.status_code, error["param"]) == (400, "user")
    assert error["code"] in ("EXTERNAL_USER_REQUIRED", "VALIDATION_FAILED")
    assert site.world.items() == before
    assert len(site.vendor.sent) == sent


@pytest.mark.parametrize("scopes", [(KeyScope.SESSIONS,), tuple(KeyScope)])
def test_no_name_reaches_a_user_who_signed_in_here(
    site: Site, ann: str, scopes: tuple[KeyScope, ...]
) -> None:
    """Whatever the key may do besides: their ids have another prefix."""
    key = stored_key(site.world, scopes)[1]
    before = site.world.balance(ann)
    response = post(site, CHAT, key, user=ann)
    assert (response.status_code, error_in(response)["code"]) == (402, "INSUFFICIENT_CREDITS")
    assert site.world.balance(ann) == before
    assert site.world.balance(f"ext_{ann}")[0] == 0


def test_a_key_without_the_scope_is_refused(site: Site, customer: str) -> None:
    key = stored_key(site.world, (KeyScope.EXISTING_USERS,))[1]
    response = post(site, CHAT, key, user=customer)
    assert (response.status_code, error_in(response)["code"]) == (403, "SCOPE_MISSING")
    assert error_in(response)["type"] == "permission_error"


def test_a_revoked_key_is_refused_at_once(site: Site, customer: str) -> None:
    stored, text = stored_key(site.world)
    assert post(site, CHAT, text, user=customer).status_code == 200
    revoke(site.world, stored)
    response = post(site, CHAT, text, user=customer)
    assert (response.status_code, error_in(response)["code"]) == (401, "TOKEN_REJECTED")


@pytest.mark.parametrize("path", [CHAT, "/v1/models"])
def test_a_key_in_a_page_is_refused(site: Site, path: str) -> None:
    _, key = used_key(site.world)
    before = site.world.items()
    headers = {"Authorization": f"Bearer {key}", "Origin": "https://app.example.com"}
    method = "GET" if path.endswith("models") else "POST"
    response = site.browser.open(path, method=method, json={}, headers=headers)
    assert (response.status_code, error_in(response)["code"]) == (403, "SERVER_KEY_NOT_ALLOWED")
    assert "belongs in no page" in error_in(response)["message"]
    assert site.world.items() == before


def test_retries_are_those_of_the_user_who_is_named(site: Site, key: str, customer: str) -> None:
    first = post(site, CHAT, key, user=customer)
    again = post(site, CHAT, key, RETRY, user=customer)
    assert again.json == first.json
    other = post(site, CHAT, key, RETRY, user="another")
    assert (other.status_code, error_in(other)["code"]) == (402, "INSUFFICIENT_CREDITS")


def test_a_disabled_user_is_refused(site: Site, customer: str) -> None:
    _, key = used_key(site.world)
    wallet = keys.wallet(f"ext_{customer}")
    site.world.table.write(Update(wallet, When(), set={"disabled": True}))
    before = site.world.items()
    response = post(site, CHAT, key, user=customer)
    assert (response.status_code, error_in(response)["code"]) == (403, "ACCOUNT_DISABLED")
    assert site.world.items() == before


def test_models_are_shown_to_back_ends_too(site: Site, key: str) -> None:
    response: Any = site.browser.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert (response.status_code, response.json["object"]) == (200, "list")


def test_a_minted_session_needs_its_scope(site: Site) -> None:
    stored, _ = stored_key(site.world)
    wanted = replace(WANTED, scopes=frozenset({SessionScope.READ_JOBS}))
    session = site.world.parts.get(Minting).mint(back_end(key_id=stored.key_id), wanted)
    response = post(site, CHAT, session.access_token)
    assert (response.status_code, error_in(response)["code"]) == (403, "SCOPE_MISSING")
