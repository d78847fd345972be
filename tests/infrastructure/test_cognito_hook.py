"""The optional stack of the Cognito hook: what its function does, executed, and what its template
must say."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from service.accounts.hook_signatures import signed_seconds
from tests.infrastructure.deployments import template

FILE = Path(__file__).parents[2] / "cloudformation" / "cognito-hook.yaml"
MAX_CODE_BYTES = 4096
COGNITO_WAITS_SECONDS = 5
SECRET = "hook-secret-of-these-tests-0123456789"
EVENT = {"triggerSource": "PostConfirmation_ConfirmSignUp", "response": {}, "userName": "ünïcode"}


class Receiver:
    """A service that keeps what it is sent, and responds with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[str, bytes]] = []
        self._server = make_server("127.0.0.1", 0, self._respond)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/cognito/post-confirmation"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _respond(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.received.append((request.headers["Farebox-Signature"], request.get_data()))
        return Response(b"{}", self.status)(environ, start_response)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def code() -> str:
    function = template(FILE)["Resources"]["Forwarder"]["Properties"]
    return str(function["Code"]["ZipFile"])


class Secrets:
    """Secrets Manager with the hook's secret; `fails` makes it unavailable."""

    def __init__(self) -> None:
        self.reads = 0
        self.fails = False

    def get_secret_value(self, **_: object) -> dict[str, str]:
        self.reads += 1
        if self.fails:
            raise TimeoutError
        return {"SecretString": SECRET}


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, receiver: Receiver, secrets: Secrets) -> Any:
    monkeypatch.setenv("HOOK_URL", receiver.url)
    monkeypatch.setenv("HOOK_SECRET_ARN", "arn:hook")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: secrets)
    names: dict[str, Any] = {}
    exec(compile(code(), "index.py", "exec"), names)
    return SimpleNamespace(**names)


def test_the_event_is_forwarded_with_a_signature_that_the_service_accepts(
    function: Any, receiver: Receiver
) -> None:
    assert function.handler(EVENT, None) == EVENT
    ((header, body),) = receiver.received
    assert json.loads(body) == EVENT
    seconds = int(header.partition(",")[0][2:])
    assert signed_seconds(header, body, SECRET, seconds) == seconds
    assert signed_seconds(header, body + b" ", SECRET, seconds) is None


def test_the_secret_is_read_once_for_many_events(function: Any, secrets: Secrets) -> None:
    for _ in range(3):
        function.handler(EVENT, None)
    assert secrets.reads == 1


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_no_refusal_of_the_service_fails_a_sign_up(
    function: Any, receiver: Receiver, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.status = status
    assert function.handler(EVENT, None) == EVENT
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == "post_confirmation_not_forwarded"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "not an address"])
def test_no_outage_fails_a_sign_up(
    function: Any, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HOOK_URL", url)
    assert function.handler(EVENT, None) == EVENT


def test_a_secret_that_cannot_be_read_fails_no_sign_up_and_is_not_logged(
    function: Any, secrets: Secrets, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets.fails = True
    assert function.handler(EVENT, None) == EVENT
    assert receiver.received == []
    assert SECRET not in capsys.readouterr().out


def faults(text: str, folder: Path) -> list[str]:
    """What is wrong with the template, a sentence each."""
    path = folder / "cognito-hook.yaml"
    path.write_text(text)
    resources = template(path)["Resources"]
    function = resources["Forwarder"]["Properties"]
    statements = resources["ForwarderRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    return [*_function_faults(function), *_access_faults(resources, statements["Statement"])]


def _function_faults(function: Any) -> Iterator[str]:
    zipped = function["Code"]["ZipFile"]
    if len(zipped.encode()) > MAX_CODE_BYTES:
        yield "the code is too long to be read at a glance"
    if function["Timeout"] >= COGNITO_WAITS_SECONDS:
        yield "Cognito would give up before the function does"
    if "except Exception" not in zipped or "return event" not in zipped:
        yield "a failure would fail the sign-up"
    if "timeout=2)" not in zipped:
        yield "the service may take longer than two seconds"
    if set(function["Environment"]["Variables"]) != {"HOOK_URL", "HOOK_SECRET_ARN"}:
        yield "something else than two addresses stands in the environment"


def _access_faults(resources: Any, statements: list[Any]) -> Iterator[str]:
    for statement in statements:
        if "*" in str(statement["Action"]) or statement["Resource"] == "*":
            yield f"{statement['Sid']} allows more than it must"
    permission = resources["ForwarderPermission"]["Properties"]
    if permission["Principal"] != "cognito-idp.amazonaws.com" or "SourceArn" not in permission:
        yield "others than the user pool may call the function"
    if "RetentionInDays" not in resources["ForwarderLogs"]["Properties"]:
        yield "the log is kept for ever"


def test_the_template_is_as_it_must_be(tmp_path: Path) -> None:
    assert faults(FILE.read_text(), tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Timeout: 4", "Timeout: 30"),
        ("except Exception as error", "except KeyError as error"),
        ("timeout=2", "timeout=20"),
        ("Action: secretsmanager:GetSecretValue", 'Action: "secretsmanager:*"'),
        ("Resource: !Ref HookSecretArn", 'Resource: "*"'),
        ("Principal: cognito-idp.amazonaws.com", 'Principal: "*"'),
        ("      SourceArn: !Ref UserPoolArn\n", ""),
        ("      RetentionInDays: !Ref LogRetentionDays\n", ""),
        ("HOOK_SECRET_ARN: !Ref HookSecretArn", "HOOK_KEY: the-secret-itself"),
        ("import hashlib\n", "import hashlib\n" + "          # long\n" * 400),
    ],
)
def test_a_mistake_in_the_template_is_found(tmp_path: Path, old: str, new: str) -> None:
    text = FILE.read_text()
    assert text.count(old) == 1
    assert faults(text.replace(old, new), tmp_path) != []
