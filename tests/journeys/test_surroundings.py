"""What surrounds the routes: browsers' pages, probes, the document and the page that describe it
all."""

import contextlib
import errno
import io
import itertools
import re
import shlex
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from service.web.cors import EXPOSED_HEADERS
from service.web.openapi.operations import document_path
from service.web.openapi.schemas import operations
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack, video_body
from tests.stack.memory_stack import stack_in_memory

PAGE = "https://app.example.com"
EXTENSION = "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh"


@pytest.fixture(scope="module")
def api() -> Iterator[ApiClient]:
    with stack_in_memory(cors_allowed_origins=(PAGE, EXTENSION)) as stack:
        yield ApiClient(stack)


# Browsers.


def cors_of(response: requests.Response) -> dict[str, str]:
    return {
        name.lower(): text
        for name, text in response.headers.items()
        if name.lower().startswith("access-control-")
    }


def preflight(
    api: ApiClient, origin: str, method: str = "POST", path: str = "/videos"
) -> requests.Response:
    wanted = "authorization, content-type, idempotency-key"
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": wanted,
    }
    return api.stack.call("OPTIONS", path, headers=headers)


@pytest.mark.parametrize("origin", [PAGE, EXTENSION])
def test_a_page_of_an_allowed_origin_passes_the_preflight(api: ApiClient, origin: str) -> None:
    response = preflight(api, origin)
    on_segment = cors_of(response)
    assert (response.status_code, response.content) == (200, b"")
    assert on_segment["access-control-allow-origin"] == origin
    assert "POST" in on_segment["access-control-allow-methods"]
    allowed = {
        name.strip().lower() for name in on_segment["access-control-allow-headers"].split(",")
    }
    assert allowed == {"authorization", "content-type", "idempotency-key"}
    assert int(on_segment["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in on_segment
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "null",
            "*",
            "",
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com.evil.example",
        ),
        *(
            "https://evilapp.example.com",
            "https://app.example.com:8443",
            "https://APP.example.com",
            PAGE + "/",
        ),
        *(
            "https://appXexample.com",
            "https://x.app.example.com",
            "chrome-extension://bbbb",
            f"{PAGE}, {PAGE}",
        ),
        f"https://evil.example/{PAGE}",
    ],
)
def test_a_page_of_another_origin_gets_no_cors_headers(api: ApiClient, origin: str) -> None:
    for response in (
        preflight(api, origin),
        api.stack.call("GET", "/credits", api.token, headers={"Origin": origin}),
        api.stack.call("GET", "/nowhere", headers={"Origin": origin}),
    ):
        assert cors_of(response) == {}
        assert "Origin" in response.headers["Vary"]


def test_a_page_of_ours_can_read_refusals_and_the_headers_it_needs(api: ApiClient) -> None:
    for method, path, token in (
        ("GET", "/credits", api.token),
        ("GET", "/credits", None),
        ("GET", "/nowhere", None),
        ("POST", "/videos", api.token),
        ("DELETE", "/videos", api.token),
    ):
        on_segment = cors_of(api.stack.call(method, path, token, headers={"Origin": PAGE}))
        exposed = {name.strip() for name in on_segment["access-control-expose-headers"].split(",")}
        assert on_segment["access-control-allow-origin"] == PAGE
        assert exposed == set(EXPOSED_HEADERS)


def test_an_origin_is_no_sign_in(api: ApiClient) -> None:
    response = api.stack.call("GET", "/credits", headers={"Origin": PAGE})
    api.assert_refused(response, 401, "AUTHENTICATION_REQUIRED")


# Probes.


def test_a_healthy_service_has_exactly_this_body(api: ApiClient) -> None:
    response = api.stack.call("GET", "/health")
    assert response.json() == {
        "status": "healthy",
        "dynamodb": "connected",
        "environment": "configured",
    }
    api.assert_common_headers(response)
    for path, status in (("/health/live", "alive"), ("/health/ready", "ready")):
        response = api.stack.call("GET", path)
        assert (response.status_code, response.json()) == (
            200,
            {"success": True, "data": {"status": status}},
        )
        api.assert_common_headers(response)


def test_a_service_without_its_table_says_so_and_lives(start: Callable[..., LiveStack]) -> None:
    api = ApiClient(start(dynamodb_table_name="nowhere"))
    response = api.stack.call("GET", "/health")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "unhealthy", "dynamodb": "disconnected", "environment": "configured"},
    )
    assert api.assert_refused(api.stack.call("GET", "/health/ready"), 503, "NOT_READY") == {
        "reason": "dynamodb"
    }
    assert api.stack.call("GET", "/health/live").status_code == 200
    for response in (api.stack.post_video(), api.get("/credits"), api.get("/jobs")):
        assert api.assert_refused(response, 503, "STORAGE_UNAVAILABLE") == {}
    assert api.stack.tasks() == []


