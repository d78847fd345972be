"""One person is one user over HTTP, whatever they sign in with: linked by their own act, back after
an erasure, and with a mailbox that no one else can claim."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from tests.journeys.test_passwords import CHEAP, PASSWORD, Person
from tests.stack.live_stack import USER_POOL, LiveStack

CLIENT = "fareboxlocal"
SUBJECT = "0b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d01"
WORK = "ann@work.example"


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    """In real time: tokens say in seconds when someone signed in, and accounts when they ended."""
    return start(
        clock=SystemClock(),
        cognito_user_pool_id=USER_POOL,
        cognito_client_ids=(CLIENT,),
        erasure_interval_seconds=0.1,
        outbox_interval_seconds=0.1,
        mail_from="no-reply@example.com",
        app_url="https://app.example.com",
        **CHEAP,
    )


def seconds(stack: LiveStack) -> int:
    return stack.parts.core.clock.now() // 1000


def google(stack: LiveStack, sub: str = "ann", **claims: Any) -> str:
    return stack.token(sub, auth_time=seconds(stack), **claims)


def cognito(stack: LiveStack, email: str = WORK, **claims: Any) -> str:
    body = {"sub": SUBJECT, "email": email, **claims}
    token: str = stack.call_simulators("POST", "/cognito/__token", body).json()["token"]
    return token


def opened(stack: LiveStack, token: str, **body: Any) -> dict[str, Any]:
    response = stack.call("POST", "/auth/session", token, json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["data"]
    return found


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def erased(stack: LiveStack, token: str) -> None:
    assert stack.call("DELETE", "/me/account", token).status_code == 202
    path = "/me/account/erasure"

    def is_finished() -> bool:
        state = stack.call("GET", path, token).json()["data"]["status"]
        return bool(state == "finished")

    stack.until(is_finished)


def test_another_sign_in_is_linked_used_unlinked_and_deleted_from_the_pool(
    stack: LiveStack,
) -> None:
    ann, other = google(stack), cognito(stack)
    opened(stack, ann, Fingerprint="device-of-ann")

    linked = stack.call("POST", "/me/identities", ann, json={"token": other})

    assert linked.status_code == 200, linked.text
    providers = [each["provider"] for each in linked.json()["data"]["identities"]]
    assert providers == ["https://accounts.google.com", "cognito"]
    session = opened(stack, other)
    assert session["user"]["userId"] == "ann"
    me = stack.call("GET", "/me", session["accessToken"]).json()["data"]
    assert (me["userId"], me["creditsBalance"], len(me["identities"])) == ("ann", 3, 2)
    assert code(stack.call("GET", "/me/identities", other)) == (404, "USER_NOT_FOUND")
    assert code(stack.post_video(SUBJECT, "laptop", token=other)) == (403, "IDENTITY_LINKED")

    name = linked.json()["data"]["identities"][1]["identityId"]
    left = stack.call("DELETE", f"/me/identities/{name}", ann).json()["data"]["identities"]
    assert [each["isFirst"] for each in left] == [True]
    assert code(stack.call("GET", "/me", session["accessToken"])) == (401, "ACCESS_TOKEN_REVOKED")

    assert stack.call("POST", "/me/identities", ann, json={"token": other}).status_code == 200
    erased(stack, ann)
    pool = stack.call_simulators("GET", "/cognito/__users").json()
    assert (pool["users"], pool["deleted"]) == ([], [SUBJECT])
    stack.assert_proved()


def test_an_identity_of_another_account_is_not_linked(stack: LiveStack) -> None:
    ann, other = google(stack), cognito(stack)
    opened(stack, ann, Fingerprint="device-of-ann")
    opened(stack, other, Fingerprint="laptop")
    before = stack.call("GET", "/me/identities", ann).json()["data"]
    refused = stack.call("POST", "/me/identities", ann, json={"token": other})
    assert code(refused) == (409, "IDENTITY_IN_USE")
    assert stack.call("GET", "/me/identities", ann).json()["data"] == before
    stack.assert_proved()


def test_a_mailbox_is_claimed_by_the_next_sign_in_of_who_had_none(stack: LiveStack) -> None:
    """As of users who signed up before they had verified their address."""
    before = cognito(stack, email_verified=False)
    opened(stack, before, Fingerprint="device-of-ann")
    assert stack.call("GET", "/me", before).json()["data"]["emailVerified"] is False
    opened(stack, cognito(stack))
    me = stack.call("GET", "/me", before).json()["data"]
    assert (me["email"], me["emailVerified"]) == (WORK, True)
    stranger = google(stack, "stranger", email=WORK)
    refused = stack.call("POST", "/auth/session", stranger, json={"Fingerprint": "laptop"})
    assert code(refused) == (403, "EMAIL_ALREADY_USED")
    stack.assert_proved()


def test_a_password_account_returns_after_its_erasure_without_a_second_welcome(
    stack: LiveStack,
) -> None:
    ann = Person(stack)
    first = ann.signed_up()
    user_id = first["user"]["userId"]
    login_at = stack.call("GET", "/me", first["accessToken"]).json()["data"]["lastLogin"]
    assert login_at is not None
    erased(stack, first["accessToken"])
    assert code(ann.login()) == (401, "INVALID_CREDENTIALS")
    stack.until(lambda: "Your account has been deleted" in ann.subjects())
    stack.parts.core.clock.sleep(1.1)

    again = ann.signed_up()

    assert again["user"]["userId"] == user_id
    me = stack.call("GET", "/me", again["accessToken"]).json()["data"]
    assert (me["registered"], me["creditsBalance"], me["email"]) == (True, 0, ann.email)
    assert ann.login(PASSWORD).status_code == 200
    assert stack.count() == 1
    stack.assert_proved()
