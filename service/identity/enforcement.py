"""The one hook that decides whether a request reaches its view."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog
from flask import Flask, current_app, g, request

from service.core.account_gate import AccountGate
from service.core.principal import Operator, Principal, SignInMethod
from service.core.second_factor import SecondFactors
from service.core.server_key_gate import ServerKeyGate
from service.identity.entities import (
    AuthenticationRequired,
    OriginNotAllowed,
    ScopeMissing,
    ServerKeyNotAllowed,
    ServerKeyRequired,
    SignatureFault,
    SignatureRejected,
)
from service.identity.freshness import FreshSignIns
from service.identity.signatures import SignedRequest
from service.web.body import peek_json_field, peek_raw
from service.web.client_address import client_address
from service.web.endpoint import (
    SECOND_FACTOR_HEADER,
    Access,
    Endpoint,
    endpoint_of,
    is_operators,
)
from service.web.request_limits import RequestLimits

BARE_HEADER = "X-Google-ID"
BARE_FIELD = "GoogleID"
_SIGNATURE_HEADERS = ("Signature", "Signature-Input")

IN_A_PAGE = (
    "A server key belongs in no page, where every visitor can read it. Revoke it, and mint a "
    "session for the user, POST /auth/sessions."
)

# The scheme in any case (RFC 9110, 11.1), then exactly one space: the firewall counts requests by
# this header, in lower case, and one credential must not have many spellings.
_BEARER = re.compile(r"bearer ([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


class SignIn(Protocol):
    """Returns the caller or raises, as `Identity` does."""

    def sign_in(
        self, bearer: str | None, bare_google_id: Callable[[], str | None]
    ) -> Principal: ...


class AdmitOperators(Protocol):
    """Returns the operator or raises, as `Operators` does."""

    def admit_signed(self, request: SignedRequest) -> Operator: ...

    def admit_signed_in(self, sign_in: Callable[[], Principal], *, fresh: bool) -> Operator: ...


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What decides about a caller, in the order in which it does."""

    identity: SignIn
    operators: AdmitOperators
    fresh_sign_ins: FreshSignIns
    second_factors: SecondFactors
    accounts: AccountGate
    server_keys: ServerKeyGate
    limits: RequestLimits


def enforce(app: Flask, gate: Gate) -> None:
    """From here on a view is reached only if its route declares who may call it; one for users or
    back ends only with `g.principal` set, one for operators only with `g.operator`.

    An undeclared route returns 500 (and keeps the app from starting, see `declared_endpoints`).
    Unknown addresses and browsers' preflights pass: they reach no view. Below `/admin` an unknown
    address is refused like any other."""

    def decide() -> None:
        if _is_handled_by_flask():
            return
        if request.url_rule is None:
            if is_operators(request.path):
                g.operator = _admitted(gate, fresh=False)
            return
        declared = endpoint_of(current_app, request.endpoint)
        if declared is None:
            raise LookupError(f"{request.url_rule.rule} does not declare who may call it")
        if is_operators(request.path) and declared.access is not Access.OPERATOR:
            raise LookupError(f"{request.url_rule.rule} is not declared to be for operators")
        rule = request.url_rule.rule
        gate.limits.check_address(rule, declared, client_address())
        _let_in(rule, declared, gate)

    app.before_request(decide)


def _let_in(rule: str, declared: Endpoint, gate: Gate) -> None:
    match declared.access:
        case Access.PUBLIC | Access.CALLBACK_TOKEN:
            return
        case Access.USER:
            g.principal = _signed_in(rule, declared, gate)
        case Access.SERVER:
            g.principal = _back_end(rule, declared, gate)
        case Access.USER_OR_SERVER:
            g.principal = _user_or_back_end(rule, declared, gate)
        case Access.OPERATOR:
            g.operator = _admitted(gate, fresh=declared.fresh)
            _name_in_log(g.operator)
            gate.limits.check_caller(rule, declared, g.operator.operator_id)
            if declared.second_factor:
                gate.second_factors.check(g.operator, request.headers.get(SECOND_FACTOR_HEADER))
        case _:
            assert_never(declared.access)


