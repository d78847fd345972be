"""Every route below /admin, those of the future too, refuses everybody but an operator, with the
right code, and changes nothing."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from http_message_signatures import algorithms

from service.app import create_app
from service.identity.operations import Identity
from service.web.endpoint import OPERATOR_PREFIX, Endpoint, declared_endpoints, is_operators
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import COVERED, LAPTOP, MACHINE, PUBLIC_KEY, Signer
from tests.faults.enumeration.tables import MemoryBehind
from tests.identity.operators_app import Tokens
from tests.passkeys.operator_browser import URL, OperatorBrowser
from tests.server_keys.stored import used_key

BODY = b'{"reason": "for the matrix", "amount": 1}'
REASON = b'{"reason": "for the matrix"}'
KEY = {"Idempotency-Key": "key-of-the-matrix"}
JSON = {"Content-Type": "application/json"}
REJECTED = (401, "SIGNATURE_REJECTED")

Headers = dict[str, str]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    declared: Endpoint


@dataclass
class Site:
    """A service with one user, and what is stored there."""

    world: ServiceHarness
    routes: list[Route]
    client: FlaskClient
    proof: str = ""
    server_key: str = ""

    @property
    def operator(self) -> Headers:
        """Of an operator who signed in now, and has used a passkey."""
        return bearer("boss-0") | {"X-Second-Factor": self.proof}

    @property
    def now_seconds(self) -> float:
        return float(self.world.clock.now()) / 1000

    def signed(self, route: Route, signer: Signer = MACHINE, **changes: Any) -> Headers:
        arguments = {"method": route.method, "path": route.path, "body": BODY, "headers": KEY}
        given = {"now_seconds": self.now_seconds, **arguments, **changes}
        return signer.sign(**given)

    def call(self, route: Route, headers: Headers, body: bytes = BODY) -> tuple[int, str]:
        response = self.client.open(
            route.path, method=route.method, headers={**JSON, **headers}, data=body
        )
        content: Any = response.get_json()
        return response.status_code, content.get("code", "")


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name, public_url=URL)


@pytest.fixture
def site(world: ServiceHarness) -> Site:
    world.submit("ann")
    world.parts.get(Identity)._tokens = Tokens(world.clock)
    app = create_app(world.parts)
    routes = [
        Route(method, re.sub("<[a-z_:]+>", "ann", rule), declared)
        for rule, method, declared in declared_endpoints(app)
        if is_operators(rule)
    ]
    boss = OperatorBrowser(world, app.test_client())
    boss.enrol()
    return Site(world, routes, boss.client, boss.prove(), used_key(world)[1])


IDS = {"webhook_id": "whk", "key_id": "key", "event_id": "evt", "job_id": "job"}


def _well_formed(part: re.Match[str]) -> str:
    prefix = IDS.get(part[1])
    return f"{prefix}_{'0' * 26}" if prefix else "ann"


def bearer(token: str) -> Headers:
    return {**KEY, "Authorization": f"Bearer {token}"}


Case = Callable[[Site, Route], Headers]
STRANGERS: dict[str, tuple[Case, tuple[int, str]]] = {
    "anonymous": (lambda site, route: dict(KEY), (401, "AUTHENTICATION_REQUIRED")),
    "bare id": (lambda site, route: {"X-Google-ID": "boss"}, (401, "AUTHENTICATION_REQUIRED")),
    "bad token": (lambda site, route: bearer("bad"), (401, "TOKEN_REJECTED")),
    "user": (lambda site, route: bearer("ann-0"), (403, "OPERATOR_REQUIRED")),
    "bad server key": (lambda site, route: bearer("sk_bad"), (401, "TOKEN_REJECTED")),
    "server key": (lambda site, route: bearer(site.server_key), (403, "OPERATOR_REQUIRED")),
    "token and signature": (
        lambda site, route: site.signed(route) | bearer("boss-0"),
        REJECTED,
    ),
}
TIMES: dict[str, dict[str, Any]] = {
    "expired": {"created": -61},
    "from the future": {"created": 10},
    "too long": {"life": 61},
    "without an end": {"life": None},
    "without a nonce": {"nonce": None},
}
ALTERED: dict[str, dict[str, Any]] = {
    "method": {"method": "PATCH"},
    "path": {"path": "/admin/elsewhere"},
    "query": {"path": "/admin/elsewhere?x=1"},
    "authority": {"authority": "elsewhere.example"},
    "body": {"body": b"{}"},
    "key": {"headers": {"Idempotency-Key": "another"}},
    "no key": {"headers": {}},
}
SIGNERS = {
    "unknown key id": Signer("stranger"),
    "another secret": Signer("machine", b"another" * 8),
    "wrong algorithm": Signer("laptop", PUBLIC_KEY.encode(), algorithms.HMAC_SHA256),
    "another algorithm": Signer("machine", LAPTOP.key, algorithms.ED25519),
}


def cases() -> Iterator[tuple[str, Case, tuple[int, str]]]:
    for name, (case, expected) in STRANGERS.items():
        yield name, case, expected
    for name, changes in TIMES.items():
        yield name, _signed_with(changes), REJECTED
    for part in (*COVERED, "idempotency-key"):
        covered = tuple(each for each in (*COVERED, "idempotency-key") if each != part)
        yield f"{part} not covered", _signed_with({"covered": covered}), REJECTED
    for name, changes in ALTERED.items():
        yield f"{name} altered", _signed_and_altered(changes), REJECTED
    for name, signer in SIGNERS.items():
        yield name, _signed_with({"signer": signer}), REJECTED


def _signed_with(changes: dict[str, Any]) -> Case:
    return lambda site, route: site.signed(route, **changes)


def _signed_and_altered(changes: dict[str, Any]) -> Case:
    """Signed for another request, then sent as this one."""
    return lambda site, route: site.signed(route, **changes) | KEY


def test_the_matrix_holds_routes_of_all_kinds(site: Site) -> None:
    assert {route.method for route in site.routes} >= {"GET", "POST"}
    assert len(site.routes) >= 8


def test_whatever_changes_anything_needs_a_fresh_sign_in_and_a_key(site: Site) -> None:
    """A search sends what it searches for in the body, since addresses are kept in logs. A proof
    changes nothing but what its own challenge guards."""
    keyless = ("/search", "/passkeys/proofs")
    wrong = [
        route.path
        for route in site.routes
        if (route.method != "GET" and not route.path.endswith(keyless))
        != ("Idempotency-Key" in (route.declared.headers or {}))
        or (route.method != "GET" and not route.path.endswith("/search")) != route.declared.fresh
    ]
    assert wrong == []


def test_no_one_but_an_operator_gets_anywhere_and_nothing_changes(site: Site) -> None:
    before = site.world.items()
    wrong = []
    for route in site.routes:
        for name, case, expected in cases():
            found = site.call(route, case(site, route))
            if found != expected:
                wrong.append(f"{route.method} {route.path}, {name}: {found}")
        if site.world.items() != before:
            wrong.append(f"{route.method} {route.path} has written")
    assert wrong == []


def test_an_operator_who_signed_in_long_ago_changes_nothing(site: Site) -> None:
    before = site.world.items()
    fresh = [route for route in site.routes if route.declared.fresh]
    for token in ("boss-901", "boss-unknown"):
        found = {site.call(route, bearer(token)) for route in fresh}
        assert found == {(401, "SIGN_IN_TOO_OLD")}, token
    assert site.world.items() == before


def test_a_sign_in_alone_opens_no_route_that_needs_a_second_factor(site: Site) -> None:
    before = site.world.items()
    strong = [route for route in site.routes if route.declared.second_factor]
    assert len(strong) > 20
    for proof in ({}, {"X-Second-Factor": ""}, {"X-Second-Factor": f"{site.proof}x"}):
        found = {site.call(route, bearer("boss-0") | proof) for route in strong}
        assert found == {(401, "SECOND_FACTOR_REQUIRED")}
    assert site.world.items() == before


def test_operators_reach_every_route(site: Site) -> None:
    """Or the refusals above would prove nothing."""
    closed = {"AUTHENTICATION_REQUIRED", "OPERATOR_REQUIRED", "SIGNATURE_REJECTED"}
    closed |= {"SECOND_FACTOR_REQUIRED"}
    for route in site.routes:
        for headers in (site.signed(route), site.signed(route, LAPTOP), site.operator):
            status, code = site.call(route, headers)
            assert status < 500, f"{route.method} {route.path}: {code}"
            assert code not in closed, f"{route.method} {route.path}: {code}"


def test_a_replayed_request_changes_nothing(site: Site) -> None:
    for route in site.routes:
        headers = site.signed(route)
        site.call(route, headers)
        before = site.world.items()
        assert site.call(route, headers) == REJECTED, route.path
        assert site.world.items() == before, route.path


@pytest.mark.parametrize("bad", ["x" * 1500, "%C3%A4", "x%23y"], ids=["long", "foreign", "hash"])
def test_ids_that_cannot_be_ours_are_not_found_and_change_nothing(site: Site, bad: str) -> None:
    """DynamoDB refuses a sort key above 1,024 bytes: such an id must not become one. One id of a
    path at a time, the others in the form of ours."""
    before = [item for item in site.world.items() if "NONCE#" not in item["PK"]["S"]]
    wrong = []
    for rule, method, declared in declared_endpoints(create_app(site.world.parts)):
        for name in re.findall("<([a-z_]+)>", rule) if is_operators(rule) else ():
            path = re.sub("<([a-z_]+)>", _well_formed, rule.replace(f"<{name}>", bad))
            for body in (BODY, REASON):
                route = Route(method, path, declared)
                status, code = site.call(route, site.operator, body)
                is_empty_page = status == 200 and rule.endswith("/failures")
                if not (status in (400, 404) or is_empty_page) or code == "ROUTE_NOT_FOUND":
                    wrong.append(f"{method} {rule}, {name}: {status} {code}")
    assert wrong == []
    assert [item for item in site.world.items() if "NONCE#" not in item["PK"]["S"]] == before


@pytest.mark.parametrize("path", [OPERATOR_PREFIX, f"{OPERATOR_PREFIX}/nowhere"])
def test_addresses_with_nothing_at_them_are_refused_alike(site: Site, path: str) -> None:
    (route, *_) = site.routes
    nowhere = Route("GET", path, route.declared)
    for name, case, expected in cases():
        assert site.call(nowhere, case(site, nowhere)) == expected, name
    assert site.call(nowhere, site.signed(nowhere)) == (404, "ROUTE_NOT_FOUND")
