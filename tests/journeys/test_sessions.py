"""Sessions over HTTP: opened with the token of a sign-in, refreshed, listed, ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import requests

from service.core.clock import SystemClock
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack, video_body

PAGE = "https://app.example.com"
OTHER_PAGE = "https://evil.example.com"
FROM_PAGE = {"Origin": PAGE, "X-CSRF-Protection": "1"}
COOKIE = "__Secure-farebox-refresh"
DEVICE = {"Fingerprint": "fp-of-a-phone"}


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start(clock=SystemClock(), cors_allowed_origins=(PAGE,), welcome_credits=5)


def opened(
    stack: LiveStack, sub: str = "ann", body: Any = None, **headers: str
) -> requests.Response:
    return stack.call(
        "POST",
        "/auth/session",
        stack.token(sub),
        json=DEVICE if body is None else body,
        headers=headers,
    )


def data(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()["data"]
    return content


def refreshed(stack: LiveStack, token: str) -> requests.Response:
    return stack.call("POST", "/auth/refresh", json={"refreshToken": token})


def refused(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def sessions(stack: LiveStack) -> list[dict[str, Any]]:
    return [item for item in stack.items() if item["SK"]["S"].startswith("SESSION#")]


def cookie_of(response: requests.Response) -> dict[str, str]:
    """The attributes of the one cookie that is set, in lower case."""
    name_and_value, *attributes = response.headers["Set-Cookie"].split("; ")
    name, _, value = name_and_value.partition("=")
    pairs = (attribute.partition("=") for attribute in attributes)
    return {"name": name, "value": value} | {left.lower(): right for left, _, right in pairs}


def test_a_user_signs_in_once_and_works_with_tokens_of_ours(stack: LiveStack) -> None:
    session = data(opened(stack))
    assert session["tokenType"] == "Bearer"
    assert session["expiresIn"] == 900
    assert session["user"] == {
        "userId": "ann",
        "email": "ann@example.com",
        "registered": True,
    }
    token = session["accessToken"]
    assert data(stack.call("GET", "/credits", token))["credits"] == 5
    video = stack.call("POST", "/videos", token, json=video_body("ann", DEVICE["Fingerprint"]))
    assert data(video)["status"] == "SUBMITTED"
    after = data(refreshed(stack, session["refreshToken"]))
    assert after["user"] == session["user"]
    assert after["sessionId"] == session["sessionId"]
    assert data(stack.call("GET", "/credits", after["accessToken"]))["registered"] is True


def test_without_a_device_a_stranger_gets_a_session_and_no_account(stack: LiveStack) -> None:
    session = data(opened(stack, body={}))
    assert session["user"]["registered"] is False
    assert stack.count() == 0
    token = session["accessToken"]
    assert data(stack.call("GET", "/credits", token))["registered"] is False
    # The first paid request makes the account, as with the token of the sign-in.
    assert stack.call("POST", "/videos", token, json=video_body("ann")).status_code == 200
    assert data(refreshed(stack, session["refreshToken"]))["user"]["registered"] is True
    assert stack.count() == 1
    stack.assert_proved()


def test_a_body_may_be_left_out(stack: LiveStack) -> None:
    session = data(stack.call("POST", "/auth/session", stack.token("ann")))
    assert session["user"]["registered"] is False
    token = session["accessToken"]
    assert data(stack.call("POST", "/auth/logout", token)) == {"ended": 1}


def test_a_device_of_somebody_else_opens_no_session(stack: LiveStack) -> None:
    data(opened(stack))
    before = stack.written()
    assert refused(opened(stack, "eve")) == (403, "DEVICE_ALREADY_USED")
    assert stack.written() == before


@pytest.mark.parametrize("kind", ["session", "bare", "none", "garbage"])
def test_only_a_provider_s_token_opens_a_session(stack: LiveStack, kind: str) -> None:
    own = data(opened(stack))["accessToken"]
    before = stack.written()
    headers = {
        "session": {"Authorization": f"Bearer {own}"},
        "bare": {"X-Google-ID": "ann"},
        "none": {},
        "garbage": {"Authorization": "Bearer x.y.z"},
    }[kind]
    response = stack.call("POST", "/auth/session", json=DEVICE, headers=headers)
    assert (
        refused(response)
        == {
            "session": (403, "PROVIDER_TOKEN_REQUIRED"),
            "bare": (401, "AUTHENTICATION_REQUIRED"),
            "none": (401, "AUTHENTICATION_REQUIRED"),
            "garbage": (401, "TOKEN_REJECTED"),
        }[kind]
    )
    assert stack.written() == before


def test_a_session_can_be_ended_here_elsewhere_and_everywhere(stack: LiveStack) -> None:
    first, second, third = (data(opened(stack, User_Agent=f"Tab {n}")) for n in range(3))
    token = first["accessToken"]
    listed = data(stack.call("GET", "/me/sessions", token))["sessions"]
    assert [each["sessionId"] for each in listed] == [
        each["sessionId"] for each in (third, second, first)
    ]
    assert [each["current"] for each in listed] == [False, False, True]
    one = f"/me/sessions/{second['sessionId']}"
    assert data(stack.call("DELETE", one, token)) == {"ended": 1}
    # Access tokens from before that are refused at once, those of live sessions are renewed.
    for path in ("/me/sessions", "/credits", "/jobs"):
        for each in (first, second, third):
            response = stack.call("GET", path, each["accessToken"])
            assert refused(response) == (401, "ACCESS_TOKEN_REVOKED")
    before = stack.written()
    video = stack.call("POST", "/videos", second["accessToken"], json=video_body("ann"))
    assert refused(video) == (401, "ACCESS_TOKEN_REVOKED")
    assert stack.written() == before
    first = data(refreshed(stack, first["refreshToken"]))
    token = first["accessToken"]
    assert data(stack.call("DELETE", one, token)) == {"ended": 0}
    assert refused(refreshed(stack, second["refreshToken"])) == (401, "REFRESH_TOKEN_REJECTED")
    assert data(stack.call("POST", "/auth/logout", token, json={"all": True})) == {"ended": 2}
    for session in (first, third):
        response = refreshed(stack, session["refreshToken"])
        assert response.json()["details"] == {"reason": "ended"}


def test_a_stranger_s_session_is_like_an_unknown_one(stack: LiveStack) -> None:
    ann, eve = data(opened(stack)), data(opened(stack, "eve", {}))
    before = stack.written()
    for session_id in (ann["sessionId"], "ses_x"):
        response = stack.call("DELETE", f"/me/sessions/{session_id}", eve["accessToken"])
        assert refused(response) == (404, "SESSION_NOT_FOUND")
    assert stack.written() == before


def test_the_token_of_a_sign_in_ends_all_sessions_but_has_none_of_its_own(
    stack: LiveStack,
) -> None:
    session, token = data(opened(stack)), stack.token("ann")
    assert refused(stack.call("POST", "/auth/logout", token)) == (403, "NO_SESSION")
    assert data(stack.call("POST", "/auth/logout", token, json={"all": True})) == {"ended": 1}
    assert refreshed(stack, session["refreshToken"]).status_code == 401


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "missing"),
        ({"refreshToken": "rt_x"}, "malformed"),
        ({"refreshToken": "x" * 512}, "malformed"),
    ],
)
def test_what_is_no_refresh_token_is_refused(
    stack: LiveStack, body: dict[str, str], reason: str
) -> None:
    api = ApiClient(stack)
    response = stack.call("POST", "/auth/refresh", json=body)
    details = api.assert_refused(response, 401, "REFRESH_TOKEN_REJECTED")
    assert details == {"reason": reason}


class StandingClock(SystemClock):
    """It stays the same moment, however long a machine takes for what happens at once."""

    def __init__(self) -> None:
        self._moment = super().now()

    def now(self) -> int:
        return self._moment


def test_fifty_refreshes_at_once_leave_one_successor(start: Callable[..., LiveStack]) -> None:
    stack = start(clock=StandingClock(), welcome_credits=5)
    token = data(opened(stack))["refreshToken"]
    with ThreadPoolExecutor(50) as executor:
        responses = list(executor.map(lambda _: refreshed(stack, token), range(50)))
    (successor,) = {data(response)["refreshToken"] for response in responses}
    assert data(refreshed(stack, successor))
    assert len(sessions(stack)) == 1


def test_a_page_keeps_its_refresh_token_in_a_cookie_that_no_script_reads(
    stack: LiveStack,
) -> None:
    response = opened(stack, body=DEVICE | {"cookie": True}, **FROM_PAGE)
    assert data(response)["refreshToken"] is None
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    cookie = cookie_of(response)
    value = cookie.pop("value")
    cookie.pop("expires")
    assert cookie == {
        "name": COOKIE,
        "path": "/auth",
        "max-age": str(30 * 24 * 3600),
        "samesite": "Strict",
        "secure": "",
        "httponly": "",
    }
    again = stack.call("POST", "/auth/refresh", headers={"Cookie": f"{COOKIE}={value}"} | FROM_PAGE)
    assert data(again)["refreshToken"] is None
    assert cookie_of(again)["value"] not in ("", value)
    ended = stack.call(
        "POST",
        "/auth/logout",
        data(again)["accessToken"],
        headers={"Cookie": f"{COOKIE}={cookie_of(again)['value']}"} | FROM_PAGE,
    )
    assert data(ended) == {"ended": 1}
    assert (cookie_of(ended)["value"], cookie_of(ended)["max-age"]) == ("", "0")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": PAGE},
        {"X-CSRF-Protection": "1"},
        {"Origin": OTHER_PAGE, "X-CSRF-Protection": "1"},
        {"Origin": "null", "X-CSRF-Protection": "1"},
        {"Origin": f"{PAGE}.evil.example.com", "X-CSRF-Protection": "1"},
        {"Origin": PAGE.replace("https", "http"), "X-CSRF-Protection": "1"},
        {"Origin": PAGE, "X-CSRF-Protection": "0"},
        {"Referer": f"{PAGE}/", "X-CSRF-Protection": "1"},
    ],
)
def test_a_cookie_counts_only_in_requests_of_allowed_pages(
    stack: LiveStack, headers: dict[str, str]
) -> None:
    page = opened(stack, body=DEVICE | {"cookie": True}, **FROM_PAGE)
    value = cookie_of(page)["value"]
    before = stack.written()
    forged = stack.call("POST", "/auth/refresh", headers={"Cookie": f"{COOKIE}={value}"} | headers)
    assert refused(forged) == (403, "CSRF_REJECTED")
    assert "Set-Cookie" not in forged.headers
    refused_open = opened(stack, body=DEVICE | {"cookie": True}, **headers)
    assert refused(refused_open) == (403, "CSRF_REJECTED")
    assert stack.written() == before


def test_a_cookie_whose_session_has_ended_is_removed(stack: LiveStack) -> None:
    page = opened(stack, body=DEVICE | {"cookie": True}, **FROM_PAGE)
    data(stack.call("POST", "/auth/logout", data(page)["accessToken"]))
    headers = {"Cookie": f"{COOKIE}={cookie_of(page)['value']}"} | FROM_PAGE
    response = stack.call("POST", "/auth/refresh", headers=headers)
    assert refused(response) == (401, "REFRESH_TOKEN_REJECTED")
    assert cookie_of(response)["max-age"] == "0"


def test_a_token_in_the_body_needs_no_page_and_sets_no_cookie(stack: LiveStack) -> None:
    session = data(opened(stack))
    response = stack.call(
        "POST",
        "/auth/refresh",
        json={"refreshToken": session["refreshToken"]},
        headers={"Cookie": f"{COOKIE}=x", "Origin": "chrome-extension://abcdefghijklmnop"},
    )
    assert data(response)["refreshToken"]
    assert "Set-Cookie" not in response.headers


def test_pages_may_send_cookies_below_auth_alone(stack: LiveStack) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Origin": PAGE}
    wanted |= {"Access-Control-Request-Headers": "authorization,content-type,x-csrf-protection"}
    preflight = stack.call("OPTIONS", "/auth/refresh", headers=wanted)
    assert preflight.headers["Access-Control-Allow-Credentials"] == "true"
    assert "x-csrf-protection" in preflight.headers["Access-Control-Allow-Headers"].lower()
    elsewhere = stack.call("OPTIONS", "/videos", headers=wanted)
    assert "Access-Control-Allow-Credentials" not in elsewhere.headers
    other = stack.call("OPTIONS", "/auth/refresh", headers=wanted | {"Origin": OTHER_PAGE})
    assert "Access-Control-Allow-Credentials" not in other.headers
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_back_end_verifies_our_tokens_by_the_published_keys(stack: LiveStack) -> None:
    response = stack.call("GET", "/.well-known/jwks.json")
    assert response.headers["Content-Type"] == "application/json"
    assert "max-age" in response.headers["Cache-Control"]
    token = data(opened(stack))["accessToken"]
    key = jwt.PyJWKSet.from_dict(response.json())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key.key, ["ES256"], audience="farebox", issuer=stack.settings.core.public_url
    )
    assert claims["sub"] == "ann"
    assert claims["idp"] == "https://accounts.google.com"


def test_more_sign_ins_in_a_minute_than_people_make_are_refused(
    start: Callable[..., LiveStack],
) -> None:
    stack = start(clock=SystemClock(), sign_in_request_limit=2)
    token = stack.token("ann")
    found = [stack.call("POST", "/auth/session", token).status_code for _ in range(3)]
    assert found == [200, 200, 429]
    assert len(sessions(stack)) == 2
