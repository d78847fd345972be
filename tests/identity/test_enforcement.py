from collections.abc import Callable

import pytest
import structlog
from flask import Blueprint, Flask, Response
from flask.testing import FlaskClient

from service.core.metrics import Metric
from service.core.principal import Operator, Principal
from service.core.scopes import KeyScope, Minted, SessionScope
from service.identity.enforcement import Gate, enforce
from service.identity.entities import Rejection, TokenRejected
from service.identity.freshness import FreshSignIns
from service.identity.operations import Identity
from service.identity.signatures import SignedRequest
from service.web.body import read_body
from service.web.cors import allow_origins
from service.web.endpoint import Access, Endpoint, declared_endpoints, endpoint
from service.web.errors import register_errors
from service.web.request_limits import RequestLimits
from service.web.request_log import log_requests
from service.web.responses import success
from service.web.schemas import StrictSchema, Text
from tests.doubles.accounts import Accounts
from tests.doubles.back_ends import BackEnds
from tests.doubles.clock import FakeClock
from tests.doubles.second_factors import ProvedBy
from tests.web.small_app import Counts

SITE = "https://app.example.com"


class GoogleSchema(StrictSchema):
    google_id = Text(data_key="GoogleID", required=True, max_length=255)


class Tokens:
    """Takes `good-<subject>`, and `good-<subject>-<when the user signed in>`."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    def verify(self, token: str) -> Principal:
        self.requested.append(token)
        if token.startswith("minted-"):
            _, key_id, *scopes = token.split("-")
            bound = Minted(key_id, frozenset({SITE}), False)
            granted = frozenset(scope.replace(".", ":") for scope in scopes)
            return Principal("us", "110", scopes=granted, minted=bound)
        if not token.startswith("good-"):
            raise TokenRejected(Rejection.SIGNATURE)
        subject, _, at = token.removeprefix("good-").partition("-")
        signed_in_at = int(at) if at else None
        return Principal("https://accounts.google.com", subject, authenticated_at=signed_in_at)


class NoOperators:
    """No route of these tests is for operators."""

    def admit_signed(self, request: SignedRequest) -> Operator:
        raise AssertionError(request)

    def admit_signed_in(self, sign_in: Callable[[], Principal], *, fresh: bool) -> Operator:
        raise AssertionError(fresh)


class Stack:
    def __init__(self, *, bare: bool = False, limits: tuple[int, int] = (0, 0)) -> None:
        self.tokens, self.reached = Tokens(), 0
        self.counts, self.back_ends = Counts(), BackEnds()
        self.clock, self.accounts = FakeClock(), Accounts("closed")
        self.app = Flask("x", static_folder=None)
        self.app.register_blueprint(self._blueprint())
        self.app.add_url_rule("/undeclared", view_func=lambda: success(None))
        log_requests(self.app, self.clock, self.counts, production=False)
        register_errors(self.app, self.counts)
        gate = Gate(
            identity=Identity(self.tokens, self.back_ends, trust_bare_google_id=bare),
            operators=NoOperators(),
            second_factors=ProvedBy(),
            fresh_sign_ins=FreshSignIns(self.clock, 900),
            accounts=self.accounts,
            server_keys=self.back_ends,
            limits=RequestLimits(
                self.clock, of_caller=limits[0], of_address=limits[1], of_sign_in=0
            ),
        )
        enforce(self.app, gate)
        allow_origins(self.app, (SITE,))
        self.client: FlaskClient = self.app.test_client()

    def _blueprint(self) -> Blueprint:
        blueprint = Blueprint("x", __name__)
        schema = GoogleSchema()

        @blueprint.get("/mine")
        @endpoint(Endpoint(access=Access.USER, summary=""))
        def mine(principal: Principal) -> Response:
            self.reached += 1
            return success(principal.subject)

        @blueprint.post("/mine")
        @endpoint(Endpoint(access=Access.USER, summary="", body=GoogleSchema, max_body_bytes=500))
        def make(principal: Principal) -> Response:
            self.reached += 1
            return success([principal.subject, read_body(schema)["google_id"]])

        @blueprint.delete("/mine/everything")
        @endpoint(Endpoint(access=Access.USER, summary="", fresh=True))
        def delete(principal: Principal) -> Response:
            self.reached += 1
            return success(principal.subject)

        @blueprint.get("/mine/balance")
        @endpoint(Endpoint(access=Access.USER, summary="", checks_account=True))
        def balance(principal: Principal) -> Response:
            self.reached += 1
            return success(principal.subject)

        @blueprint.get("/mine/jobs")
        @endpoint(Endpoint(access=Access.USER, summary="", scope=SessionScope.READ_JOBS))
        def jobs(principal: Principal) -> Response:
            self.reached += 1
            return success(principal.subject)

        @blueprint.post("/sessions")
        @endpoint(Endpoint(access=Access.SERVER, summary="", key_scope=KeyScope.SESSIONS))
        def mint(principal: Principal) -> Response:
            self.reached += 1
            return success(principal.subject)

        self._add_others(blueprint)
        return blueprint

    def _add_others(self, blueprint: Blueprint) -> None:
        @blueprint.get("/open")
        @endpoint(Endpoint(access=Access.PUBLIC, summary=""))
        def open_to_all() -> Response:
            return success("open")

        @blueprint.post("/sealed/<token>")
        @endpoint(Endpoint(access=Access.CALLBACK_TOKEN, summary=""))
        def sealed(token: str) -> Response:
            return success(token)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("header", ["Bearer good-110", "bearer good-110", "BEARER good-110"])
def test_a_user_s_route_is_called_with_who_calls(header: str) -> None:
    response = Stack().client.get("/mine", headers={"Authorization": header})
    assert (response.status_code, response.get_json()["data"]) == (200, "110")


def test_without_credentials_no_one_gets_in() -> None:
    stack = Stack()
    for response in (
        stack.client.get("/mine"),
        stack.client.post("/mine", json={"GoogleID": "110"}),
        stack.client.get("/mine", headers={"X-Google-ID": "110"}),
    ):
        assert (response.status_code, response.get_json()["code"]) == (
            401,
            "AUTHENTICATION_REQUIRED",
        )
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert stack.reached == 0


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "good-110",
        "Basic good-110",
        "Token good-110",
        "Bearer good-110 extra",
        "Bearer good-110,Bearer good-111",
        "Bearer good-110, Bearer good-110",
        "Bearer good-110\tx",
        "Bearer good-é",
        "Bearer\tgood-110",
        "Bearer  good-110",
        "Bearer \u00a0good-110",
        "Bearer good=110",
        "Bearer <good-110>",
    ],
)
def test_credentials_that_are_not_exactly_one_bearer_token_never_get_in(
    header: str, bare: bool
) -> None:
    stack = Stack(bare=bare)
    response = stack.client.get(
        "/mine", environ_overrides={"HTTP_AUTHORIZATION": header, "HTTP_X_GOOGLE_ID": "110"}
    )
    assert (response.status_code, response.get_json()["code"]) == (401, "AUTHENTICATION_REQUIRED")
    assert (stack.reached, stack.tokens.requested) == (0, [])


@pytest.mark.parametrize("bare", [False, True])
def test_a_bad_token_never_gets_in_whatever_else_is_claimed(bare: bool) -> None:
    stack = Stack(bare=bare)
    headers = bearer("bad") | {"X-Google-ID": "110"}
    for response in (
        stack.client.get("/mine", headers=headers),
        stack.client.post("/mine", json={"GoogleID": "110"}, headers=headers),
    ):
        assert (response.status_code, response.get_json()["code"]) == (401, "TOKEN_REJECTED")
        assert response.get_json()["details"] == {"reason": "signature"}
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert stack.reached == 0


def test_a_token_decides_over_a_claimed_id_even_where_that_is_trusted() -> None:
    response = Stack(bare=True).client.get(
        "/mine", headers=bearer("good-110") | {"X-Google-ID": "111"}
    )
    assert response.get_json()["data"] == "110"


def test_where_it_is_trusted_the_id_comes_from_the_header_or_else_the_body() -> None:
    client = Stack(bare=True).client
    assert client.get("/mine", headers={"X-Google-ID": "110"}).get_json()["data"] == "110"
    assert client.post("/mine", json={"GoogleID": "110"}).get_json()["data"] == ["110", "110"]
    response = client.post("/mine", json={"GoogleID": "111"}, headers={"X-Google-ID": "110"})
    assert response.get_json()["data"] == ["110", "111"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{}", 401, "AUTHENTICATION_REQUIRED"),
        (b'{"GoogleID": 110}', 401, "AUTHENTICATION_REQUIRED"),
        (b'{"GoogleID": "1#2"}', 401, "AUTHENTICATION_REQUIRED"),
        (b'{"GoogleID": 110248495921238986420}', 401, "AUTHENTICATION_REQUIRED"),
        (b'{"GoogleID": "undefined"}', 401, "AUTHENTICATION_REQUIRED"),
        (b'{"GoogleID": "null"}', 401, "AUTHENTICATION_REQUIRED"),
        (b'{"GoogleID": "110", "GoogleID": "111"}', 400, "MALFORMED_JSON"),
        (b"{", 400, "MALFORMED_JSON"),
        (b" " * 501, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_where_it_is_trusted_a_bad_body_names_no_one(body: bytes, status: int, code: str) -> None:
    stack = Stack(bare=True)
    response = stack.client.post("/mine", data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["code"], stack.reached) == (status, code, 0)


def test_public_routes_and_routes_with_a_callback_token_need_no_sign_in() -> None:
    stack = Stack()
    assert stack.client.get("/open", headers=bearer("bad")).get_json()["data"] == "open"
    assert stack.client.post("/sealed/x", headers=bearer("bad")).get_json()["data"] == "x"
    assert stack.tokens.requested == []


def test_a_route_that_declares_nothing_is_closed_and_found_at_the_start() -> None:
    stack = Stack()
    response = stack.client.get("/undeclared", headers=bearer("good-110"))
    assert (response.status_code, response.get_json()["code"]) == (500, "INTERNAL_ERROR")
    with pytest.raises(LookupError, match="/undeclared"):
        list(declared_endpoints(stack.app))


def test_what_reaches_no_view_needs_no_credentials() -> None:
    stack = Stack()
    assert stack.client.get("/nowhere").status_code == 404
    assert stack.client.delete("/mine").status_code == 405
    preflight = stack.client.options(
        "/mine", headers={"Origin": SITE, "Access-Control-Request-Method": "POST"}
    )
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, SITE)
    assert stack.reached == 0


def test_head_is_as_closed_as_get() -> None:
    stack = Stack()
    assert stack.client.head("/mine").status_code == 401
    assert stack.client.head("/mine", headers=bearer("good-110")).status_code == 200


def test_cors_opens_no_route() -> None:
    response = Stack().client.get("/mine", headers={"Origin": SITE})
    assert response.status_code == 401
    assert response.headers["Access-Control-Allow-Origin"] == SITE


def test_one_request_s_principal_is_not_the_next_one_s() -> None:
    stack = Stack()
    assert stack.client.get("/mine", headers=bearer("good-110")).get_json()["data"] == "110"
    assert stack.client.get("/mine").status_code == 401
    assert stack.client.get("/mine", headers=bearer("good-111")).get_json()["data"] == "111"


@pytest.mark.parametrize("age_seconds", [0, 900])
def test_a_route_that_needs_a_fresh_sign_in_takes_one(age_seconds: int) -> None:
    stack = Stack()
    token = f"good-110-{stack.clock.now() - age_seconds * 1000}"
    assert stack.client.delete("/mine/everything", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("bare", [False, True])
def test_a_route_that_needs_a_fresh_sign_in_refuses_all_others(bare: bool) -> None:
    stack = Stack(bare=bare)
    old = f"good-110-{stack.clock.now() - 900_001}"
    headers = [bearer(old), bearer("good-110")] + [{"X-Google-ID": "110"}] * bare
    for each in headers:
        response = stack.client.delete("/mine/everything", headers=each)
        assert (response.status_code, response.get_json()["code"]) == (401, "SIGN_IN_TOO_OLD")
        assert "insufficient_user_authentication" in response.headers["WWW-Authenticate"]
    assert stack.reached == 0
    assert stack.client.get("/mine", headers=bearer(old)).status_code == 200


def test_a_token_of_a_closed_account_reaches_no_view() -> None:
    stack = Stack()
    response = stack.client.get("/mine", headers=bearer("good-closed"))
    assert (response.status_code, response.get_json()["code"]) == (401, "ACCOUNT_CLOSED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (stack.reached, stack.accounts.checked) == (0, ["closed"])


def test_an_account_is_not_read_where_the_view_reads_it_anyway() -> None:
    stack = Stack()
    assert stack.client.get("/mine/balance", headers=bearer("good-110")).status_code == 200
    assert stack.client.get("/open").status_code == 200
    assert stack.client.get("/mine", headers=bearer("bad")).status_code == 401
    assert stack.accounts.checked == []


def test_a_caller_who_sends_too_much_learns_when_to_go_on() -> None:
    stack = Stack(limits=(2, 0))
    for _ in range(2):
        assert stack.client.get("/mine", headers=bearer("good-110")).status_code == 200
    response = stack.client.get("/mine", headers=bearer("good-110"))
    assert (response.status_code, response.get_json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert response.headers["Retry-After"] == "60"
    assert (stack.reached, len(stack.accounts.checked)) == (2, 2)
    assert stack.client.get("/mine", headers=bearer("good-111")).status_code == 200
    assert stack.client.get("/mine/balance", headers=bearer("good-110")).status_code == 200
    stack.clock.advance(60)
    assert stack.client.get("/mine", headers=bearer("good-110")).status_code == 200


def test_an_address_that_sends_too_much_is_not_even_authenticated() -> None:
    stack = Stack(limits=(0, 2))
    for header in ({}, bearer("bad"), bearer("good-110")):
        stack.client.get("/mine", headers=header | {"X-Forwarded-For": "1.1.1.1, 203.0.113.7"})
    assert stack.tokens.requested == ["bad"]
    spoofed = {"X-Forwarded-For": "8.8.8.8, 203.0.113.7"}
    assert stack.client.get("/mine", headers=spoofed).status_code == 429
    assert stack.client.get("/open", headers=spoofed).status_code == 200
    other = {"X-Forwarded-For": "203.0.113.7, 203.0.113.8"}
    assert stack.client.get("/mine", headers=bearer("good-110") | other).status_code == 200


def test_a_preflight_uses_up_nothing() -> None:
    stack = Stack(limits=(1, 1))
    preflight = {"Origin": SITE, "Access-Control-Request-Method": "GET"}
    for _ in range(3):
        assert stack.client.options("/mine", headers=preflight).status_code == 200
    assert stack.client.get("/mine", headers=bearer("good-110")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code", "reason"),
    [
        ({}, "AUTHENTICATION_REQUIRED", ""),
        (bearer("secret-token"), "TOKEN_REJECTED", "signature"),
        (bearer("good-closed"), "ACCOUNT_CLOSED", ""),
    ],
)
def test_whoever_is_refused_is_logged_and_counted_without_what_they_sent(
    headers: dict[str, str], code: str, reason: str
) -> None:
    stack = Stack()
    with structlog.testing.capture_logs() as lines:
        stack.client.get("/mine?q=secret-query", headers=headers)
        stack.client.get("/mine", headers=bearer("good-110"))
    (line,) = (line for line in lines if line["event"] == "access_refused")
    facts = {"code": code, "reason": reason, "method": "GET", "route": "/mine"}
    assert line == {"event": "access_refused", "log_level": "warning", **facts}
    counted = stack.counts.of(Metric.ACCESS_REFUSALS)
    assert counted == [(1, {"code": code, "reason": reason})]
    assert "secret" not in str(lines)
