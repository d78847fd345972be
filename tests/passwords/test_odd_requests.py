"""Every route of signing in, passwords, sessions and one's own account, with values that no client
should send: a documented refusal, and nothing changes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from service.passwords.hashing import Hashes
from service.web.endpoint import Access, Endpoint, declared_endpoints
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.browser import Browser
from tests.passwords.people import People, cheap_hashes

ODD_VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 1.5, 10**400, [], {}, [[]], {"$ne": ""}, ["ann@example.org"]),
    *("", " ", "\u0000", "\ud800", "undefined", "null", "\u202e", "'\"<>&;--", "%00", "../.."),
    *("x" * 1025, "\U0001f980" * 300, "a@b.cd\nBcc: e", "usr_#PASSWORD"),
)
ODD_BODIES: tuple[bytes, ...] = (
    *(b"", b"null", b"[]", b"1", b'"x"', b"{", b"{}", b'{"x": 1}', b"\xff\xfe", b"[" * 5000),
    *(b'{"email": "ann@example.org", "email": "eve@example.org"}', b"\x00", b"NaN", b"{'a': 1}"),
    *(b'{"password": NaN}', b'{"__proto__": {}}', b'{"email": 1e999}'),
)
DAY = 86_400
ODD_IDS = ("x", "%00", "..%2f", "ses_", "A" * 300, "ses_01kb7r3v6q8f2x0m4n5p6q7r8s", "%F0%9F%A6%80")
# What any route may say: see the error handlers and the enforcement of access.
OF_EVERY_ROUTE = {"VALIDATION_FAILED", "MALFORMED_JSON"}
# What is no odd value after all.
REGISTERED = (
    '{"email": "ann@example.org", "password": "seven tired otters", "Fingerprint": "usr_#PASSWORD"}'
)
ACCEPTED = {
    ("/me/alerts", '{"lowBalance": null}'),
    ("/me/alerts", '{"lowBalance": 1.5}'),
    ("/me/notifications", '{"mail": true}'),
    *(("/auth/logout", body) for body in ("", "{}", '{"all": true}')),
    ("/auth/register", REGISTERED),
}


@pytest.fixture
def world() -> ServiceHarness:
    return ServiceHarness(
        None,
        "Memory",
        connected=memory_client(),
        replacements={Hashes: cheap_hashes()},
        password_requests_per_minute=10**6,
        password_sign_ins_per_minute=10**6,
        password_response_seconds=0.0,
    )


@pytest.fixture
def browser(world: ServiceHarness, people: People) -> Browser:
    people.user()
    browser = Browser(world)
    browser.sign_in()
    return browser


def routes(browser: Browser, *, with_body: bool) -> Iterator[tuple[str, str, Endpoint]]:
    for path, method, declared in declared_endpoints(browser.app):
        is_for_users = declared.access in (Access.PUBLIC, Access.USER)
        if not path.startswith(("/auth/", "/me")) or not is_for_users:
            continue
        if (declared.body is not None) is with_body:
            yield method, path, declared


def odd_bodies(example: Mapping[str, Any]) -> Iterator[bytes]:
    """The example with one value replaced, missing, or one too many; and what is no object."""
    yield from ODD_BODIES
    yield json.dumps({**example, "isAdmin": True}).encode()
    for name in example:
        yield json.dumps({key: value for key, value in example.items() if key != name}).encode()
        for value in ODD_VALUES:
            yield json.dumps({**example, name: value}).encode()


def lasting(world: ServiceHarness) -> list[dict[str, Any]]:
    """All but the counted tries, and the event that says that someone is refused repeatedly."""
    return [
        item
        for item in world.items()
        if not item["PK"]["S"].startswith("TRIES#") and not item["SK"]["S"].startswith("OUTBOX#")
    ]


def sent(
    browser: Browser, world: ServiceHarness, method: str, path: str, body: bytes
) -> tuple[Any, bool]:
    """The response, once nothing has to be waited for, and whether anything has changed."""
    before = lasting(world)
    response = browser.send(method, path, body)
    if response.status_code == 429:
        world.clock.advance(DAY)
        browser.sign_in()
        before = lasting(world)
        response = browser.send(method, path, body)
    return response, lasting(world) != before


def test_odd_bodies_are_refused_as_documented_and_change_nothing(
    browser: Browser, world: ServiceHarness
) -> None:
    accepted, wrong = set[tuple[str, str]](), list[str]()
    for method, path, declared in routes(browser, with_body=True):
        documented = {error.code for error in declared.errors} | OF_EVERY_ROUTE
        for body in odd_bodies(declared.example or {}):
            response, has_changed = sent(browser, world, method, path, body)
            request = f"{method} {path} {body[:80]!r}: {response.text}"
            assert response.status_code < 500, request
            if response.status_code < 400:
                accepted.add((path, body.decode()))
                browser.sign_in()
            elif has_changed or response.json["code"] not in documented:
                wrong.append(request)
    assert wrong == []
    assert accepted == ACCEPTED


@pytest.mark.parametrize("odd", ODD_IDS)
@pytest.mark.parametrize("path", ["/me/sessions/{}", "/me/identities/{}"])
def test_odd_ids_are_those_of_nothing(
    browser: Browser, world: ServiceHarness, path: str, odd: str
) -> None:
    before = lasting(world)

    response = browser.send("DELETE", path.format(odd))

    assert response.status_code == 404, response.text
    assert lasting(world) == before


@pytest.mark.parametrize("query", ["x=1", "userId=usr_1", "all=true", "%00", "=", "&&", "a" * 3000])
def test_no_query_widens_a_request(browser: Browser, world: ServiceHarness, query: str) -> None:
    before, user = lasting(world), browser.send("GET", "/me").json
    for method, path, declared in routes(browser, with_body=False):
        if method != "GET":
            continue
        response: Any = browser.send(method, f"{path}?{query}")
        documented = {error.code for error in declared.errors} | OF_EVERY_ROUTE
        assert response.status_code == 200 or response.json["code"] in documented, response.text
    assert lasting(world) == before
    assert browser.send("GET", "/me").json == user
