"""Every route of the service, those of the future too, lets in exactly the callers that it is for,
and shows no one another user's data."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.catalog.entities import IMAGE_TO_VIDEO
from service.core.clock import iso
from service.core.principal import Principal, SignInMethod
from service.core.scopes import Minted, SessionScope
from service.identity.entities import GOOGLE, Rejection, TokenRejected
from service.identity.operations import Identity
from service.ledger import keys
from service.ledger.entities import WalletStatus
from service.sessions.operations import Sessions
from service.storage.writes import Update, When
from service.uploads.entities import Facts, Upload
from service.uploads.operations import Uploads
from service.uploads.store import outcome_write
from service.users.linking import Identities
from service.web.endpoint import Access, Endpoint, declared_endpoints
from tests.billing.world import BillingWorld
from tests.doubles.clock import FakeClock
from tests.doubles.meter import Meter
from tests.doubles.people import cognito
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import MACHINE
from tests.server_keys.stored import used_key

# Whoever adds a route for everybody adds it here: a decision of its own.
PUBLIC = re.compile(
    r"/|/health(/(live|ready))?|/openapi\.json|/docs(/.*)?|/favicon\.ico|/auth/.*|/hooks/.*"
    r"|/\.well-known/.*|/prompts|/subscription/plans|/credits/packages"
    r"|/stripe/webhook|/webhooks/stripe"
)
QUERIES = {"/credits/quote": {"operation": IMAGE_TO_VIDEO}, "/credits/cost": {}}
# They report an erasure to whoever requested it, until the token ends.
OF_ERASURE = {"DELETE /me/account", "GET /me/account/erasure"}
HOUR_MS = 3_600_000
NEW_ID = "0" * 26
PAGE = "https://app.example.com"
ORIGINS = frozenset({PAGE})

Headers = dict[str, str]


class Tokens:
    """Takes `<kind>-<subject>`; with the kind `old` the user signed in an hour ago. A server key
    minted `minted` with every scope, and `bound` with none; it is `key_id`."""

    def __init__(self, clock: FakeClock, key_id: str) -> None:
        self._clock = clock
        self._key_id = key_id

    def verify(self, token: str) -> Principal:
        kind, _, subject = token.partition("-")
        sessions = dict.fromkeys(("session", "minted", "bound"), SignInMethod.SESSION)
        methods = {"cognito": SignInMethod.COGNITO, **sessions}
        if kind not in ("user", "old", *methods):
            raise TokenRejected(Rejection.SIGNATURE)
        now = self._clock.now()
        return Principal(
            GOOGLE,
            subject,
            method=methods.get(kind, SignInMethod.GOOGLE),
            session_id="ses_1" if kind in sessions else None,
            minted=Minted(self._key_id, ORIGINS, False) if kind in ("minted", "bound") else None,
            scopes=frozenset(SessionScope) if kind == "minted" else frozenset(),
            authenticated_at=now - HOUR_MS if kind == "old" else now,
            issued_at=now,
        )


@dataclass(frozen=True)
class Route:
    method: str
    rule: str
    declared: Endpoint

    def path(self, ids: Mapping[str, str]) -> str:
        return re.sub("<(?:[a-z]+:)?([a-z_]+)>", lambda part: ids.get(part[1], "x"), self.rule)

    @property
    def parameters(self) -> list[str]:
        return re.findall("<(?:[a-z]+:)?([a-z_]+)>", self.rule)

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


@dataclass
class Site:
    """A service with the users Ann and Bob, who has one of everything that has an id."""

    world: ServiceHarness
    client: FlaskClient
    routes: list[Route]
    server_key: str
    unknown: dict[str, str] = field(default_factory=dict)
    of_bob: dict[str, str] = field(default_factory=dict)

    def of(self, access: Access) -> list[Route]:
        return [route for route in self.routes if route.declared.access is access]

    def call(
        self, route: Route, headers: Headers, ids: Mapping[str, str] | None = None
    ) -> TestResponse:
        example = route.declared.example
        with_body = {"json": dict(example)} if example else {}
        return self.client.open(
            route.path(self.unknown if ids is None else ids),
            method=route.method,
            headers={"Idempotency-Key": "key-of-the-matrix", **headers},
            query_string=QUERIES.get(route.rule, {}),
            **with_body,
        )

    def outcome(self, route: Route, headers: Headers) -> tuple[int, str]:
        response = self.call(route, headers)
        content: Any = response.get_json(silent=True) or {}
        return response.status_code, content.get("code", "") if content else ""


@pytest.fixture
def site(client: Any, table_name: str) -> Site:
    selling = BillingWorld(client, table_name, uploads_bucket="uploads-of-the-matrix")
    world = selling.harness
    world.submit("ann", device="of Ann")
    job_id = world.submit("bob", device="of Bob").job.job_id
    _, linked = world.parts.get(Identities).link("bob", cognito())
    key, server_key = used_key(world)
    world.parts.get(Identity)._tokens = Tokens(world.clock, key.key_id)
    app = create_app(world.parts)
    # Deletions last: one of them may end the account that the others need.
    routes = sorted(
        (Route(method, rule, declared) for rule, method, declared in declared_endpoints(app)),
        key=lambda route: (route.method == "DELETE", str(route)),
    )
    by_bob = Principal(GOOGLE, "bob", method=SignInMethod.GOOGLE)
    session = world.parts.get(Sessions).open("bob", by_bob, "Bob's phone", world.clock.now())
    order = selling.begin("bob").order
    made_up = job_id[: -len(NEW_ID)] + NEW_ID
    upload = finished_upload(world)
    return Site(
        world,
        app.test_client(),
        routes,
        server_key,
        unknown={
            "job_id": made_up,
            "identity_id": "A" * 22,
            "session_id": f"ses_{NEW_ID}",
            "order_id": f"ord_{NEW_ID}",
            "upload_id": f"upl_{NEW_ID}",
        },
        of_bob={
            "job_id": job_id,
            "identity_id": linked.identity_id,
            "session_id": session.session_id,
            "order_id": order.order_id,
            "upload_id": upload.upload_id,
        },
    )


def finished_upload(world: ServiceHarness) -> Upload:
    """An upload of Bob's whose file was received: no request about it reaches the storage."""
    begun = world.parts.get(Uploads).begin("bob", "image/png", 1000).upload
    ready = begun.ready("version", 1000, Facts(width=320, height=320))
    world.table.write(outcome_write(ready))
    return ready


