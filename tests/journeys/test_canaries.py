"""No secret gets out: each is a canary here, and none sings in the log, the metrics, the answers or
the table."""

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
PICTURE = base64.b64encode(b"\xff\xd8\xff\xe0canary-picture-0123456789").decode()

# What only the service knows, and what a client told it in confidence.
OURS = {
    "api key": "canary-api-key-0123456789",
    "pepper": "canary-pepper-0123456789-0123456789",
    "mac key": "canary-mac-key-0123456789-0123456789",
    "token key": "canary-token-key-0123456789-0123456789",
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
def towns(
    start: Callable[..., LiveStack], out: io.StringIO, _logging_as_before: None
) -> tuple[LiveStack, LiveStack]:
    """A town that says as much as it ever can, and one like it whose table is gone."""
    configure("DEBUG", "json", out)
    secret = f"whsec_{OURS['callback secret']}"
    settings: dict[str, Any] = {
        "log_format": "json",
        "log_level": "DEBUG",
        "kling_api_key": Secret(OURS["api key"]),
        "fingerprint_peppers": Secret(f"1:{OURS['pepper']}"),
        "ledger_mac_key": Secret(OURS["mac key"]),
        "callback_token_keys": Secret(OURS["token key"]),
        "kling_callback_secret": Secret(secret),
        "simulator": {"kling_api_key": OURS["api key"], "kling_callback_secret": secret},
        "welcome_credits": 50,
    }
    with contextlib.redirect_stdout(out):  # where metrics go
        return start(**settings), start(**settings, dynamodb_table_name="gone")


class Ear:
    """Calls the service, and keeps every answer and every token."""

    def __init__(self) -> None:
        self.heard: list[requests.Response] = []
        self.tokens: list[str] = []

    def sign_in(self, stack: LiveStack, **claims: Any) -> str:
        token = stack.token(SUBJECT, email=EMAIL, **claims)
        self.tokens.append(token)
        return token

    def call(
        self, stack: LiveStack, method: str, path: str, token: str | None, **more: Any
    ) -> requests.Response:
        self.heard.append(stack.call(method, path, token, **more))
        return self.heard[-1]

    def order(
        self, stack: LiveStack, token: str | None, key: str | None = None, **fields: Any
    ) -> requests.Response:
        body = video_body(SUBJECT) | {
            "Fingerprint": THEIRS["fingerprint"],
            "imageUrl": THEIRS["image address"],
        }
        headers = {"Idempotency-Key": key} if key else {}
        return self.call(stack, "POST", "/videos", token, json=body | fields, headers=headers)


def everything_happens(ear: Ear, stack: LiveStack, gone: LiveStack) -> None:
    token = ear.sign_in(stack)
    placed = [
        ear.order(stack, token, IDEMPOTENCY),
        ear.order(stack, token, new_key(), imageUrl=PICTURE),
    ]
    assert [answer.status_code for answer in placed] == [200, 200]
    for answer in placed:
        stack.until(lambda answer=answer: ended(ear, stack, token, answer))
    for path in (
        "/credits",
        "/jobs",
        "/jobs?nextToken=" + token[:100],
        "/nowhere?token=" + token,
        f"/jobs/{token}",
    ):
        ear.call(stack, "GET", path, token)
    refusals(ear, stack, token)
    faults(ear, stack, token)
    strangers(ear, stack, token)
    broken(ear, stack, gone)


def ended(ear: Ear, stack: LiveStack, token: str, placed: requests.Response) -> bool:
    job = ear.call(stack, "GET", f"{placed.headers['Location']}?wait=5", token).json()["data"]
    return job["status"] == "SUCCEEDED"


def refusals(ear: Ear, stack: LiveStack, token: str) -> None:
    """Canaries where they do not belong."""
    ear.order(stack, token, IDEMPOTENCY, promptKey="slow_zoom")
    for field in ("GoogleID", "promptKey"):
        ear.order(stack, token, **{field: THEIRS["fingerprint"]})
    ear.order(stack, token, imageUrl="http://" + THEIRS["image address"][8:])
    ear.order(stack, token, unknown=token, GoogleID=[token], Fingerprint={"a": PICTURE})
    raw = f'{{"Fingerprint": "{THEIRS["fingerprint"]}", "imageUrl": "{PICTURE}", "token": "{token}"'
    ear.call(
        stack, "POST", "/videos", token, data=raw, headers={"Content-Type": "application/json"}
    )
    ear.call(stack, "POST", "/videos", token, data=raw)
    ear.order(stack, token, key=f"{token} {IDEMPOTENCY}")


def faults(ear: Ear, stack: LiveStack, token: str) -> None:
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
        ear.order(stack, token)
        stack.no_more_faults()
    for fault in ("reset", "lost-answer", "job-fails"):
        stack.fault("create", fault)
        ear.order(stack, token)
    stack.fault("query", "status:500:5000", count=5)
    stack.fault("callback", "forged", count=3)
    ear.order(stack, token)


def strangers(ear: Ear, stack: LiveStack, token: str) -> None:
    """Tokens that do not hold, callbacks that nobody sealed."""
    ear.tokens.append(f"{token}x")
    ear.order(stack, f"{token}x")
    ear.order(stack, ear.sign_in(stack, email_verified=False))
    ear.order(stack, ear.sign_in(stack, expires_in=-5000))
    ear.order(stack, ear.sign_in(stack, aud="elsewhere"))
    for header in (f"Basic {token}", f"Bearer {token}, Bearer {token}", OURS["api key"]):
        ear.call(
            stack,
            "GET",
            "/credits",
            None,
            headers={"Authorization": header, "X-Google-ID": SUBJECT},
        )
    sealed = stack.seal(SUBJECT, "job_01kb7r3v6q8f2x0m4n5p6q7r8s")
    ear.tokens.append(sealed)
    for path in (sealed, f"{sealed}x", THEIRS["fingerprint"]):
        ear.call(
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
    ear.call(stack, "GET", "/credits", token, headers=headers)


def broken(ear: Ear, stack: LiveStack, gone: LiveStack) -> None:
    """Google gone, the table gone, and damage that nobody foresaw."""
    gone.fault("certs", "reset", service="google")
    token = ear.sign_in(gone)
    assert ear.order(gone, token).json()["code"] == "IDENTITY_UNAVAILABLE"
    gone.until(lambda: ear.order(gone, token).json()["code"] == "STORAGE_UNAVAILABLE")
    stack.put({"PK": {"S": DAMAGED}, "SK": {"S": "METADATA"}, "note": {"S": THEIRS["fingerprint"]}})
    eve = stack.token("eve")
    ear.tokens.append(eve)
    assert ear.call(stack, "GET", "/credits", eve).status_code == 500


def found(canaries: Mapping[str, str], text: str) -> list[str]:
    return [name for name, canary in canaries.items() if canary in text]


def test_no_canary_sings(towns: tuple[LiveStack, LiveStack], out: io.StringIO) -> None:
    ear, stack = Ear(), towns[0]
    everything_happens(ear, *towns)
    sealed = [entry["body"]["callback_url"].rpartition("/")[2] for entry in stack.journal("create")]
    tokens = {f"token {number}": token for number, token in enumerate([*ear.tokens, *sealed])}
    secrets = OURS | THEIRS | tokens | {"prompt": PROMPT, "idempotency key": IDEMPOTENCY}
    personal = {"subject": SUBJECT, "email": EMAIL}

    events = {json.loads(line).get("event") for line in out.getvalue().splitlines()}
    assert {
        "request",
        "job_captured",
        "unforeseen_error",
        "signing_keys_not_fetched",
        None,
    } <= events
    assert found(secrets | personal, out.getvalue()) == []

    answers = "\n".join(f"{answer.headers}\n{answer.text}" for answer in ear.heard)
    assert {answer.status_code for answer in ear.heard} >= {
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
    assert found(secrets | personal, answers) == []

    table = json.dumps([item for item in stack.items() if item["PK"]["S"] != DAMAGED])
    assert found(secrets, table) == []
