"""A small application with routes for operators, over a table in memory."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, request

from service.core.principal import Operator, Principal, SignInMethod
from service.identity.enforcement import Gate, enforce
from service.identity.entities import GOOGLE, Rejection, TokenRejected
from service.identity.freshness import FreshSignIns
from service.identity.operations import Identity
from service.identity.operator_keys import Keys, OperatorKeys, keys_of_setting
from service.identity.operators import Operators, OperatorTerms
from service.web.endpoint import MAX_SIGN_IN_AGE_SECONDS, Access, Endpoint, endpoint
from service.web.errors import register_errors
from service.web.request_limits import RequestLimits
from service.web.request_log import log_requests
from service.web.responses import success
from tests.doubles.accounts import Accounts
from tests.doubles.back_ends import BackEnds
from tests.doubles.clock import FakeClock
from tests.doubles.second_factors import ProvedBy
from tests.doubles.signer import MACHINE, PUBLIC_KEY, SHARED_SECRET, Signer
from tests.web.small_app import Counts

OPERATOR_KEYS = f"machine:hmac-sha256:{SHARED_SECRET},laptop:ed25519:{PUBLIC_KEY}"
BOSS = f"{GOOGLE}|boss"
BOSS_ALONE = OperatorTerms(subjects=frozenset({BOSS}))


class Tokens:
    """Takes `<subject>-<seconds since the sign-in>`, and `<subject>-unknown` for a token that does
    not say when its user signed in."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def verify(self, token: str) -> Principal:
        subject, _, age = token.partition("-")
        if age == "unknown":
            return Principal(GOOGLE, subject)
        if age == "session":
            now = self._clock.now()
            return Principal(GOOGLE, subject, method=SignInMethod.SESSION, authenticated_at=now)
        if not age.isdecimal():
            raise TokenRejected(Rejection.SIGNATURE)
        at = self._clock.now() - int(age) * 1000
        return Principal(GOOGLE, subject, authenticated_at=at)


class OperatorsApp:
    """`reached` names the operators whose requests came through."""

    def __init__(
        self,
        table: Any,
        read_keys: Callable[[], Keys] | None = None,
        terms: OperatorTerms = BOSS_ALONE,
    ) -> None:
        self.clock = FakeClock()
        self.second_factors = ProvedBy()
        self.reached: list[Operator] = []
        self.app = Flask("x", static_folder=None)
        self.app.register_blueprint(self._blueprint())
        log_requests(self.app, self.clock, Counts(), production=False)
        register_errors(self.app, Counts())
        keys = OperatorKeys(read_keys or (lambda: keys_of_setting(OPERATOR_KEYS)), self.clock)
        fresh = FreshSignIns(self.clock, MAX_SIGN_IN_AGE_SECONDS)
        operators = Operators(terms, keys, table, self.clock, fresh)
        identity = Identity(Tokens(self.clock), BackEnds(), trust_bare_google_id=True)
        gate = Gate(
            identity=identity,
            operators=operators,
            fresh_sign_ins=fresh,
            second_factors=self.second_factors,
            accounts=Accounts(),
            server_keys=BackEnds(),
            limits=RequestLimits(self.clock, of_caller=0, of_address=0, of_sign_in=0),
        )
        enforce(self.app, gate)
        self.client = self.app.test_client()

    def _blueprint(self) -> Blueprint:
        blueprint = Blueprint("x", __name__)

        @blueprint.get("/admin/users/<user_id>")
        @endpoint(Endpoint(access=Access.OPERATOR, summary=""))
        def read(operator: Operator, user_id: str) -> Response:
            self.reached.append(operator)
            return success(user_id)

        @blueprint.post("/admin/users/<user_id>")
        @endpoint(Endpoint(access=Access.OPERATOR, summary="", fresh=True, max_body_bytes=500))
        def change(operator: Operator, user_id: str) -> Response:
            self.reached.append(operator)
            return success(request.get_data().decode())

        @blueprint.post("/admin/users/<user_id>/credits")
        @endpoint(Endpoint(access=Access.OPERATOR, summary="", fresh=True, second_factor=True))
        def move(operator: Operator, user_id: str) -> Response:
            self.reached.append(operator)
            return success(user_id)

        @blueprint.get("/admin/mistake")
        @endpoint(Endpoint(access=Access.PUBLIC, summary=""))
        def mistake() -> Response:
            self.reached.append(Operator("", None, 0))  # type: ignore[arg-type]
            return success("open")

        return blueprint

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, str, str]:
        """Status, code and reason."""
        response = self.client.open(path, method=method, headers=dict(headers), data=body)
        content: Any = response.get_json(silent=True) or {}
        details = content.get("details") or {}
        return response.status_code, content.get("code", ""), details.get("reason", "")

    def signed(
        self,
        method: str = "POST",
        path: str = "/admin/users/ann",
        body: bytes = b"{}",
        signer: Signer = MACHINE,
        **changes: Any,
    ) -> dict[str, str]:
        return signer.sign(method, path, self.clock.now() / 1000, body, **changes)
