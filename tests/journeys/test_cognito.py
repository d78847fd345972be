"""Users of a Cognito user pool over HTTP: both of their tokens, and what is refused."""

import json
from collections.abc import Callable, Iterator

import pytest

from service.core.clock import SystemClock
from tests.identity.issuer import REMOVE, publishing
from tests.identity.user_pool import COGNITO_SUBJECT, UserPool
from tests.journeys.issuers import assert_refused
from tests.stack.live_stack import LiveStack, video_body
from tests.stack.memory_stack import stack_in_memory

APP = "1example23456789"


class RealTimePool(UserPool):
    """Issues tokens for one of our app clients by the real clock."""

    def claims(self, **changes: object) -> dict[str, object]:
        client = {"aud": APP} if self.use == "id" else {"client_id": APP}
        return super().claims(**(client | changes))


@pytest.fixture(scope="module")
def pools() -> Iterator[dict[str, RealTimePool]]:
    with publishing() as publisher:
        pools = {use: RealTimePool(publisher, use) for use in ("id", "access")}
        for pool in pools.values():
            pool.connections.clear()
            pool.clock = SystemClock()  # type: ignore[assignment]
        yield pools


@pytest.fixture(scope="module")
def stack(pools: dict[str, RealTimePool]) -> Iterator[LiveStack]:
    with stack_in_memory(
        clock=SystemClock(),
        google_client_ids=(),
        cognito_user_pool_id="eu-central-1_AbCdEf123",
        cognito_client_ids=(APP,),
        cognito_jwks_url=pools["id"].publisher.url,
    ) as stack:
        yield stack


Make = Callable[[UserPool], str]
REFUSED: dict[str, Make] = {
    "alg none": lambda pool: pool.token(header={"alg": "none"}),
    "HS256": lambda pool: pool.with_secret("HS256", b"secret"),
    "another key": lambda pool: pool.signed(
        {"alg": "RS256", "kid": "one"}, json.dumps(pool.claims()).encode(), "other"
    ),
    "crit": lambda pool: pool.token(header={"crit": ["x"], "x": 1}),
    "jku": lambda pool: pool.token(kid="two", header={"jku": "https://evil.example/keys"}),
    "of Google": lambda pool: pool.token(iss="https://accounts.google.com"),
    "of another pool": lambda pool: pool.token(iss="https://cognito-idp.evil.example/x"),
    "of another app": lambda pool: pool.token(aud="evil", client_id="evil"),
    "a refresh token": lambda pool: pool.token(token_use="refresh"),
    "expired": lambda pool: pool.token(exp=pool.now - 61),
    "not valid yet": lambda pool: pool.token(nbf=pool.now + 1000),
    "sub missing": lambda pool: pool.token(sub=REMOVE),
    "sub of Google": lambda pool: pool.token(sub="110248495921238986420"),
    "nested": lambda pool: pool.signed(
        b'{"alg":"RS256","kid":"one","x":' + b"[" * 2500 + b"]" * 2500 + b"}", b"{}"
    ),
    "huge": lambda pool: pool.token(filler="x" * 9000),
    "cut off": lambda pool: pool.token()[:-8],
}


@pytest.mark.parametrize("use", ["id", "access"])
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_token_that_does_not_hold_changes_nothing(
    stack: LiveStack, pools: dict[str, RealTimePool], make: Make, use: str
) -> None:
    token = make(pools[use])
    assert_refused(stack, 401, "TOKEN_REJECTED", {"Authorization": f"Bearer {token}"})


def test_both_tokens_lead_to_one_account(stack: LiveStack, pools: dict[str, RealTimePool]) -> None:
    by_id, by_access = ({"Authorization": f"Bearer {pools[use].token()}"} for use in pools)
    before = stack.call("GET", "/credits", headers=by_access).json()["data"]
    assert before["registered"] is False
    body = video_body(COGNITO_SUBJECT)
    placed = stack.call("POST", "/videos", json=body, headers=by_id)
    assert placed.status_code == 200
    job = stack.call("GET", placed.headers["Location"], headers=by_access)
    assert job.json()["data"]["jobId"] == placed.json()["data"]["jobId"]
    after = stack.call("GET", "/credits", headers=by_access).json()["data"]
    assert after["registered"] is True
