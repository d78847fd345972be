"""No secret leaks: each is a unique text here, and none of them is in the log, the metrics, the
responses or the table. What is personal is gone from the table once its user has been erased."""

import base64
import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
import structlog

from service.core.logs import configure
from service.core.settings import Secret
from tests.doubles.pictures import in_base64, jpeg
from tests.stack.live_stack import LiveStack, new_key, video_body

TOUCHED = (
    "boto3",
    "botocore",
    "flask_cors",
    "gunicorn.access",
    "gunicorn.error",
    "urllib3",
    "werkzeug",
)
PROMPT = "The astronaut stood up and walked away"
CALLBACK_BYTES = b"canary-callback-secret-0123456789"
PICTURE = in_base64(jpeg(comment=b"canary-picture-0123456789"))

# The secrets of the service, and those that a client sends.
OURS = {
    "api key": "canary-api-key-0123456789",
    "pepper": "canary-pepper-0123456789-0123456789",
    "mac key": "canary-mac-key-0123456789-0123456789",
    "token key": "canary-token-key-0123456789-0123456789",
    "access token key": "Y2FuYXJ5LWFjY2Vzcy10b2tlbi1rZXktMDEyMzQ1Njc",
    "callback secret": base64.b64encode(CALLBACK_BYTES).decode(),
}
THEIRS = {
    "fingerprint": "canary-fingerprint-0123456789",
    "image address": "https://images.example.com/canary-address-0123456789.jpg",
    "picture": PICTURE,
}
SUBJECT = "canary-subject-0123456789"
EMAIL = "canary-email@mail.example"
DAMAGED = "USER#eve"
IDEMPOTENCY = "canary-idempotency-key-0123456789"


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """Logging belongs to the whole process: puts back what `configure` changes."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    before = {
        name: (logger.handlers, logger.propagate, logger.level)
        for name, logger in ((name, logging.getLogger(name)) for name in TOUCHED)
    }
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, (own, propagate, own_level) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = own, propagate
        logger.setLevel(own_level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def out() -> io.StringIO:
    """What the service's processes write."""
    return io.StringIO()


@pytest.fixture
def stacks(
    start: Callable[..., LiveStack], out: io.StringIO, _logging_as_before: None
) -> tuple[LiveStack, LiveStack]:
    """A stack that logs as much as possible, and one like it without a table."""
    configure("DEBUG", "json", out)
    secret = f"whsec_{OURS['callback secret']}"
    settings: dict[str, Any] = {
        "log_format": "json",
        "log_level": "DEBUG",
        "kling_api_key": Secret(OURS["api key"]),
        "fingerprint_peppers": Secret(f"1:{OURS['pepper']}"),
        "ledger_mac_key": Secret(OURS["mac key"]),
        "callback_token_keys": Secret(OURS["token key"]),
        "access_token_keys": Secret(f"canary:{OURS['access token key']}"),
        "kling_callback_secret": Secret(secret),
        "simulator": {"kling_api_key": OURS["api key"], "kling_callback_secret": secret},
        "welcome_credits": 50,
    }
    with contextlib.redirect_stdout(out):  # where metrics go
        return start(**settings), start(**settings, dynamodb_table_name="gone")


class Recorder:
    """Calls the service and records every response and every token."""

    def __init__(self) -> None:
        self.responses: list[requests.Response] = []
        self.tokens: list[str] = []

    def sign_in(self, stack: LiveStack, **claims: Any) -> str:
        token = stack.token(SUBJECT, email=EMAIL, **claims)
        self.tokens.append(token)
        return token

    def call(
        self, stack: LiveStack, method: str, path: str, token: str | None, **more: Any
    ) -> requests.Response:
        self.responses.append(stack.call(method, path, token, **more))
        return self.responses[-1]

    def prepared_post(
        self, stack: LiveStack, token: str | None, key: str | None = None, **fields: Any
    ) -> requests.Response:
        body = video_body(SUBJECT) | {
            "Fingerprint": THEIRS["fingerprint"],
            "imageUrl": THEIRS["image address"],
        }
        headers = {"Idempotency-Key": key} if key else {}
        return self.call(stack, "POST", "/videos", token, json=body | fields, headers=headers)


