"""The simulated user pool: tokens that the service's own verifier accepts, and deleted users."""

import json
from typing import Any

import boto3
import jwt
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from service.accounts.hook_signatures import signed_seconds
from tests.devstack.simulators.stack import START, Receiver, Stack, Start

NOW = START // 1000
POOL, CLIENT = "us-east-1_Farebox01", "fareboxlocal"
SUBJECT = "0b6a8f0e-8f1f-4a53-9d53-5a6f0f5f2a11"


def token(stack: Stack, **body: object) -> str:
    response = stack.call("POST", "/cognito/__token", json={"sub": SUBJECT, **body})
    assert response.status_code == 200, response.text
    return str(response.json()["token"])


def claims(stack: Stack, signed: str) -> dict[str, Any]:
    """What a token says, once its signature holds."""
    published = stack.call("GET", f"/cognito/{POOL}/.well-known/jwks.json").json()["keys"]
    header = jwt.get_unverified_header(signed)
    assert "typ" not in header
    [key] = [jwt.PyJWK(each) for each in published if each["kid"] == header["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    found: dict[str, Any] = jwt.decode(signed, key, algorithms=["RS256"], options=options)
    return found


def users(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.call("GET", "/cognito/__users").json()
    return found


def delete(stack: Stack, username: str, pool: str = POOL) -> None:
    boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=f"{stack.url}/cognito",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    ).admin_delete_user(UserPoolId=pool, Username=username)


def test_an_id_token_has_the_usual_claims(shared: Stack) -> None:
    found = claims(shared, token(shared, email="ann@mail.example"))
    assert {name: found[name] for name in sorted(found.keys() - {"jti", "origin_jti"})} == {
        "iss": f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}",
        "sub": SUBJECT,
        "aud": CLIENT,
        "token_use": "id",
        "cognito:username": SUBJECT,
        "email": "ann@mail.example",
        "email_verified": True,
        "auth_time": NOW,
        "iat": NOW,
        "exp": NOW + 3600,
    }


def test_an_access_token_names_its_client_and_carries_no_email(shared: Stack) -> None:
    found = claims(shared, token(shared, token_use="access", email="ann@mail.example"))
    assert (found["client_id"], found["token_use"], found["username"]) == (
        CLIENT,
        "access",
        SUBJECT,
    )
    assert not {"aud", "email", "cognito:username"} & found.keys()


def test_any_claim_can_be_given_and_null_takes_one_away(shared: Stack) -> None:
    signed = token(shared, client_id="other", iss="https://evil.example", exp=2, auth_time=None)
    found = claims(shared, signed)
    assert (found["aud"], found["iss"], found["exp"]) == ("other", "https://evil.example", 2)
    assert "auth_time" not in found


def test_the_same_address_is_the_same_user(shared: Stack) -> None:
    made = []
    for email in ("a@mail.example", "a@mail.example", "b@mail.example"):
        response = shared.call("POST", "/cognito/__token", json={"email": email})
        made.append(claims(shared, response.json()["token"])["sub"])
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    "body", [{}, {"sub": SUBJECT, "token_use": "refresh"}, {"sub": SUBJECT, "expires_in": "x"}]
)
def test_a_call_that_makes_no_sense_is_refused(shared: Stack, body: dict[str, object]) -> None:
    assert shared.call("POST", "/cognito/__token", json=body).status_code == 400


def test_the_keys_of_another_pool_are_not_here(shared: Stack) -> None:
    assert shared.call("GET", "/cognito/us-east-1_Other/.well-known/jwks.json").status_code == 404


def test_keys_rotate(stack: Stack) -> None:
    signed = token(stack)
    stack.call("POST", "/cognito/__rotate", json={"keep": True})
    assert claims(stack, signed)["sub"] == SUBJECT
    assert claims(stack, token(stack))["sub"] == SUBJECT


def test_a_user_is_deleted_once(stack: Stack) -> None:
    token(stack, email="ann@mail.example")
    assert users(stack)["users"] == [
        {"username": SUBJECT, "sub": SUBJECT, "email": "ann@mail.example"}
    ]
    delete(stack, SUBJECT)
    assert users(stack) == {"users": [], "deleted": [SUBJECT]}
    for username, pool, code in (
        (SUBJECT, POOL, "UserNotFoundException"),
        (SUBJECT, "us-east-1_Other", "ResourceNotFoundException"),
    ):
        with pytest.raises(ClientError) as error:
            delete(stack, username, pool)
        assert error.value.response["Error"]["Code"] == code


def test_deletion_meets_the_armed_fault(stack: Stack) -> None:
    token(stack)
    stack.arm("cognito", "AdminDeleteUser", "status:429")
    with pytest.raises(ClientError) as error:
        delete(stack, SUBJECT)
    assert error.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert len(users(stack)["users"]) == 1


def test_a_confirmed_sign_up_is_sent_to_the_service(start: Start, receiver: Receiver) -> None:
    origin = receiver.url.partition("/callbacks")[0]
    stack = start(app_url=origin, cognito_hook_secret="s" * 32)
    body = {"email": "ann@mail.example"}
    made = stack.call("POST", "/cognito/__confirm", json=body).json()
    assert made["status"] == 200
    [(headers, raw)] = receiver.received
    assert signed_seconds(headers["Farebox-Signature"], raw, "s" * 32, NOW) == NOW
    event = json.loads(raw)
    assert event["triggerSource"] == "PostConfirmation_ConfirmSignUp"
    assert event["request"]["userAttributes"]["sub"] == made["sub"]
    assert [user["email"] for user in users(stack)["users"]] == ["ann@mail.example"]