def close_wallet(world: ServiceHarness, user_id: str) -> None:
    closed = {"status": WalletStatus.CLOSED, "updatedAt": iso(world.clock.now())}
    world.table.write(
        Update(keys.wallet(user_id), When(equals={"status": WalletStatus.OPEN}), set=closed)
    )


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def signed(site: Site, route: Route) -> Headers:
    """As a machine of the operators signs."""
    path = route.path(site.unknown)
    return MACHINE.sign(route.method, path, site.world.clock.now() / 1000, b"")


Case = Callable[[Site, Route], Headers]
REQUIRED = (401, "AUTHENTICATION_REQUIRED")
STRANGERS: dict[str, tuple[Case, tuple[int, str]]] = {
    "anonymous": (lambda site, route: {}, REQUIRED),
    "bare id": (lambda site, route: {"X-Google-ID": "ann"}, REQUIRED),
    "password": (lambda site, route: {"Authorization": "Basic YW5uOnB3"}, REQUIRED),
    "cookie": (lambda site, route: {"Cookie": "session=user-ann"}, REQUIRED),
    "operators' signature": (signed, REQUIRED),
    "bad token": (lambda site, route: bearer("bad-ann"), (401, "TOKEN_REJECTED")),
    "bad server key": (lambda site, route: bearer("sk_bad"), (401, "TOKEN_REJECTED")),
    "server key": (
        lambda site, route: bearer(site.server_key),
        (403, "SERVER_KEY_NOT_ALLOWED"),
    ),
    "session without the scope": (
        lambda site, route: bearer("bound-ann"),
        (403, "SCOPE_MISSING"),
    ),
    "closed account": (lambda site, route: bearer("user-zoe"), (401, "ACCOUNT_CLOSED")),
    "session of a closed account": (
        lambda site, route: bearer("session-zoe"),
        (401, "ACCOUNT_CLOSED"),
    ),
}


def test_every_route_declares_its_callers_and_few_are_for_everybody(site: Site) -> None:
    assert len(site.routes) > 30
    wrong = [str(route) for route in site.of(Access.PUBLIC) if not PUBLIC.fullmatch(route.rule)]
    assert wrong == []


def test_users_routes_refuse_everybody_else_and_write_nothing(site: Site) -> None:
    site.world.submit("zoe", device="of Zoe")
    close_wallet(site.world, "zoe")
    before, wrong = site.world.items(), []
    for route in site.of(Access.USER):
        for name, (case, expected) in STRANGERS.items():
            found = site.outcome(route, case(site, route))
            if str(route) in OF_ERASURE and expected[1] == "ACCOUNT_CLOSED":
                assert found[0] == 404, f"{route}, {name}: {found}"
            elif found != expected:
                wrong.append(f"{route}, {name}: {found}")
    assert wrong == []
    assert site.world.items() == before


