"""The simulated Twitch is as strict as the real one."""

from typing import Any

import pytest
import requests

from devstack.simulators.twitch.channels import duration_of
from tests.devstack.simulators.stack import Stack, Start

FORM = {
    "client_id": "farebox-local-twitch-application",
    "client_secret": "farebox-local-twitch-secret",
    "grant_type": "client_credentials",
}
VIDEO = "2000000002"


def token(stack: Stack, **changes: str) -> requests.Response:
    return stack.call("POST", "/twitch/oauth2/token", data=FORM | changes)


def helix(stack: Stack, path: str, **headers: str) -> requests.Response:
    given = token(stack).json()["access_token"]
    usual = {"Client-Id": FORM["client_id"], "Authorization": f"Bearer {given}"}
    return stack.call("GET", f"/twitch/helix/{path}", headers=usual | headers)


def test_a_token_is_issued_for_the_right_credentials_alone(shared: Stack) -> None:
    issued = token(shared).json()
    assert (issued["token_type"], issued["expires_in"]) == ("bearer", 5_011_271)
    refused = {
        "invalid client": token(shared, client_id="another"),
        "invalid client secret": token(shared, client_secret="wrong"),
        "invalid grant type": token(shared, grant_type="password"),
        "missing or unknown parameter": token(shared, scope="everything"),
    }
    for message, response in refused.items():
        assert (response.status_code in (400, 403), response.json()["message"]) == (True, message)
    as_json = shared.call("POST", "/twitch/oauth2/token", json=FORM)
    assert as_json.status_code == 400


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Client-Id": ""}, "Client ID is missing"),
        ({"Authorization": ""}, "OAuth token is missing"),
        ({"Authorization": "Bearer nothing"}, "Invalid OAuth token"),
        ({"Client-Id": "another"}, "Client ID and OAuth token do not match"),
    ],
)
def test_headers_must_match(shared: Stack, headers: dict[str, str], message: str) -> None:
    response = helix(shared, f"videos?id={VIDEO}", **headers)
    body = {"error": "Unauthorized", "status": 401, "message": message}
    assert (response.status_code, response.json()) == (401, body)


def test_a_token_expires(start: Start) -> None:
    stack = start(twitch_token_seconds=60)
    given = token(stack).json()["access_token"]
    headers = {"Client-Id": FORM["client_id"], "Authorization": f"Bearer {given}"}

    def status() -> int:
        return stack.call("GET", f"/twitch/helix/videos?id={VIDEO}", headers=headers).status_code

    assert status() == 200
    stack.clock.advance(61)
    assert status() == 401


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"id={VIDEO}&user_id=1000001",
        "id=abc",
        "user_id=1000001&first=0",
        "user_id=1000001&first=101",
        "user_id=1000001&type=clip",
        "user_id=1000001&sort=newest",
        "user_id=1000001&after=xyz",
        f"id={VIDEO}&fields=all",
    ],
)
def test_parameters_must_be_right(shared: Stack, query: str) -> None:
    assert helix(shared, f"videos?{query}").status_code == 400


def test_unknown_ids_are_left_out_unless_all_are(shared: Stack) -> None:
    found = helix(shared, f"videos?id=1&id={VIDEO}&id={VIDEO}").json()["data"]
    assert [each["id"] for each in found] == [VIDEO]
    assert helix(shared, "videos?id=1&id=2").status_code == 404


def test_recordings_are_paged(shared: Stack) -> None:
    first = helix(shared, "videos?user_id=1000001&first=1").json()
    after = first["pagination"]["cursor"]
    second = helix(shared, f"videos?user_id=1000001&first=1&after={after}").json()
    ids = [page["data"][0]["id"] for page in (first, second)]
    assert (ids, second["pagination"]) == ([VIDEO, "2000000001"], {})


def test_users_and_streams_are_found_by_name(shared: Stack) -> None:
    user = helix(shared, "users?login=LighthouseTV").json()["data"][0]
    assert (user["id"], user["login"]) == ("1000001", "lighthousetv")
    assert helix(shared, "users?login=unknown").json()["data"] == []
    assert helix(shared, "users").status_code == 400
    live = helix(shared, "streams?user_id=1000001").json()["data"][0]
    assert live["title"] == "Live from the lantern room"


def test_a_bucket_runs_out_and_fills_again(start: Start) -> None:
    stack = start(twitch_points=2)
    responses = [helix(stack, f"videos?id={VIDEO}") for _ in range(3)]
    assert [each.status_code for each in responses] == [200, 200, 429]
    assert [each.headers["Ratelimit-Remaining"] for each in responses] == ["1", "0", "0"]
    stack.clock.advance(60)
    assert helix(stack, f"videos?id={VIDEO}").status_code == 200


def test_a_recording_vanishes(start: Start) -> None:
    stack = start()
    added = stack.call("POST", "/twitch/__channels/lighthousetv/videos", json={"seconds": 61})
    video_id = added.json()["video_id"]
    assert helix(stack, f"videos?id={video_id}").json()["data"][0]["duration"] == "1m1s"
    assert stack.call("DELETE", f"/twitch/__videos/{video_id}").json() == {"removed": True}
    assert helix(stack, f"videos?id={video_id}").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("PUT /twitch/__channels/a", {"name": 7}),
        ("PUT /twitch/__channels/a", {"live_title": 7}),
        ("POST /twitch/__channels/nobody/videos", {}),
        ("POST /twitch/__channels/lighthousetv/videos", {"seconds": -1}),
        ("POST /twitch/__channels/lighthousetv/videos", {"type": "clip"}),
        ("POST /twitch/__limit", {"left": -1}),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(
    shared: Stack, path: str, body: dict[str, Any]
) -> None:
    method, _, address = path.partition(" ")
    assert shared.call(method, address, json=body).status_code == 400


def test_a_length_leaves_out_what_is_nothing() -> None:
    assert [duration_of(each) for each in (0, 59, 3600, 3661)] == ["0s", "59s", "1h", "1h1m1s"]