def _signed_in(rule: str, declared: Endpoint, gate: Gate) -> Principal:
    principal = gate.identity.sign_in(_bearer(), _bare_google_id)
    if principal.method is SignInMethod.SERVER_KEY:
        raise ServerKeyNotAllowed
    return _admitted_user(principal, rule, declared, gate)


def _admitted_user(principal: Principal, rule: str, declared: Endpoint, gate: Gate) -> Principal:
    gate.limits.check_caller(rule, declared, principal.subject)
    _check_minted(principal, declared, gate)
    if declared.fresh:
        gate.fresh_sign_ins.check(principal.authenticated_at)
    if not declared.checks_account:
        gate.accounts.check(principal)
    return principal


def _back_end(rule: str, declared: Endpoint, gate: Gate) -> Principal:
    principal = gate.identity.sign_in(_bearer(), lambda: None)
    if principal.method is not SignInMethod.SERVER_KEY:
        raise ServerKeyRequired
    return _admitted_back_end(principal, rule, declared, gate)


def _admitted_back_end(
    principal: Principal, rule: str, declared: Endpoint, gate: Gate
) -> Principal:
    if declared.key_scope not in principal.scopes:
        raise ScopeMissing(declared.key_scope)
    gate.limits.check_back_end(rule, declared, principal.subject)
    return principal


def _user_or_back_end(rule: str, declared: Endpoint, gate: Gate) -> Principal:
    """A server key that a page of another origin sends has been published: it is good for every
    user of its back end."""
    principal = gate.identity.sign_in(_bearer(), _bare_google_id)
    if principal.method is not SignInMethod.SERVER_KEY:
        return _admitted_user(principal, rule, declared, gate)
    if "Origin" in request.headers:
        raise ServerKeyNotAllowed(IN_A_PAGE)
    return _admitted_back_end(principal, rule, declared, gate)


def _check_minted(principal: Principal, declared: Endpoint, gate: Gate) -> None:
    """A request without `Origin` comes from no page of another origin: browsers add it to all of
    those."""
    if not principal.may(declared.scope):
        raise ScopeMissing(declared.scope)
    if principal.minted is None:
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin not in principal.minted.origins:
        raise OriginNotAllowed
    gate.server_keys.check(principal.minted.key_id)


def _admitted(gate: Gate, *, fresh: bool) -> Operator:
    """A signature decides over a token, and a request with both is refused: one caller. A bare
    GoogleID makes no one an operator."""
    if any(name in request.headers for name in _SIGNATURE_HEADERS):
        return gate.operators.admit_signed(_signed_request())
    return gate.operators.admit_signed_in(
        lambda: gate.identity.sign_in(_bearer(), lambda: None), fresh=fresh
    )


def _name_in_log(operator: Operator) -> None:
    """The request's log lines say who acted, and on which user: an alarm leads to them."""
    subject = (request.view_args or {}).get("user_id")
    structlog.contextvars.bind_contextvars(
        operator_id=operator.operator_id, **({"user_id": subject} if subject else {})
    )


def _signed_request() -> SignedRequest:
    if "Authorization" in request.headers:
        raise SignatureRejected(SignatureFault.MALFORMED)
    return SignedRequest(
        method=request.method,
        authority=request.headers.get("Host", ""),
        # As it came: what is signed is not decoded.
        target=str(request.environ.get("RAW_URI", "")),
        headers={name.lower(): text for name, text in request.headers.items()},
        body=peek_raw,
    )


def _is_handled_by_flask() -> bool:
    return request.method == "OPTIONS" and getattr(
        request.url_rule, "provide_automatic_options", False
    )


def _bearer() -> str | None:
    given = request.headers.get("Authorization")
    if given is None:
        return None
    # A server joins several such headers with commas, which no token holds.
    match = _BEARER.fullmatch(given)
    if match is None:
        raise AuthenticationRequired("Send exactly one header Authorization: Bearer <token>.")
    return match[1]


def _bare_google_id() -> str | None:
    return request.headers.get(BARE_HEADER) or peek_json_field(BARE_FIELD)
