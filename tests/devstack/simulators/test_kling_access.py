import jwt
import pytest

from tests.devstack.simulators.stack import START, Stack, Start

NOW = START // 1000
ACCESS_KEY = "kling-local-access-key"
SECRET_KEY = "kling-local-secret-key-of-32-characters"
STRANGER = "a-stranger-s-secret-key-of-32-characters"


def token(secret: str = SECRET_KEY, algorithm: str = "HS256", **claims: object) -> str:
    usual: dict[str, object] = {"iss": ACCESS_KEY, "exp": NOW + 1800, "nbf": NOW - 5}
    return jwt.encode(usual | claims, secret, algorithm)


def code(stack: Stack, header: str | None) -> tuple[int, int]:
    headers = {} if header is None else {"Authorization": header}
    response = stack.call("GET", "/kling/v1/videos/image2video", headers=headers)
    return response.status_code, response.json()["code"]


def test_a_signed_token_opens(shared: Stack) -> None:
    assert code(shared, f"Bearer {token()}") == (200, 0)


def test_the_api_key_opens(shared: Stack) -> None:
    assert code(shared, "Bearer kling-local-api-key") == (200, 0)


@pytest.mark.parametrize("header", [None, ""])
def test_no_header_is_1001(shared: Stack, header: str | None) -> None:
    assert code(shared, header) == (401, 1001)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer another-api-key",
        "kling-local-api-key",
        "Basic kling-local-api-key",
        "Bearer  kling-local-api-key",
        f"Bearer {token(STRANGER)}",
        f"Bearer {token(SECRET_KEY * 2, 'HS512')}",
        f"Bearer {token(iss='somebody')}",
        f"Bearer {token(exp='tomorrow')}",
        f"Bearer {jwt.encode({'iss': ACCESS_KEY}, SECRET_KEY)}",
        f"Bearer {token(STRANGER, exp=NOW - 10)}",
    ],
    ids=[
        "key",
        "bare",
        "scheme",
        "spaces",
        "signature",
        "algorithm",
        "issuer",
        "exp-word",
        "no-exp",
        "forged-expired",
    ],
)
def test_a_header_that_is_not_ours_is_1002(shared: Stack, header: str) -> None:
    assert code(shared, header) == (401, 1002)


def test_an_unsigned_token_is_1002(shared: Stack) -> None:
    unsigned = jwt.encode({"iss": ACCESS_KEY, "exp": NOW + 1800}, "", "none")
    assert code(shared, f"Bearer {unsigned}") == (401, 1002)


def test_a_token_from_the_future_is_1003(shared: Stack) -> None:
    assert code(shared, f"Bearer {token(nbf=NOW + 1)}") == (401, 1003)
    assert code(shared, f"Bearer {token(nbf=NOW)}") == (200, 0)


def test_a_token_past_its_end_is_1004(shared: Stack) -> None:
    assert code(shared, f"Bearer {token(exp=NOW)}") == (401, 1004)
    assert code(shared, f"Bearer {token(exp=NOW + 1)}") == (200, 0)


def test_without_an_api_key_only_tokens_open(start: Start) -> None:
    stack = start(kling_api_key="")
    assert code(stack, "Bearer ") == (401, 1002)
    assert code(stack, f"Bearer {token()}") == (200, 0)


def test_a_create_without_access_leaves_no_task(stack: Stack) -> None:
    response = stack.kling(
        "POST",
        json={"image": "https://pictures.example/cat.png"},
        headers={"Authorization": "Bearer x"},
    )
    assert response.status_code == 401
    assert stack.tasks() == []
