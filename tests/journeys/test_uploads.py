"""From a file to a video: the form, the file, the check, the paid request, the provider's fetch,
the export and the erasure."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.doubles.pictures import jpeg, png
from tests.doubles.sounds import wav
from tests.doubles.upload_forms import fetch, post_form
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack, new_key

PICTURE = png(640, 480)


@pytest.fixture
def api(start: Callable[..., LiveStack]) -> ApiClient:
    return ApiClient(start(uploads_form_seconds=60, uploads_post_seconds=1))


def uploaded(api: ApiClient, file: bytes, kind: str) -> dict[str, Any]:
    """The response to the upload of a file, whose form was posted as a browser does."""
    about = {"filename": "my file", "contentType": kind, "size": len(file)}
    begun = api.stack.call("POST", "/upload/url", api.token, json=about)
    assert begun.status_code == 200, begun.text
    form: dict[str, Any] = begun.json()["data"]
    posted = post_form(form["url"], form["fields"], file)
    assert posted.status_code == 204, posted.text
    assert posted.headers["Access-Control-Allow-Origin"] == "*"
    return form


def posted(api: ApiClient, key: str, **image: str) -> str:
    """The id of the job of a video."""
    body = {"Fingerprint": "fp-4be1a2c09d", "promptKey": "foo_prompt", **image}
    response = api.post(json.dumps(body), Idempotency_Key=key)
    assert response.status_code == 200, response.text
    return str(response.json()["data"]["jobId"])


def test_an_uploaded_picture_becomes_a_video(api: ApiClient) -> None:
    stack = api.stack
    form = uploaded(api, PICTURE, "image/png")
    completed = stack.call("POST", f"/uploads/{form['uploadId']}/complete", api.token)
    assert completed.status_code == 200, completed.text
    found = completed.json()["data"]
    assert (found["width"], found["height"], found["size"]) == (640, 480, len(PICTURE))
    key = new_key()
    job_id = posted(api, key, uploadId=found["uploadId"])
    assert stack.settled(job_id)["status"] == "SUCCEEDED"
    (sent,) = stack.journal("create")
    link = sent["body"]["image"]
    assert fetch(link).content == PICTURE
    assert fetch(link.replace("Signature=", "Signature=0")).status_code == 403
    assert "Signature" not in str(stack.items()), "a link is never stored"
    assert posted(api, key, imageUrl=found["reference"]) == job_id, "it is the same request"
    stack.assert_proved()


def test_the_first_paid_request_completes_an_upload(api: ApiClient) -> None:
    form = uploaded(api, jpeg(), "image/jpeg")
    job_id = api.stack.submitted(imageUrl=form["reference"])
    assert api.stack.settled(job_id)["status"] == "SUCCEEDED"
    api.stack.assert_proved()


def test_a_quote_takes_an_upload_too(api: ApiClient) -> None:
    form = uploaded(api, PICTURE, "image/png")
    body = {
        "Fingerprint": "fp-4be1a2c09d",
        "uploadId": form["uploadId"],
        "promptKey": "foo_prompt",
    }
    quoted = api.stack.call(
        "POST", "/credits/quote?operation=kling:image2video", api.token, json=body
    )
    assert quoted.status_code == 200, quoted.text


def test_sound_is_no_picture(api: ApiClient) -> None:
    form = uploaded(api, wav(), "audio/wav")
    refused = api.stack.post_video(imageUrl=form["reference"])
    api.assert_refused(refused, 400, "UPLOAD_UNUSABLE")
    assert api.stack.journal("create") == []


def test_an_erasure_deletes_the_files_and_an_export_lists_them(api: ApiClient) -> None:
    stack = api.stack
    form = uploaded(api, PICTURE, "image/png")
    stack.settled(stack.submitted(imageUrl=form["reference"]))
    fresh = stack.token("ann", auth_time=stack.parts.core.clock.now() // 1000)
    exported = stack.call("GET", "/me/export", fresh).json()
    assert form["uploadId"] in str(exported["data"]["uploads"])
    assert stack.call("DELETE", "/me/account", fresh).status_code in (200, 202)

    def is_gone() -> bool:
        listed = stack.call_simulators("GET", "/s3/__objects").json()["objects"]
        items = {item["SK"]["S"].partition("#")[0] for item in stack.items()}
        return not listed and not items & {"UPLOAD", "UPLOADS"}

    stack.until(is_gone)
