"""The service with a scripted vendor of text, over a table in memory. One for each file: its tests
have users of their own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.compatible.operations import Compatible
from service.identity.operations import Identity
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.text_provider import ScriptedTextProvider
from tests.faults.enumeration.tables import MemoryBehind
from tests.text.conftest import text_world

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PROMPT = "Describe a lighthouse."
CHAT_BODY: dict[str, Any] = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 100}
RESPONSE_BODY: dict[str, Any] = {"input": PROMPT, "max_output_tokens": 100}
RETRY = {"X-Stainless-Retry-Count": "1"}
BODIES = {CHAT: CHAT_BODY, RESPONSES: RESPONSE_BODY}


BOTH = pytest.mark.parametrize("path", [CHAT, RESPONSES])


@dataclass
class Site:
    world: ServiceHarness
    browser: FlaskClient

    @property
    def vendor(self) -> ScriptedTextProvider:
        vendor: ScriptedTextProvider = self.world.vendor  # type: ignore[attr-defined]
        return vendor

    def script(self, *steps: Any) -> None:
        self.vendor.scripts.append(steps)

    def welcome(self, user_id: str) -> None:
        """Makes them a user with credits: these routes have no device to sign up with."""
        body = {"prompt": "Hello.", "Fingerprint": f"device of {user_id}", "maxTokens": 100}
        response = self.browser.post("/ai/generate", json=body, headers={"X-Google-ID": user_id})
        assert response.status_code == 200

    def post(self, path: str, user_id: str, *, headers: Any = None, **changes: Any) -> TestResponse:
        body = BODIES[path] | changes
        return self.browser.post(
            path, json=body, headers={"X-Google-ID": user_id, **(headers or {})}
        )

    def get(self, path: str, user_id: str) -> Any:
        return self.browser.get(path, headers={"X-Google-ID": user_id}).json


def site_over(world: ServiceHarness) -> Site:
    world.parts.get(Identity)._trust_bare = True
    # What a test keeps open, it ends by itself.
    world.parts.get(Compatible).step_seconds = 0.01
    return Site(world, create_app(world.parts).test_client())


@pytest.fixture(scope="module")
def shared() -> Site:
    return site_over(text_world(MemoryBehind(), MemoryBehind.name, max_users=10_000))


@pytest.fixture
def site(shared: Site) -> Site:
    shared.vendor.scripts.clear()
    return shared


@pytest.fixture
def ann(site: Site, request: pytest.FixtureRequest) -> str:
    """A user of the test's own, with credits."""
    user_id = f"user-{abs(hash(request.node.nodeid))}"
    site.welcome(user_id)
    return user_id


def job_of(response: Any) -> str:
    """The id of its job, which the client makes of the response's own."""
    job_id = "job_" + response.json["id"].replace("chatcmpl-", "resp_").removeprefix("resp_")
    assert response.headers["Location"] == f"/jobs/{job_id}"
    return job_id


def error_in(response: TestResponse) -> dict[str, Any]:
    """The error, in exactly OpenAI's shape but for our `details`."""
    content: Any = response.json
    assert set(content) == {"error"}
    assert set(content["error"]) == {"message", "type", "param", "code", "details"}
    return dict(content["error"])


def chunks(response: TestResponse) -> list[Any]:
    """The data of a stream, in its order."""
    return list(_data(response.get_data(as_text=True)))


def _data(text: str) -> Iterator[Any]:
    for block in text.strip().split("\n\n"):
        *name, data = block.split("\n")
        content = data.removeprefix("data: ")
        if block.startswith(":"):
            continue
        if content == "[DONE]":
            yield content
            continue
        loaded = json.loads(content)
        assert name in ([], [f"event: {loaded.get('type')}"])
        yield loaded
