"""Operators' routes and commands about server keys."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from service import cli
from service.app import create_app
from service.core.clock import SystemClock
from service.identity.entities import TokenRejected
from service.server_keys.entities import MAX_KEYS
from service.server_keys.operations import ServerKeys
from tests.admin.admin_api import AdminApi
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.doubles.signer import SHARED_SECRET
from tests.server_keys.stored import stored_key

REASON = {"reason": "for a test"}
SHOP = {"name": "Web shop", "scopes": ["sessions"], **REASON}
UNKNOWN = "key_01m3250v002ajm933q0h87z8m2"


@pytest.fixture
def world() -> ServiceHarness:
    return memory_world()


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def test_a_key_is_made_listed_and_revoked_each_with_a_record(
    world: ServiceHarness, api: AdminApi
) -> None:
    status, body = api.post("/admin/server-keys", SHOP)
    assert status == 200, body
    key, text = body["data"]["serverKey"], body["data"]["key"]
    assert world.parts.get(ServerKeys).verify(text).subject == key["keyId"]
    assert body["data"]["action"]["details"]["keyId"] == key["keyId"]
    listed = api.get("/admin/server-keys")[1]["data"]["serverKeys"]
    assert [(each["keyId"], each["name"]) for each in listed] == [(key["keyId"], "Web shop")]
    assert listed[0]["lastUsedAt"] is not None
    status, body = api.post(f"/admin/server-keys/{key['keyId']}/revoke", REASON)
    assert status == 200, body
    assert body["data"]["serverKey"]["revokedAt"] is not None
    with pytest.raises(TokenRejected):
        world.parts.get(ServerKeys).verify(text)
    assert api.get("/admin/server-keys")[1]["data"] == {"serverKeys": []}
    actions = api.get("/admin/actions")[1]["data"]["actions"]
    assert [each["action"] for each in actions] == ["revokeServerKey", "makeServerKey"]
    assert text not in str(actions)
    assert world.audit().violations == ()


def test_a_key_is_in_one_response_alone(world: ServiceHarness, api: AdminApi) -> None:
    first = api.post("/admin/server-keys", SHOP, key="one")[1]["data"]
    again = api.post("/admin/server-keys", SHOP, key="one")[1]["data"]
    assert api.replayed
    assert (again["key"], again["serverKey"]) == (None, first["serverKey"])
    assert first["key"] not in str(world.items())
    assert len(world.parts.get(ServerKeys).all()) == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("", {"name": "x", **REASON}, 400, "VALIDATION_FAILED"),
        ("", {"name": "x", "scopes": [], **REASON}, 400, "VALIDATION_FAILED"),
        ("", {"name": "x", "scopes": ["admin"], **REASON}, 400, "VALIDATION_FAILED"),
        ("", {"name": "x", "scopes": ["sessions"] * 4, **REASON}, 400, "VALIDATION_FAILED"),
        ("", {"name": "", "scopes": ["sessions"], **REASON}, 400, "VALIDATION_FAILED"),
        ("", {"name": "x", "scopes": ["sessions"]}, 400, "VALIDATION_FAILED"),
        (f"/{UNKNOWN}/revoke", REASON, 404, "SERVER_KEY_NOT_FOUND"),
        ("/nothing/revoke", REASON, 404, "SERVER_KEY_NOT_FOUND"),
    ],
)
def test_a_refusal_writes_nothing(
    world: ServiceHarness, api: AdminApi, path: str, body: Any, status: int, code: str
) -> None:
    def items() -> list[Any]:
        return [item for item in world.items() if not item["PK"]["S"].startswith("NONCE#")]

    before = items()
    found = api.post(f"/admin/server-keys{path}", body)
    assert (found[0], found[1]["code"]) == (status, code)
    assert items() == before


def test_the_fifty_first_key_is_refused(world: ServiceHarness, api: AdminApi) -> None:
    for _ in range(MAX_KEYS):
        stored_key(world)
    status, body = api.post("/admin/server-keys", SHOP)
    assert (status, body["code"], body["details"]) == (
        409,
        "SERVER_KEY_LIMIT_REACHED",
        {"max": MAX_KEYS},
    )


@pytest.fixture
def farebox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[ServiceHarness, Any]]:
    """A world in real time, and what runs a command in it."""
    clock: Any = SystemClock()
    world = memory_world(clock=clock)
    server = make_server("127.0.0.1", 0, create_app(world.parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("FAREBOX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("FAREBOX_KEY", f"machine:hmac-sha256:{SHARED_SECRET}")

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        written = capsys.readouterr()
        return code, written.out, written.err

    try:
        yield world, run
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_commands_make_list_and_revoke_keys(farebox: tuple[ServiceHarness, Any]) -> None:
    world, run = farebox
    server_keys = world.parts.get(ServerKeys)
    code, out, messages = run("server-key", "Web shop", "--reason", "for a test")
    assert code == 0, messages
    text = out.strip().splitlines()[-1]
    [key] = server_keys.all()
    assert server_keys.verify(text).subject == key.key_id
    assert key.key_id in messages
    assert key.key_id in run("server-keys")[1]
    assert run("revoke-server-key", key.key_id, "--reason", "for a test")[0] == 0
    assert server_keys.all() == ()
