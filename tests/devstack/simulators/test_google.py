import time

import jwt
import pytest
import requests

from tests.devstack.simulators.stack import START, Stack, Start

NOW = START // 1000
AUDIENCE = "farebox-local.apps.example"


def token(stack: Stack, **body: object) -> str:
    response = stack.call(
        "POST", "/google/__token", json={"sub": "117", "email": "cat@mail.example", **body}
    )
    assert response.status_code == 200, response.text
    return str(response.json()["token"])


def claims(signed: str) -> dict[str, object]:
    return jwt.decode(signed, options={"verify_signature": False})


def published(stack: Stack) -> dict[str, jwt.PyJWK]:
    response = stack.call("GET", "/google/oauth2/v3/certs")
    return {key["kid"]: jwt.PyJWK(key) for key in response.json()["keys"]}


def verifies(stack: Stack, signed: str) -> bool:
    key = published(stack).get(jwt.get_unverified_header(signed)["kid"])
    if key is None:
        return False
    jwt.decode(
        signed,
        key,
        algorithms=["RS256"],
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False},
    )
    return True


def test_a_token_verifies_with_the_published_keys_and_has_the_usual_claims(shared: Stack) -> None:
    signed = token(shared)
    assert verifies(shared, signed)
    header = jwt.get_unverified_header(signed)
    assert (header["typ"], header["alg"]) == ("JWT", "RS256")
    assert claims(signed) == {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "sub": "117",
        "email": "cat@mail.example",
        "email_verified": True,
        "iat": NOW,
        "exp": NOW + 3600,
    }


def test_any_claim_can_be_given_and_null_takes_one_away(shared: Stack) -> None:
    signed = token(
        shared,
        iss="https://evil.example",
        aud=["a", "b"],
        iat=1,
        exp=2,
        email_verified=False,
        email=None,
        nonce="n",
        hd=7,
    )
    assert claims(signed) == {
        "iss": "https://evil.example",
        "aud": ["a", "b"],
        "sub": "117",
        "email_verified": False,
        "iat": 1,
        "exp": 2,
        "nonce": "n",
        "hd": 7,
    }
    assert "sub" not in claims(token(shared, sub=None))
    assert claims(token(shared, iss=5))["iss"] == 5


def test_the_life_of_a_token_is_a_choice_and_no_claim(shared: Stack) -> None:
    assert claims(token(shared, expires_in=-10))["exp"] == NOW - 10
    assert "expires_in" not in claims(token(shared, expires_in=5))


@pytest.mark.parametrize(
    "body",
    [
        '{"email": "x"}',
        '{"sub": "1", "expires_in": "x"}',
        '{"sub": "1", "expires_in": NaN}',
        "{",
        "[]",
    ],
)
def test_a_wrong_order_is_400_with_a_sentence(shared: Stack, body: str) -> None:
    response = shared.call("POST", "/google/__token", data=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_the_keys_may_be_cached_and_hold_nothing_private(shared: Stack) -> None:
    response = shared.call("GET", "/google/oauth2/v3/certs")
    assert "max-age=3600" in response.headers["Cache-Control"]
    assert [set(key) for key in response.json()["keys"]] == [{"kty", "use", "alg", "kid", "n", "e"}]


def test_pyjwt_s_own_client_finds_the_key(shared: Stack) -> None:
    signed = token(shared, iat=int(time.time()) - 1, exp=int(time.time()) + 60)
    client = jwt.PyJWKClient(f"{shared.url}/google/oauth2/v3/certs")
    assert (
        jwt.decode(signed, client.get_signing_key_from_jwt(signed), ["RS256"], audience=AUDIENCE)[
            "sub"
        ]
        == "117"
    )


def test_a_rotation_drops_the_old_key(stack: Stack) -> None:
    old = token(stack)
    kid = stack.call("POST", "/google/__rotate").json()["kid"]
    assert not verifies(stack, old)
    assert list(published(stack)) == [kid]
    assert verifies(stack, token(stack))


def test_a_rotation_can_keep_the_old_key(stack: Stack) -> None:
    old = token(stack)
    stack.call("POST", "/google/__rotate", json={"keep": True})
    new = token(stack)
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    assert verifies(stack, old)
    assert verifies(stack, new)
    assert stack.call("POST", "/google/__rotate", json={"keep": "yes"}).status_code == 400


@pytest.mark.parametrize("fault", ["status:503", "html:502"])
def test_the_keys_can_be_unavailable(stack: Stack, fault: str) -> None:
    stack.arm("google", "certs", fault)
    assert stack.call("GET", "/google/oauth2/v3/certs").status_code == int(fault[-3:])
    assert published(stack)


def test_the_keys_can_be_unreachable_or_slow(stack: Stack) -> None:
    stack.arm("google", "certs", "reset")
    with pytest.raises(requests.ConnectionError):
        published(stack)
    stack.arm("google", "certs", "slow", seconds=4)
    assert published(stack)
    assert stack.clock.now() == START + 4000


def accounts(stack: Stack) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = stack.call("GET", "/google/__accounts").json()["accounts"]
    return listed


def test_the_accounts_are_those_that_got_a_token_the_latest_first(start: Start) -> None:
    stack = start()
    for subject in ("1", "2", "1"):
        token(stack, sub=subject, email=f"{subject}@mail.example")
    token(stack, sub=7, email="number@mail.example")
    token(stack, sub="3", email=None)
    assert accounts(stack) == [
        {"sub": "3", "email": ""},
        {"sub": "1", "email": "1@mail.example"},
        {"sub": "2", "email": "2@mail.example"},
    ]


def test_no_more_than_twenty_accounts_are_kept(start: Start) -> None:
    stack = start()
    for number in range(25):
        token(stack, sub=str(number))
    assert [account["sub"] for account in accounts(stack)] == [str(n) for n in range(24, 4, -1)]