def test_an_old_sign_in_opens_no_route_that_needs_a_fresh_one(site: Site) -> None:
    before = site.world.items()
    fresh = [route for route in site.of(Access.USER) if route.declared.fresh]
    for route in fresh:
        assert site.outcome(route, bearer("old-ann")) == (401, "SIGN_IN_TOO_OLD"), str(route)
    assert site.world.items() == before


@pytest.mark.parametrize("token", ["user-ann", "cognito-ann", "session-ann", "user-nobody"])
def test_users_routes_are_open_to_users_of_every_kind(site: Site, token: str) -> None:
    """Or the refusals above would prove nothing."""
    for route in site.of(Access.USER):
        status, code = site.outcome(route, bearer(token))
        assert status < 500, f"{route}: {status} {code}"
        assert status not in (401, 405), f"{route}: {status} {code}"


def test_back_ends_routes_refuse_everybody_else_and_write_nothing(site: Site) -> None:
    before = site.world.items()
    own = {"server key", "session without the scope", "closed account"}
    cases = {name: case for name, case in STRANGERS.items() if name not in own}
    for route in site.of(Access.SERVER):
        for name, (case, expected) in cases.items():
            if "closed" not in name:
                assert site.outcome(route, case(site, route)) == expected, f"{route}, {name}"
        for token in ("user-ann", "cognito-ann", "session-ann", "minted-ann", "old-ann"):
            expected = (403, "SERVER_KEY_REQUIRED")
            assert site.outcome(route, bearer(token)) == expected, f"{route}, {token}"
    assert site.world.items() == before


def test_a_minted_session_opens_the_routes_of_its_scopes_to_pages_of_its_origins(
    site: Site,
) -> None:
    for route in site.of(Access.USER):
        before, is_open = site.world.items(), route.declared.scope is not None
        elsewhere = site.outcome(route, bearer("minted-ann") | {"Origin": "https://evil.example"})
        refusal = "ORIGIN_NOT_ALLOWED" if is_open else "SCOPE_MISSING"
        assert elsewhere == (403, refusal), str(route)
        assert site.world.items() == before
        for origin in ({}, {"Origin": PAGE}):
            status, code = site.outcome(route, bearer("minted-ann") | origin)
            assert (status in (401, 403)) is not is_open, f"{route}: {status} {code}"


@pytest.mark.parametrize("token", ["user-ann", "cognito-ann", "session-ann", "session-boss"])
def test_no_user_and_no_session_opens_an_operators_route(site: Site, token: str) -> None:
    before = site.world.items()
    for route in site.of(Access.OPERATOR):
        assert site.outcome(route, bearer(token)) == (403, "OPERATOR_REQUIRED"), str(route)
    assert site.world.items() == before


def test_ids_of_other_users_respond_exactly_like_unknown_ones(site: Site) -> None:
    routes = [route for route in site.of(Access.USER) if route.parameters]
    assert routes
    for route in routes:
        assert set(route.parameters) <= site.of_bob.keys(), f"{route}: what is Bob's?"
        before = site.world.items()
        foreign = _anonymised(site.call(route, bearer("user-ann"), site.of_bob))
        unknown = _anonymised(site.call(route, bearer("user-ann"), site.unknown))
        assert foreign == unknown, str(route)
        assert foreign[0] == 404, str(route)
        assert site.world.items() == before
        assert site.call(route, bearer("user-bob"), site.of_bob).status_code == 200, str(route)


def _anonymised(response: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers without what names the request."""
    request_id = response.headers["X-Request-Id"]
    headers = [(name, text) for name, text in response.headers if name != "X-Request-Id"]
    return response.status_code, response.data.replace(request_id.encode(), b""), headers


@pytest.mark.parametrize(
    ("method", "rule", "calls"),
    [
        ("GET", "/credits", ["GetItem"]),
        ("POST", "/credits/quote", ["GetItem"]),
        # With an Idempotency-Key: the wallet and the key at one moment.
        ("POST", "/videos", ["TransactGetItems", "TransactWriteItems", "UpdateItem"]),
        ("GET", "/jobs", ["GetItem", "Query"]),
    ],
)
def test_authentication_costs_no_call_where_the_wallet_is_read_anyway(
    site: Site, client: Any, method: str, rule: str, calls: list[str]
) -> None:
    (route,) = (each for each in site.routes if (each.method, each.rule) == (method, rule))
    body = dict(route.declared.example or {}, GoogleID="ann", Fingerprint="of Ann")
    with Meter(site.world.dynamodb, client).watch() as bill:
        response = site.client.open(
            rule,
            method=method,
            headers={"Idempotency-Key": "key-of-the-hot-path", **bearer("user-ann")},
            query_string=QUERIES.get(rule, {}),
            json=body if method == "POST" else None,
        )
    assert (response.status_code, bill.calls) == (200, calls)