@pytest.mark.protocol("form-first")
def test_what_is_malformed_is_refused_without_the_table(start: Callable[..., LiveStack]) -> None:
    """With a table that cannot be read, only requests that need none of it get their own
    refusal."""
    api = ApiClient(start(dynamodb_table_name="nowhere"))
    whole = video_body()
    for name in ("Fingerprint", "imageUrl", "promptKey"):
        response = api.post_fields({key: value for key, value in whole.items() if key != name})
        assert list(api.assert_refused(response, 400, "VALIDATION_FAILED")["fields"]) == [name]
    api.assert_refused(api.post(b"{"), 400, "MALFORMED_JSON")
    api.assert_refused(api.post(b"x", Content_Type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
    api.assert_refused(api.post_fields(whole | {"GoogleID": "2" * 21}), 403, "GOOGLE_ID_MISMATCH")
    stranger = api.stack.call("POST", "/videos", "no.such.token", json=whole)
    assert stranger.status_code == 401
    api.assert_refused(api.post_fields(whole), 503, "STORAGE_UNAVAILABLE")


def test_a_draining_service_is_not_ready_and_goes_on_serving(
    start: Callable[..., LiveStack], tmp_path: Path
) -> None:
    flag = tmp_path / "draining"
    api = ApiClient(start(drain_flag_path=str(flag)))
    assert api.stack.call("GET", "/health/ready").status_code == 200
    flag.touch()
    assert api.assert_refused(api.stack.call("GET", "/health/ready"), 503, "NOT_READY") == {
        "reason": "draining"
    }
    assert api.stack.call("GET", "/health").status_code == 200
    assert api.stack.post_video().status_code == 200


class FullDisk(io.StringIO):
    """Somewhere to write to, until `full`."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_numbers_that_cannot_be_written_stop_no_order_between_hold_and_send(
    start: Callable[..., LiveStack],
) -> None:
    out = FullDisk()
    with contextlib.redirect_stdout(out):  # where metrics go
        stack = start(log_format="json")
    out.full = True
    assert stack.post_video().status_code == 200
    assert len(stack.tasks()) == 1


# The page.


class Commands(HTMLParser):
    """The text of every block of code on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self.found.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


def test_the_commands_of_the_page_work(start: Callable[..., LiveStack]) -> None:
    """Each command is taken apart as a shell would, and sent."""
    api = ApiClient(start())
    token = api.stack.token("ann")
    page = api.stack.call("GET", "/docs").text
    commands = [command for command in Commands(page).found if command.startswith("curl ")]
    tried = [outcome_of(api, command.replace("$ID_TOKEN", token)) for command in commands]
    assert tried == [("POST", "/videos", 200), ("GET", "/jobs", 200), ("GET", "/credits", 200)]


_REFUSED = (
    *("LINK_INVALID", "OTHER_TOKEN_REJECTED", "SIGN_IN_TOO_OLD", "SERVER_KEY_REQUIRED"),
    *("REFRESH_TOKEN_REJECTED", "INVALID_CREDENTIALS", "HOOK_SIGNATURE_REJECTED"),
    "STRIPE_WEBHOOK_REFUSED",
)


def test_the_documents_own_example_of_every_route_can_be_sent(
    start: Callable[..., LiveStack],
) -> None:
    """What the reference fills in when a reader tries a route; an example's job is not there."""
    api = ApiClient(start())
    token = api.stack.token("ann")
    for path, method, described in operations(api.document):
        address = path.format_map(examples_in(described, "path"))
        body = described.get("requestBody", {}).get("content", {}).get("application/json", {})
        response = api.stack.call(
            method,
            address,
            token,
            json=body.get("example"),
            params=examples_in(described, "query"),
        )
        # A user is no operator, and has no code to redeem and no link of a mail.
        if response.status_code not in (200, 202, 403, 404):
            assert response.json()["code"] in _REFUSED, f"{method} {address}"


def examples_in(described: dict[str, Any], where: str) -> dict[str, str]:
    """The examples of the required parameters."""
    return {
        each["name"]: str(each["schema"].get("example", "example"))
        for each in described.get("parameters", [])
        if each["in"] == where and each["required"]
    }


def outcome_of(api: ApiClient, command: str) -> tuple[str, str, int]:
    """The method, the documented path and the status that a curl command comes to."""
    words = shlex.split(command)
    options = list(itertools.pairwise(words))
    headers = dict(text.split(": ", 1) for flag, text in options if flag == "-H")
    data = next((text for flag, text in options if flag == "-d"), None)
    method = next((text for flag, text in options if flag == "-X"), "POST" if data else "GET")
    url = next(word for word in words if word.startswith("http"))
    response = requests.request(method, url, headers=headers, data=data, timeout=30)
    path = url.removeprefix(api.stack.url).partition("?")[0]
    rule, _ = api.stack.app.url_map.bind("town").match(path, method, return_rule=True)
    return method, document_path(rule.rule), response.status_code


@pytest.mark.parametrize(("stage", "offered"), [("dev", True), ("staging", False)])
def test_only_a_local_stack_offers_tokens_of_simulated_users(
    start: Callable[..., LiveStack], stage: str, offered: bool
) -> None:
    stack = start(stage=stage, local_pages=True)
    page = stack.call("GET", "/docs")
    for text in (page.text, page.headers["Content-Security-Policy"]):
        assert (stack.sim_url in text) is offered


@pytest.mark.parametrize(
    ("settings", "local"),
    [
        ({"stage": "dev", "local_pages": True}, True),
        ({"stage": "staging", "local_pages": True}, False),
        ({"stage": "dev"}, False),
    ],
)
def test_only_a_local_stack_leads_to_the_start_page_and_allows_its_origin(
    start: Callable[..., LiveStack], settings: dict[str, Any], local: bool
) -> None:
    stack = start(**settings)
    root = stack.call("GET", "/", headers={"Origin": stack.sim_url}, allow_redirects=False)
    assert root.status_code == 302
    assert root.headers["Location"] == (f"{stack.sim_url}/" if local else "/docs")
    allowed = root.headers.get("Access-Control-Allow-Origin")
    assert allowed == (stack.sim_url if local else None)


def test_the_page_needs_nothing_from_elsewhere(api: ApiClient) -> None:
    page = api.stack.call("GET", "/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    addresses = set(re.findall(r"""(?:src|href)=["']([^"'#]+)""", page.text)) - {"data:,"}
    assert addresses
    for address in addresses:
        assert api.stack.call("GET", address).status_code == 200
