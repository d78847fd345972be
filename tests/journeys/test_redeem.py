"""Redeeming promo codes over HTTP."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from service.promo_codes.entities import NewPromoCode, PromoCode
from service.promo_codes.operations import PromoCodes
from tests.journeys.api_client import ApiClient
from tests.promo_codes.campaign import NEW, TEXT
from tests.stack.live_stack import LiveStack

UNLIMITED = {"user_redeem_limit": 1000, "address_redeem_limit": 10_000}


def make(stack: LiveStack, new: NewPromoCode = NEW, **changes: Any) -> PromoCode:
    prepared = stack.parts.get(PromoCodes).prepare(replace(new, **changes))
    stack.parts.core.table.transact([each.write for each in prepared.writes])
    return prepared.promo


def redeem(
    stack: LiveStack, sub: str = "ann", code: str = TEXT, token: str | None = None, **more: Any
) -> requests.Response:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    return stack.call(
        "POST",
        "/credits/redeem",
        token or stack.token(sub),
        json={"code": code, **more},
        headers=headers,
    )


def signed_up(stack: LiveStack, *subs: str) -> None:
    for sub in subs:
        stack.settled(stack.submitted(sub), sub)


def test_a_code_is_redeemed_once_and_shows_in_the_balance(stack: LiveStack) -> None:
    signed_up(stack, "ann")
    make(stack)
    before = stack.credits()[0]
    first = redeem(stack, code=" launch 2o27 ", fingerprint="device-of-ann")
    assert first.status_code == 200, first.text
    data = first.json()["data"]
    assert (data["credits"], data["kind"], data["replayed"]) == (5, "promo", False)
    assert data["available"] == before + 5
    again = redeem(stack).json()["data"]
    assert again == data | {"replayed": True}
    assert stack.credits()[0] == before + 5
    stack.assert_proved()


def test_a_stranger_makes_a_paid_request_first(stack: LiveStack) -> None:
    make(stack)
    refused = redeem(stack, "eve")
    assert (refused.status_code, refused.json()["code"]) == (403, "ACCOUNT_REQUIRED")
    signed_up(stack, "eve")
    assert redeem(stack, "eve").status_code == 200


def test_each_refusal_has_its_status(stack: LiveStack) -> None:
    signed_up(stack, "ann", "bob", "cid")
    make(stack, max_uses=2)
    promo = make(stack, text="REVOKED-2027")
    stack.parts.core.table.write(stack.parts.get(PromoCodes).revocation(promo).write)
    assert redeem(stack, "ann", fingerprint="shared-tablet", key="one").status_code == 200
    shared = redeem(stack, "bob", fingerprint="shared-tablet")
    assert (shared.status_code, shared.json()["code"]) == (403, "PROMO_DEVICE_USED")
    second = redeem(stack, "ann", key="two")
    assert (second.status_code, second.json()["code"]) == (409, "PROMO_ALREADY_REDEEMED")
    assert redeem(stack, "bob").status_code == 200
    late = redeem(stack, "cid")
    assert (late.status_code, late.json()["code"]) == (409, "PROMO_USED_UP")
    unknown, revoked = redeem(stack, code="UNKNOWN-2027"), redeem(stack, code="REVOKED-2027")
    assert unknown.status_code == revoked.status_code == 404
    assert {**unknown.json(), "requestId": ""} == {**revoked.json(), "requestId": ""}
    assert stack.credits("cid")[0] == 2
    stack.assert_proved()


def test_guessing_is_slowed_down_for_a_user_and_for_an_address(start: Any) -> None:
    # What is refused to the user counts for the address. In real time: ten times as fast, the
    # minute could be over on a busy machine.
    stack = start(clock=SystemClock(), user_redeem_limit=3, address_redeem_limit=6)
    token = stack.token()
    codes = [redeem(stack, token=token, code=f"GUESS-{number:04}").json() for number in range(4)]
    assert [each["code"] for each in codes] == ["ACCOUNT_REQUIRED"] * 3 + ["TOO_MANY_REQUESTS"]
    others = [redeem(stack, f"user-{number}", code="GUESS-0000") for number in range(3)]
    assert [each.status_code for each in others] == [403, 403, 429]
    assert 0 < int(others[-1].headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": ""},
        {"code": "X" * 65},
        {"code": 12345678},
        {"code": "LAUNCH-2027", "fingerprint": "undefined"},
        {"code": "LAUNCH-2027", "fingerprint": ""},
        {"code": "LAUNCH-2027", "amount": 5},
        {"code": "LAUNCH\n2027"},
    ],
    ids=repr,
)
@pytest.mark.usefixtures("nothing_written")
def test_a_malformed_request_is_refused_before_anything_is_read(
    api: ApiClient, body: dict[str, Any]
) -> None:
    response = api.stack.call("POST", "/credits/redeem", api.stack.token("mal"), json=body)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")


@pytest.mark.sample
def test_of_a_hundred_requests_to_two_web_servers_ten_redeem(start: Any) -> None:
    stack = start(max_users=100, **UNLIMITED)
    people = [f"user-{number:02}" for number in range(40)]
    signed_up(stack, *people)
    make(stack, max_uses=10)
    tokens, urls = stack.tokens(people), (stack.url, stack.open_app())

    def attempt(number: int) -> str:
        """What came of it; where the code was busy, as on a slow machine, of the next try."""
        for _ in range(20):
            response = requests.post(
                urls[number % 2] + "/credits/redeem",
                json={"code": TEXT},
                headers={"Authorization": f"Bearer {tokens[people[number % 40]]}"},
                timeout=60,
            )
            body = response.json()
            if body.get("code") != "PROMO_CODE_BUSY":
                break
            time.sleep(0.1)
        return str(body["data"]["replayed"] if body["success"] else body["code"])

    with ThreadPoolExecutor(40) as crowd:
        outcomes = Counter(crowd.map(attempt, range(100)))
    assert outcomes["False"] == 10
    assert set(outcomes) <= {"False", "True", "PROMO_USED_UP"}
    stack.assert_proved()
