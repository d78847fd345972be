"""The hook of a Cognito user pool: signed, once for each user, and nothing for a reset password."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.accounts.hook_signatures import TOLERANCE_SECONDS, signature
from service.accounts.post_confirmation import MAX_RUNNING, SECRET_SECONDS, PostConfirmation
from service.app import create_app
from service.core.amounts import SCALE
from service.erasure.user_pool import UserPool
from service.notifications.operations import Outbox
from tests.doubles.people import CAT, cognito
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.erasure.lives import erased

PATH = "/hooks/cognito/post-confirmation"
POOL_ID = "us-east-1_Farebox01"
SECRET = "hook-secret-of-these-tests-0123456789"


class Hook:
    """Calls the hook of a service as the forwarding function does."""

    def __init__(self, **settings: object) -> None:
        self.world = memory_world(
            cognito_user_pool_id=POOL_ID,
            cognito_client_ids=("app",),
            cognito_hook_secret_name="hook",
            **settings,
        )
        hook = self.world.parts.features["accounts"].operations
        (found,) = (part for part in hook.values() if isinstance(part, PostConfirmation))
        self.post_confirmation = found
        found._read_secret = lambda: SECRET
        self._client = create_app(self.world.parts).test_client()

    def call(self, event: Any, *, header: str | None = None, late: int = 0) -> tuple[int, Any]:
        body = json.dumps(event).encode()
        seconds = int(self.world.clock.now() / 1000) - late
        signed = signature(SECRET, seconds, body) if header is None else header
        headers = {"Farebox-Signature": signed, "Content-Type": "application/json"}
        response = self._client.post(PATH, data=body, headers=headers)
        document = response.get_json()
        return response.status_code, document.get("data", document.get("code"))


@pytest.fixture
def hook() -> Hook:
    return Hook()


def event(trigger: str = "ConfirmSignUp", pool: str = POOL_ID, **attributes: str) -> dict[str, Any]:
    """As Cognito sends it, with what we do not read as well."""
    usual = {"sub": CAT, "email": "cat@example.com", "email_verified": "true"}
    return {
        "version": "1",
        "triggerSource": f"PostConfirmation_{trigger}",
        "region": "us-east-1",
        "userPoolId": pool,
        "userName": CAT,
        "callerContext": {"clientId": "app"},
        "request": {"userAttributes": usual | {"cognito:user_status": "CONFIRMED"} | attributes},
        "response": {},
    }


def messages(world: ServiceHarness) -> list[dict[str, Any]]:
    return [item for item in world.items() if item["SK"]["S"].startswith("OUTBOX#")]


def test_a_confirmed_user_is_made_once_and_what_follows_is_queued(hook: Hook) -> None:
    for _ in range(2):
        assert hook.call(event()) == (200, {"handled": True})
    wallet = hook.world.wallet(CAT)
    assert (wallet.granted, wallet.welcomed, hook.world.count()) == (0, False, 1)
    (message,) = messages(hook.world)
    assert json.loads(message["body"]["S"])["type"] == "user.created"
    assert hook.world.audit().violations == ()


def test_the_first_request_with_a_device_welcomes(hook: Hook) -> None:
    hook.call(event())
    world = hook.world
    who = cognito(email="cat@example.com")
    world.users.welcomed(who, world.users.digests("phone"), world.ledger.read_snapshot(CAT))
    assert world.wallet(CAT).granted == 3 * SCALE
    assert world.audit().violations == ()


def test_what_was_queued_is_handed_on(hook: Hook) -> None:
    received: list[str] = []
    outbox = hook.world.parts.get(Outbox)
    outbox.register(lambda happened: received.append(happened.type))
    hook.call(event())
    hook.world.work()
    assert received == ["user.created"]


def test_a_lost_response_makes_one_user_and_one_message(hook: Hook) -> None:
    hook.world.wire().plan("TransactWriteItems", "lost-answer")
    assert hook.call(event())[0] == 200
    assert (hook.world.count(), len(messages(hook.world))) == (1, 1)


@pytest.mark.parametrize(
    "ignored", [event("ConfirmForgotPassword"), event(pool="us-east-1_Another01")]
)
def test_nothing_follows_a_reset_password_or_an_event_of_another_pool(
    hook: Hook, ignored: Any
) -> None:
    assert hook.call(ignored) == (200, {"handled": False})
    assert hook.world.items() == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1,v1=",
        "t=1790000000,v1=" + "0" * 64,
        "v1=" + "0" * 64,
        "t=99999999999999,v1=" + "0" * 64,
        "t=1790000000,v1=" + "0" * 64 + ",v1=" + "0" * 64,
    ],
)
def test_what_is_not_signed_is_refused_and_writes_nothing(hook: Hook, header: str) -> None:
    assert hook.call(event(), header=header) == (401, "HOOK_SIGNATURE_REJECTED")
    assert hook.world.items() == []


@pytest.mark.parametrize("late", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1])
def test_an_old_or_future_signature_is_refused(hook: Hook, late: int) -> None:
    assert hook.call(event(), late=late) == (401, "HOOK_SIGNATURE_REJECTED")
    assert hook.call(event(), late=late // 2)[0] == 200


def test_an_event_that_is_repeated_after_its_user_was_erased_brings_no_one_back(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[str] = []
    monkeypatch.setattr(UserPool, "delete", lambda pool, subject: deleted.append(subject))
    assert hook.call(event())[0] == 200
    erased(hook.world, CAT)
    before = hook.world.items()
    assert hook.call(event(), late=100) == (401, "ACCOUNT_CLOSED")
    assert (hook.world.items(), hook.world.count(), deleted) == (before, 0, [CAT])


def test_a_changed_body_is_refused(hook: Hook) -> None:
    seconds = int(hook.world.clock.now() / 1000)
    header = signature(SECRET, seconds, json.dumps(event()).encode())
    assert hook.call(event(email="eve@example.com"), header=header)[0] == 401
    assert hook.world.items() == []


def test_without_a_secret_no_one_is_let_in(hook: Hook) -> None:
    unset = Hook()
    unset.post_confirmation._read_secret = lambda: ""
    header = signature("", int(unset.world.clock.now() / 1000), json.dumps(event()).encode())
    assert unset.call(event(), header=header) == (401, "HOOK_SIGNATURE_REJECTED")


@pytest.mark.parametrize(
    "content",
    [
        event(sub="not a uuid"),
        event(sub=CAT.upper()),
        event(trigger="Other"),
        {**event(), "userPoolId": 5},
        {**event(), "request": {"userAttributes": []}},
        {},
        [],
    ],
)
def test_a_malformed_event_is_refused_and_writes_nothing(hook: Hook, content: Any) -> None:
    status, code = hook.call(content)
    assert (status, code) in {(400, "VALIDATION_FAILED"), (400, "MALFORMED_JSON")}
    assert hook.world.items() == []


def test_a_table_that_does_not_respond_keeps_no_sign_up_waiting(hook: Hook) -> None:
    """The user is made all the same, once it responds."""
    released, ended = threading.Event(), threading.Event()

    def wait(operation: str) -> None:
        if operation == "TransactWriteItems":
            released.wait(60)
            ended.set()

    hook.world.wire().before(wait)
    hook.post_confirmation._deadline_seconds = 0.3
    began = time.monotonic()
    assert hook.call(event()) == (503, "HOOK_TOO_SLOW")
    assert time.monotonic() - began < 40
    released.set()
    assert ended.wait(60)
    while hook.world.count() < 1:
        time.sleep(0.01)
    hook.post_confirmation._deadline_seconds = 5
    assert hook.call(event()) == (200, {"handled": True})
    assert hook.world.count() == 1


def test_a_secret_that_is_not_read_in_time_keeps_no_sign_up_waiting(hook: Hook) -> None:
    released = threading.Event()
    hook.post_confirmation._read_secret = lambda: str(released.wait(10))
    hook.post_confirmation._deadline_seconds = 0.1
    assert hook.call(event()) == (503, "HOOK_TOO_SLOW")
    released.set()
    assert hook.world.items() == []


def test_a_known_secret_serves_while_one_caller_reads_it_again(hook: Hook) -> None:
    assert hook.call(event()) == (200, {"handled": True})
    hook.world.clock.advance(SECRET_SECONDS)
    reading, released = threading.Event(), threading.Event()

    def read_slowly() -> str:
        reading.set()
        released.wait(10)
        return SECRET

    hook.post_confirmation._read_secret = read_slowly
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hook.post_confirmation._current_secret)
        assert reading.wait(10)
        hook.post_confirmation._deadline_seconds = 5
        for _ in range(MAX_RUNNING + 1):
            assert hook.call(event()) == (200, {"handled": True})
        released.set()
        assert first.result(10) == SECRET


def test_a_full_system_says_so(hook: Hook) -> None:
    full = Hook(max_users=1)
    full.call(event())
    second = event(sub="1b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d02", email="dan@example.com")
    assert full.call(second) == (403, "SYSTEM_LIMIT_REACHED")
    assert full.world.count() == 1


@pytest.mark.parametrize(
    "attributes", [{"email_verified": "false"}, {"email": "cat@mailinator.com"}]
)
def test_without_a_verified_mailbox_of_ones_own_no_place_is_taken(
    hook: Hook, attributes: dict[str, str]
) -> None:
    """The event names no device: only the mailbox bounds how many users someone makes by it."""
    assert hook.call(event(**attributes)) == (200, {"handled": False})
    assert hook.world.items() == []


def test_one_mailbox_takes_one_place(hook: Hook) -> None:
    hook.call(event(email="cat@gmail.com"))
    before = hook.world.items()
    again = event(sub="1b5f7b1e-9f0e-4b46-9d1c-5c3a1f6e2d02", email="c.a.t+2@googlemail.com")
    assert hook.call(again) == (403, "EMAIL_ALREADY_USED")
    assert hook.world.items() == before