def everything_happens(recorder: Recorder, stack: LiveStack, gone: LiveStack) -> None:
    token = recorder.sign_in(stack)
    submitted = [
        recorder.prepared_post(stack, token, IDEMPOTENCY),
        recorder.prepared_post(stack, token, new_key(), imageUrl=PICTURE),
    ]
    assert [response.status_code for response in submitted] == [200, 200]
    for response in submitted:
        stack.until(lambda response=response: ended(recorder, stack, token, response))
    for path in (
        "/credits",
        "/jobs",
        "/jobs?nextToken=" + token[:100],
        "/nowhere?token=" + token,
        f"/jobs/{token}",
    ):
        recorder.call(stack, "GET", path, token)
    refusals(recorder, stack, token)
    faults(recorder, stack, token)
    strangers(recorder, stack, token)
    broken(recorder, stack, gone)


def leaves(recorder: Recorder, stack: LiveStack) -> None:
    """The user takes a copy along, and is erased."""
    token = recorder.sign_in(stack, auth_time=stack.parts.core.clock.now() // 1000)
    assert EMAIL in stack.call("GET", "/me/export", token).text
    assert recorder.call(stack, "DELETE", "/me/account", token).status_code == 202

    def is_finished() -> bool:
        erasure = recorder.call(stack, "GET", "/me/account/erasure", token).json()
        return bool(erasure["data"]["status"] == "finished")

    stack.until(is_finished)


def ended(recorder: Recorder, stack: LiveStack, token: str, submitted: requests.Response) -> bool:
    job = recorder.call(stack, "GET", f"{submitted.headers['Location']}?wait=5", token).json()[
        "data"
    ]
    return job["status"] == "SUCCEEDED"


def refusals(recorder: Recorder, stack: LiveStack, token: str) -> None:
    """Canaries where they do not belong."""
    recorder.prepared_post(stack, token, IDEMPOTENCY, promptKey="slow_zoom")
    for field in ("GoogleID", "promptKey"):
        recorder.prepared_post(stack, token, **{field: THEIRS["fingerprint"]})
    recorder.prepared_post(stack, token, imageUrl="http://" + THEIRS["image address"][8:])
    recorder.prepared_post(
        stack, token, unknown=token, GoogleID=[token], Fingerprint={"a": PICTURE}
    )
    raw = f'{{"Fingerprint": "{THEIRS["fingerprint"]}", "imageUrl": "{PICTURE}", "token": "{token}"'
    recorder.call(
        stack, "POST", "/videos", token, data=raw, headers={"Content-Type": "application/json"}
    )
    recorder.call(stack, "POST", "/videos", token, data=raw)
    recorder.prepared_post(stack, token, key=f"{token} {IDEMPOTENCY}")


def faults(recorder: Recorder, stack: LiveStack, token: str) -> None:
    """Everything that Kling can do to us."""
    for fault in (
        "status:400:1201",
        "status:400:1301",
        "status:429:1303",
        "status:401:1002",
        "html:502",
        "garbage",
    ):
        stack.fault("create", fault, count=3)
        recorder.prepared_post(stack, token)
        stack.clear_faults()
    for fault in ("reset", "lost-answer", "job-fails"):
        stack.fault("create", fault)
        recorder.prepared_post(stack, token)
    stack.fault("query", "status:500:5000", count=5)
    stack.fault("callback", "forged", count=3)
    recorder.prepared_post(stack, token)


def strangers(recorder: Recorder, stack: LiveStack, token: str) -> None:
    """Tokens that do not hold, callbacks that no one sealed."""
    recorder.tokens.append(f"{token}x")
    recorder.prepared_post(stack, f"{token}x")
    recorder.prepared_post(stack, recorder.sign_in(stack, email_verified=False))
    recorder.prepared_post(stack, recorder.sign_in(stack, expires_in=-5000))
    recorder.prepared_post(stack, recorder.sign_in(stack, aud="elsewhere"))
    for header in (f"Basic {token}", f"Bearer {token}, Bearer {token}", OURS["api key"]):
        recorder.call(
            stack,
            "GET",
            "/credits",
            None,
            headers={"Authorization": header, "X-Google-ID": SUBJECT},
        )
    sealed = stack.callback_token(SUBJECT, "job_01kb7r3v6q8f2x0m4n5p6q7r8s")
    recorder.tokens.append(sealed)
    for path in (sealed, f"{sealed}x", THEIRS["fingerprint"]):
        recorder.call(
            stack,
            "POST",
            f"/callbacks/kling/{path}",
            None,
            json={"task_status": "succeed", "token": token},
        )
    headers = {
        "Origin": "https://evil.example",
        "X-Request-Id": f"{token}\t",
        "User-Agent": token,
        "Referer": token,
    }
    recorder.call(stack, "GET", "/credits", token, headers=headers)


def broken(recorder: Recorder, stack: LiveStack, gone: LiveStack) -> None:
    """Google gone, the table gone, and damage that no one foresaw."""
    gone.fault("certs", "reset", service="google")
    token = recorder.sign_in(gone)
    assert recorder.prepared_post(gone, token).json()["code"] == "IDENTITY_UNAVAILABLE"
    gone.until(lambda: recorder.prepared_post(gone, token).json()["code"] == "STORAGE_UNAVAILABLE")
    stack.put_item(
        {"PK": {"S": DAMAGED}, "SK": {"S": "METADATA"}, "note": {"S": THEIRS["fingerprint"]}}
    )
    eve = stack.token("eve")
    recorder.tokens.append(eve)
    assert recorder.call(stack, "GET", "/credits", eve).status_code == 500


def found(canaries: Mapping[str, str], text: str) -> list[str]:
    return [name for name, canary in canaries.items() if canary in text]


def test_no_canary_sings(stacks: tuple[LiveStack, LiveStack], out: io.StringIO) -> None:
    recorder, stack = Recorder(), stacks[0]
    everything_happens(recorder, *stacks)
    sealed = [entry["body"]["callback_url"].rpartition("/")[2] for entry in stack.journal("create")]
    tokens = {f"token {number}": token for number, token in enumerate([*recorder.tokens, *sealed])}
    secrets = OURS | THEIRS | tokens | {"prompt": PROMPT, "idempotency key": IDEMPOTENCY}
    personal = {"subject": SUBJECT, "email": EMAIL}

    events = {json.loads(line).get("event") for line in out.getvalue().splitlines()}
    assert {
        "request",
        "job_captured",
        "unexpected_error",
        "signing_keys_not_fetched",
        None,
    } <= events
    assert found(secrets | personal, out.getvalue()) == []
    leaves(recorder, stack)
    secrets |= {f"token {number}": token for number, token in enumerate(recorder.tokens)}
    # An erasure is logged with the user's id, which stays in the ledger as well.
    assert found(secrets | {"email": EMAIL}, out.getvalue()) == []

    # It names the two ids that its caller has sent: one in the body, one in the token.
    mismatches = [each for each in recorder.responses if '"GOOGLE_ID_MISMATCH"' in each.text]
    assert len(mismatches) == 1
    others = [each for each in recorder.responses if each not in mismatches]
    responses = "\n".join(f"{response.headers}\n{response.text}" for response in others)
    assert {response.status_code for response in recorder.responses} >= {
        200,
        400,
        401,
        403,
        404,
        415,
        422,
        500,
        503,
    }
    assert found(secrets | personal, responses) == []

    table = json.dumps([item for item in stack.items() if item["PK"]["S"] != DAMAGED])
    assert found(secrets | {"email": EMAIL, "name": EMAIL.partition("@")[0]}, table) == []
