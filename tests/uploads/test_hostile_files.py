"""What is not what it says is refused, by its upload and by the paid request that names it; nothing
of it reaches a provider, and no one pays."""

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from service.uploads.entities import UploadUnusable
from tests.doubles.hostile_files import HOSTILE, HTML, PNG
from tests.doubles.sounds import wav
from tests.doubles.upload_forms import post_form
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import WITHOUT_JOBS, LiveStack, separate_stack
from tests.uploads.conftest import LIMITS, World

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def stack(client: Any) -> Iterator[LiveStack]:
    with separate_stack(client, clock=SystemClock(), **WITHOUT_JOBS) as running:
        yield running


def begin(
    stack: LiveStack, size: int, kind: str = "image/png", name: str = "a.png", user: str = "ann"
) -> requests.Response:
    about = {"filename": name, "contentType": kind, "size": size}
    return stack.call("POST", "/upload/url", stack.token(user), json=about)


def form(stack: LiveStack, size: int = 10_000, user: str = "ann") -> dict[str, Any]:
    begun: dict[str, Any] = begin(stack, size, user=user).json()["data"]
    return begun


def objects(stack: LiveStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.call_simulators("GET", "/s3/__objects").json()["objects"]
    return found


@pytest.fixture(autouse=True, scope="module")
def _nothing_reaches_a_provider(stack: LiveStack) -> Iterator[None]:
    yield
    assert stack.journal("create") == []
    kinds = {item["SK"]["S"].partition("#")[0] for item in stack.items()}
    assert kinds <= {"UPLOAD", "UPLOADS"}, "no wallet, no hold, no job"


@pytest.mark.parametrize("world", [replace(LIMITS, max_open=100)], indirect=True, ids=[""])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_not_what_it_says_is_refused(world: World, name: str) -> None:
    hostile = HOSTILE[name]
    upload_id = world.sent(hostile.content, hostile.content_type)
    with pytest.raises(Exception, match=hostile.sentence) as refused:
        world.uploads.complete("ann", upload_id)
    assert type(refused.value).__name__ == "UploadUnusable"


@pytest.mark.parametrize(
    "error", [OverflowError(), ValueError("x"), struct.error("x"), IndexError()]
)
def test_a_case_that_a_parser_misses_is_the_files_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def missed(_: object) -> None:
        raise error

    monkeypatch.setattr("service.uploads.inspection.read_audio", missed)
    upload_id = world.sent(wav(), "audio/wav")
    with pytest.raises(UploadUnusable, match="damaged"):
        world.uploads.complete("ann", upload_id)


@pytest.mark.parametrize("name", ["a drawing as PNG", "a JPEG and an archive", "too long"])
def test_no_paid_request_takes_it(stack: LiveStack, name: str) -> None:
    hostile, api = HOSTILE[name], ApiClient(stack)
    begun = begin(stack, len(hostile.content), hostile.content_type).json()["data"]
    assert post_form(begun["url"], begun["fields"], hostile.content).status_code == 204
    for _ in range(2):
        refused = stack.post_video(imageUrl=begun["reference"])
        api.assert_refused(refused, 400, "UPLOAD_UNUSABLE")
        assert hostile.sentence in refused.json()["error"]
    completed = stack.call("POST", f"/uploads/{begun['uploadId']}/complete", stack.token("ann"))
    api.assert_refused(completed, 400, "UPLOAD_UNUSABLE")


def test_an_upload_of_another_user_or_of_no_file_is_an_unknown_one(stack: LiveStack) -> None:
    api, begun = ApiClient(stack), form(stack)
    unknown = "upload:upl_01kb7r3v6q8f2x0m4n5p6q7r8s"
    bobs = form(stack, user="bob")
    post_form(bobs["url"], bobs["fields"], PNG)
    texts = set()
    for reference in (begun["reference"], unknown, bobs["reference"], "upload:", "upload:../x"):
        refused = stack.post_video(imageUrl=reference)
        api.assert_refused(refused, 404, "UPLOAD_NOT_FOUND")
        texts.add(refused.json()["error"])
    for upload_id in (begun["uploadId"], unknown.removeprefix("upload:"), bobs["uploadId"]):
        about = {"Fingerprint": "fp-4be1a2c09d", "promptKey": "foo_prompt", "uploadId": upload_id}
        refused = api.post_fields(about)
        api.assert_refused(refused, 404, "UPLOAD_NOT_FOUND")
        texts.add(refused.json()["error"])
    assert len(texts) == 1


# What the form permits.


def policy(fields: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(fields["policy"]))
    return found


def changed_policy(fields: Mapping[str, str]) -> dict[str, str]:
    wider = policy(fields)
    wider["conditions"] = [
        ["content-length-range", 1, 10**9] if isinstance(each, list) else each
        for each in wider["conditions"]
    ]
    return {**fields, "policy": base64.b64encode(json.dumps(wider).encode()).decode()}


FORMS: dict[str, Any] = {
    "another key": lambda fields: {**fields, "key": f"{fields['key']}x"},
    "a key above its folder": lambda fields: {**fields, "key": f"{fields['key']}/../../x"},
    "another user's key": lambda fields: {**fields, "key": "uploads/00/upl_1"},
    "another type": lambda fields: {**fields, "Content-Type": "text/html"},
    "the type in capitals": lambda fields: {**fields, "Content-Type": "IMAGE/PNG"},
    "no type": lambda fields: {k: v for k, v in fields.items() if k != "Content-Type"},
    "a wider policy": changed_policy,
    "no policy": lambda fields: {k: v for k, v in fields.items() if k != "policy"},
    "no signature": lambda fields: {k: v for k, v in fields.items() if k != "x-amz-signature"},
    "another signature": lambda fields: {**fields, "x-amz-signature": "0" * 64},
    "another account": lambda fields: {
        **fields,
        "x-amz-credential": fields["x-amz-credential"].replace("local/", "other/"),
    },
    "public to all": lambda fields: {**fields, "acl": "public-read"},
    "a redirect": lambda fields: {**fields, "success_action_redirect": "https://evil.example"},
    "data of its own": lambda fields: {**fields, "x-amz-meta-a": "b"},
    "a website": lambda fields: {**fields, "x-amz-website-redirect-location": "/x"},
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_permits_nothing_but_what_it_says(stack: LiveStack, name: str) -> None:
    begun, before = form(stack, user=f"user-{name[:12].replace(' ', '-')}"), objects(stack)
    altered: dict[str, str] = FORMS[name](begun["fields"])
    sent = post_form(begun["url"], altered, PNG)
    assert sent.status_code in (400, 403), sent.text
    assert objects(stack) == before


@pytest.mark.parametrize(
    ("file", "code"), [(b"", "EntityTooSmall"), (bytes(10_001), "EntityTooLarge")]
)
def test_nothing_empty_and_nothing_longer_is_taken(
    stack: LiveStack, file: bytes, code: str
) -> None:
    begun, before = form(stack, user="carl"), objects(stack)
    sent = post_form(begun["url"], begun["fields"], file)
    assert sent.status_code == 400
    assert code in sent.text
    assert objects(stack) == before


def test_a_form_ends_within_minutes(world: World) -> None:
    begun = world.uploads.begin("ann", "image/png", 1000)
    until = datetime.fromisoformat(policy(begun.form.fields)["expiration"])
    left = until.timestamp() - SystemClock().now() / 1000
    assert 200 < left <= LIMITS.form_seconds


@pytest.mark.parametrize(
    "change",
    [
        *({"filename": name} for name in ("../a.png", "/etc/passwd", "C:\\a.png", "a\0.png", "..")),
        *({"filename": name} for name in ("", " ", "a" * 256, "a\n.png", 7, None)),
        *({"contentType": kind} for kind in ("Image/PNG", "image/PNG", "image/svg+xml", "")),
        *({"contentType": kind} for kind in ("text/html", "image/png; x=y", "image/*", None)),
        *({"size": size} for size in (0, -1, 1.5, "1", 10**12, None, True)),
        {"key": "uploads/x"},
    ],
    ids=str,
)
def test_what_is_announced_must_be_a_plain_file(stack: LiveStack, change: dict[str, Any]) -> None:
    before = stack.items()
    about = {"filename": "a.png", "contentType": "image/png", "size": 1000} | change
    refused = stack.call("POST", "/upload/url", stack.token("eve"), json=about)
    ApiClient(stack).assert_refused(refused, 400, "VALIDATION_FAILED")
    assert stack.items() == before


def test_an_image_of_more_than_ten_megabytes_gets_no_form(stack: LiveStack) -> None:
    before = stack.items()
    refused = begin(stack, 10 * MEGABYTE + 1, user="eve")
    details = ApiClient(stack).assert_refused(refused, 413, "UPLOAD_TOO_BIG")
    assert details == {"maxBytes": 10 * MEGABYTE}
    assert stack.items() == before


def test_a_file_swapped_after_the_check_is_never_used(world: World) -> None:
    begun = world.uploads.begin("ann", "image/png", 10_000)
    post_form(begun.form.url, begun.form.fields, PNG)
    checked = world.uploads.complete("ann", begun.upload.upload_id)
    post_form(begun.form.url, begun.form.fields, HTML)
    assert world.uploads.complete("ann", begun.upload.upload_id) == checked
