"""Jobs belong to their owners: what other users and callbacks of any shape can learn or change."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from service.web.openapi.schemas import operations
from tests.doubles.pictures import in_base64, jpeg, padded, png
from tests.doubles.upload_forms import post_form
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import IMAGE, LiveStack, new_key, video_body

MEGABYTE = 1024 * 1024


@pytest.fixture
def start(start_in_memory: Callable[..., LiveStack]) -> Callable[..., LiveStack]:
    return start_in_memory


@pytest.fixture
def slow(start: Callable[..., LiveStack]) -> ApiClient:
    """A stack in real time in which no video finishes, and the worker queries none meanwhile."""
    polls = {"callback_poll_min_seconds": 3000.0, "callback_poll_max_seconds": 3000.0}
    return ApiClient(start(clock=SystemClock(), simulator={"video_seconds": 600.0}, **polls))


# Callbacks.

SHAPES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 404),
    "a list": (b"[]", 404),
    "null": (b"null", 404),
    "text": (b'"succeed"', 404),
    "broken off": (b'{"task_status": "succe', 404),
    "not UTF-8": (b'{"task_status": "\xff"}', 404),
    "a form": (b"task_status=succeed", 404),
    "nested without end": (b'{"a":' * 9_000, 404),
    "an empty object": (b"{}", 200),
    "status as a list": (b'{"task_status": ["succeed"]}', 200),
    "status as an object": (b'{"task_status": {"succeed": true}}', 200),
    "status null": (b'{"task_status": null}', 200),
    "a status of the future": (b'{"task_status": "archived"}', 200),
    "NaN": (b'{"task_status": NaN}', 200),
    "a huge number": (b'{"task_status": "processing", "x": 1' + b"0" * 4_000 + b"}", 200),
    "a name twice": (b'{"task_status": "failed", "task_status": "succeed"}', 200),
    "anothers task": (b'{"task_id": "1", "external_task_id": "x", "task_status": "succeed"}', 200),
    "a failure no one had": (b'{"task_status": "failed", "task_status_msg": "no"}', 200),
    "a link elsewhere": (
        b'{"task_status": "succeed", "task_result": {"videos": [{"url": "https://evil.example"}]}}',
        200,
    ),
    "a link of another kind": (
        b'{"task_status": "succeed", "task_result": {"videos": {"url": 1}}}',
        200,
    ),
}


def test_a_callback_of_whatever_shape_changes_nothing(slow: ApiClient) -> None:
    stack = slow.stack
    job_id = stack.submitted()
    before = stack.get(f"/jobs/{job_id}").json()["data"]
    path = stack.journal("create")[0]["body"]["callback_url"].removeprefix(stack.url)
    for name, (data, status) in SHAPES.items():
        for kind in ("application/json", "text/plain", ""):
            response = stack.call("POST", path, data=data, headers={"Content-Type": kind})
            assert response.status_code == status, name
            if status == 404:
                assert slow.assert_refused(response, 404, "CALLBACK_NOT_FOUND") == {}
            else:
                assert response.json() == {"success": True, "data": None}
    assert stack.get(f"/jobs/{job_id}").json()["data"] == before
    assert stack.credits() == (2, 1)
    stack.assert_proved()


@pytest.mark.protocol("callback-bounded")
def test_a_storm_of_callbacks_causes_only_a_few_queries(slow: ApiClient) -> None:
    stack = slow.stack
    stack.submitted()
    path = stack.journal("create")[0]["body"]["callback_url"].removeprefix(stack.url)
    for _ in range(60):
        assert stack.call("POST", path, json={"task_status": "succeed"}).status_code == 200
    assert 1 <= len(stack.journal("query")) <= 20


def test_a_callback_while_secrets_are_unavailable_gets_503(
    start: Callable[..., LiveStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    api = ApiClient(start(kling_api_key_secret_name="kling"))
    path = f"/callbacks/kling/{api.stack.callback_token('ann', 'job_01kb7r3v6q8f2x0m4n5p6q7r8s')}"
    response = api.stack.call("POST", path, json={"task_status": "succeed"})
    assert api.assert_refused(response, 503, "SECRET_UNAVAILABLE") == {}


def test_a_callback_with_an_unknown_token_reads_no_secret(
    start: Callable[..., LiveStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    api = ApiClient(start(kling_api_key_secret_name="kling"))
    response = api.stack.call("POST", "/callbacks/kling/x", json={"task_status": "succeed"})
    assert api.assert_refused(response, 404, "CALLBACK_NOT_FOUND") == {}


def test_a_callback_for_a_job_that_is_not_there_harms_no_one(slow: ApiClient) -> None:
    """If the write of a hold failed although its request was lost, no job has that token."""
    for words in (
        ("ann", "job_01kb7r3v6q8f2x0m4n5p6q7r8s"),
        ("ann", "x"),
        ("ann",),
        ("ann", "a", "b"),
        (),
    ):
        response = slow.stack.call(
            "POST",
            f"/callbacks/kling/{slow.stack.callback_token(*words)}",
            json={"task_status": "succeed"},
        )
        assert response.status_code in (200, 404)
    assert slow.stack.items() == []


# Owners.


def test_the_job_of_another_user_is_not_found_with_any_query(slow: ApiClient) -> None:
    stack = slow.stack
    job_id = stack.submitted("ann")
    stack.submitted("bob")
    unknown = f"{job_id[:-4]}zzzz"
    for query in ("", "?wait=0", "?wait=25"):
        responses = [
            stack.get(f"/jobs/{each}{query}", "bob", headers={"X-Request-Id": "same"})
            for each in (job_id, unknown)
        ]
        assert responses[0].content == responses[1].content
        for response in responses:
            slow.assert_refused(response, 404, "JOB_NOT_FOUND")
    for path in (
        f"/jobs/%2e%2e/jobs/{job_id}",
        f"/jobs/ann/{job_id}",
        f"/jobs/{job_id}%23{job_id}",
    ):
        assert stack.get(path, "bob").status_code == 404


PER_RESPONSE = {"Date", "X-Request-Id"}
BY_ID = {
    **{f"/jobs/{{jobId}}{part}": "JOB_NOT_FOUND" for part in ("", "/cancel")},
    "/me/sessions/{sessionId}": "SESSION_NOT_FOUND",
    "/stripe/orders/{orderId}": "ORDER_NOT_FOUND",
    "/uploads/{uploadId}/complete": "UPLOAD_NOT_FOUND",
}
# By the route matrix, tests/text, tests/transcription and tests/videos: streams wait, a job is of
# one kind, and the address of a video is a permission.
HELD_ELSEWHERE = {
    "/videos/files/{token}",
    *(f"/callbacks/{vendor}/{{token}}" for vendor in ("assemblyai", "kling")),
    *("/me/identities/{identityId}", "/transcriptions/{jobId}"),
    *("/ai/history/{jobId}", "/jobs/{jobId}/stream"),
    # Models are everybody's.
    "/v1/models/{name}",
}


def test_no_route_with_an_id_shows_others_whether_it_exists(
    slow: ApiClient,
) -> None:
    """The response to another user, or without a user, is the same for existing and unknown ids,
    byte for byte and header for header."""
    stack = slow.stack
    job_id = stack.submitted("ann")
    stack.submitted("bob")
    sealed = stack.journal("create")[0]["body"]["callback_url"].rpartition("/")[2]
    session = stack.call("POST", "/auth/session", stack.token("ann")).json()["data"]["sessionId"]
    bought = {"json": {"packageId": "credits-100"}}
    checkout = stack.call("POST", "/stripe/checkout", stack.token("ann"), **bought).json()["data"]
    order = checkout["orderId"]
    there = {"jobId": job_id, "token": sealed, "sessionId": session, "orderId": order}
    there["uploadId"] = finished_upload(stack)
    absent = {
        "jobId": f"{job_id[:-4]}zzzz",
        "token": f"{sealed[:-4]}AAAA",
        "sessionId": f"{session[:-4]}zzzz",
        "orderId": f"{order[:-4]}zzzz",
        "uploadId": f"{there['uploadId'][:-4]}zzzz",
    }
    routes = [(method, path) for path, method, _ in operations(slow.document) if "{" in path]
    for_users = {path for _, path in routes if not path.startswith("/admin/")}
    assert for_users == {*BY_ID, *HELD_ELSEWHERE}
    for method, path in [(method, path) for method, path in routes if path in BY_ID]:
        for token, status, code in (
            (stack.token("bob"), 404, BY_ID[path]),
            (None, 401, "AUTHENTICATION_REQUIRED"),
        ):
            known, unknown = (
                stack.call(method, path.format(**ids), token) for ids in (there, absent)
            )
            slow.assert_refused(known, status, code)
            assert without_unique_headers(known) == without_unique_headers(unknown)
        assert own_status(stack, method, path.format(**there)) == 200
    before = stack.written()
    path = "/callbacks/kling/{token}".format(**absent)
    unsealed = stack.call("POST", path, json={"task_status": "succeed"})
    slow.assert_refused(unsealed, 404, "CALLBACK_NOT_FOUND")
    assert stack.written() == before


def own_status(stack: LiveStack, method: str, path: str) -> int:
    """The status alone: a stream lasts as long as its job."""
    with stack.call(method, path, stack.token("ann"), stream=True) as response:
        return response.status_code


def finished_upload(stack: LiveStack) -> str:
    about = {"filename": "a.png", "contentType": "image/png", "size": len(png())}
    begun = stack.call("POST", "/upload/url", stack.token("ann"), json=about).json()["data"]
    assert post_form(begun["url"], begun["fields"], png()).status_code == 204
    return str(begun["uploadId"])


def without_unique_headers(response: requests.Response) -> tuple[int, bytes, dict[str, str]]:
    """The response without what is new each time."""
    body = response.content.replace(response.headers["X-Request-Id"].encode(), b"")
    return (
        response.status_code,
        body,
        {name: text for name, text in response.headers.items() if name not in PER_RESPONSE},
    )


def test_lists_hold_the_caller_s_own_jobs_and_refuse_anothers_page_token(slow: ApiClient) -> None:
    stack = slow.stack
    anns, bobs = (
        [stack.submitted("ann") for _ in range(3)],
        [stack.submitted("bob") for _ in range(2)],
    )
    token = stack.get("/jobs?limit=1", "ann").json()["data"]["nextToken"]
    for params in ({"nextToken": token}, {"limit": 50, "nextToken": token}):
        slow.assert_refused(stack.get("/jobs", "bob", params=params), 400, "PAGE_TOKEN_INVALID")
    listed = {job["jobId"] for job in stack.get("/jobs", "bob").json()["data"]["jobs"]}
    assert listed == set(bobs)
    assert not listed & set(anns)


def test_one_key_of_two_users_is_two_keys(slow: ApiClient) -> None:
    stack, key = slow.stack, new_key()
    jobs = {sub: stack.post_video(sub, key=key) for sub in ("ann", "bob")}
    assert {response.headers.get("Idempotency-Replayed") for response in jobs.values()} == {None}
    assert len({response.json()["data"]["jobId"] for response in jobs.values()}) == 2
    assert stack.credits("ann") == stack.credits("bob") == (2, 1)


def test_a_job_shows_its_owner_only_what_is_documented(slow: ApiClient) -> None:
    """Names are compared with names: a random id may contain any short word."""
    job_id = slow.stack.submitted("ann", device="the-device-of-ann")
    responses = [slow.get(path) for path in (f"/jobs/{job_id}", "/jobs", "/credits")]
    names = set().union(*(field_names(response.json()) for response in responses))
    for internal in ("callback", "submituntil", "hardat", "allocation", "head", "mac"):
        assert not [name for name in names if internal in name.lower()]
    for value in ("the-device-of-ann", "USER#", IMAGE):
        assert not [response.text for response in responses if value in response.text]


def field_names(content: Any) -> set[str]:
    """The names of all fields, at any depth."""
    if isinstance(content, dict):
        return set(content).union(*map(field_names, content.values()))
    return set().union(*map(field_names, content)) if isinstance(content, list) else set()


# What is accepted, at its limits.


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", "Application/JSON"]
)
def test_a_body_of_json_is_taken_in_one_piece_or_in_many(slow: ApiClient, kind: str) -> None:
    data = json.dumps(video_body()).encode()
    assert slow.post(data, Content_Type=kind).status_code == 200
    assert (
        slow.post(
            (data[at : at + 7] for at in range(0, len(data), 7)), Content_Type=kind
        ).status_code
        == 200
    )


@pytest.mark.parametrize("picture", [jpeg(), png()], ids=["jpeg", "png"])
def test_a_picture_of_10_mb_is_taken_and_its_bytes_are_not_kept(
    slow: ApiClient, picture: bytes
) -> None:
    image = in_base64(padded(picture, 10 * MEGABYTE))
    response = slow.post_fields(video_body() | {"imageUrl": image})
    assert response.status_code == 200
    assert image[:40] not in response.text
    assert slow.stack.journal("create")[0]["body"]["image"].startswith(image[:1000])
    assert all(len(json.dumps(item)) < 2_000 for item in slow.stack.items())


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Fingerprint", "0f" * 256),
        ("Fingerprint", "\U0001f431 \u00e9\u4e2d \u202e of Ann's"),
        ("Fingerprint", "FINGERPRINT#x"),
        ("imageUrl", "https://images.example.com/" + "a" * 8165),
        ("imageUrl", "https://images.example.com/a?b=c&d=%00#e"),
    ],
)
def test_values_at_their_limits_are_accepted(slow: ApiClient, field: str, text: str) -> None:
    assert slow.post_fields(video_body() | {field: text}).status_code == 200
    slow.stack.assert_proved()


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        (in_base64(png(300, 300)), in_base64(png(300, 300))),
        (in_base64(png(750, 300)), in_base64(png(750, 300))),
        (base64.encodebytes(jpeg()).decode(), in_base64(jpeg())),
        (f"data:image/png;base64,{in_base64(png())}", in_base64(png())),
        (f"data:image/jpeg;base64,\r\n{in_base64(jpeg())}\r\n", in_base64(jpeg())),
        ("Https://Images.Example.com/A.jpg?B=C", "https://images.example.com/A.jpg?B=C"),
    ],
    ids=["300x300", "5:2", "lines", "data url", "data url in lines", "capitals"],
)
def test_an_image_is_taken_as_people_send_it_and_sent_on_as_kling_wants_it(
    slow: ApiClient, image: str, sent: str
) -> None:
    response = slow.post_fields(video_body() | {"imageUrl": image})
    assert (response.status_code, response.json()["data"]["status"]) == (200, "SUBMITTED")
    [create] = slow.stack.journal("create")
    assert create["body"]["image"] == sent
    slow.stack.assert_proved()


@pytest.mark.parametrize("key", ["!", "~" * 128, "IDEMPOTENCY#x", "a,b", "../../x"])
def test_any_visible_key_is_a_key(slow: ApiClient, key: str) -> None:
    first, second = (slow.stack.post_video(key=key) for _ in range(2))
    assert first.json()["data"]["jobId"] == second.json()["data"]["jobId"]
    assert second.headers["Idempotency-Replayed"] == "true"


def test_bounds_of_queries_are_inside(slow: ApiClient) -> None:
    slow.stack.submitted()
    whole = slow.get("/jobs?limit=50").json()["data"]
    assert (len(whole["jobs"]), whole["nextToken"]) == (1, None)
    first = slow.get("/jobs?limit=1").json()["data"]
    assert first["jobs"] == whole["jobs"]
    if first["nextToken"]:
        assert slow.get(f"/jobs?nextToken={first['nextToken']}").json()["data"] == {
            "jobs": [],
            "nextToken": None,
        }
