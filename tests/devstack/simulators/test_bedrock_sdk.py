"""The simulated Bedrock understands boto3, and is understood by it: signatures, errors, and the
framing of its streams."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import openai
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from devstack.simulators.bedrock.responses import BLOCKED
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.language.model import count_tokens
from devstack.simulators.server import SimulatorServer
from tests.devstack.simulators.stack import Stack
from tests.doubles.clock import FakeClock
from tests.doubles.eventually import eventually

MODEL = "anthropic.claude-sonnet-5-20260901-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-lite-v1:0"
PROMPT = "Describe a river in winter."
MESSAGES: list[Any] = [{"role": "user", "content": [{"text": PROMPT}]}]
GUARDED: Any = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}


@pytest.fixture(scope="module")
def real() -> Iterator[Stack]:
    """With the machine's clock: boto3 signs by it."""
    with SimulatorServer(SimulatorSettings(port=0, text_seconds_per_token=0.0)) as server:
        yield Stack(server, FakeClock())


@pytest.fixture
def server(real: Stack) -> Stack:
    for path in ("/__faults", "/bedrock/__calls", "/bedrock/__script"):
        real.call("DELETE", path)
    return real


def connect(server: Stack, **keys: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"{server.url}/bedrock",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=30),
        **{"aws_access_key_id": "local", "aws_secret_access_key": "local"} | keys,
    )


@pytest.fixture(scope="module")
def client(real: Stack) -> Iterator[Any]:
    with closing(connect(real)) as client:
        yield client


def script(server: Stack, **fields: Any) -> None:
    assert server.call("POST", "/bedrock/__script", json=fields).status_code == 200


def calls(server: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", "/bedrock/__calls").json()["calls"]
    return found


@pytest.mark.parametrize("model", [MODEL, PROFILE])
def test_a_conversation(server: Stack, client: Any, model: str) -> None:
    response = client.converse(
        modelId=model, messages=MESSAGES, requestMetadata={"job_id": "job_7"}
    )
    assert len(response["output"]["message"]["content"][0]["text"].split()) == 40
    assert response["stopReason"] == "end_turn"
    given = count_tokens([PROMPT])
    assert response["usage"]["inputTokens"] == given
    assert response["usage"]["totalTokens"] == given + 40
    (call,) = calls(server)
    assert (call["job_id"], call["model"], call["output_tokens"]) == ("job_7", model, 40)


def test_a_stream_is_framed_as_boto3_reads_it(server: Stack, client: Any) -> None:
    script(server, output_tokens=12, cached_tokens=4, cache_write_tokens=2)
    stream = client.converse_stream(
        modelId=MODEL, messages=MESSAGES, system=[{"text": "You are brief."}]
    )["stream"]
    with closing(stream):
        events = list(stream)
    names = [next(iter(event)) for event in events]
    assert names == [
        "messageStart",
        *["contentBlockDelta"] * 12,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    given = count_tokens([PROMPT, "You are brief."])
    usage = events[-1]["metadata"]["usage"]
    assert usage == {
        "inputTokens": given - 6,
        "outputTokens": 12,
        "totalTokens": given + 12,
        "cacheReadInputTokens": 4,
        "cacheWriteInputTokens": 2,
    }


@pytest.mark.parametrize(
    ("end", "reason"), [("content", "content_filtered"), ("length", "max_tokens")]
)
def test_other_endings(server: Stack, client: Any, end: str, reason: str) -> None:
    script(server, end=end)
    response = client.converse(modelId=MODEL, messages=MESSAGES)
    assert response["stopReason"] == reason


@pytest.mark.parametrize(
    ("end", "tokens"), [("blocked-input", (0, 0)), ("blocked-output", (count_tokens([PROMPT]), 40))]
)
def test_a_guardrail_replaces_the_text(
    server: Stack, client: Any, end: str, tokens: tuple[int, int]
) -> None:
    script(server, end=end)
    response = client.converse(modelId=MODEL, messages=MESSAGES, guardrailConfig=GUARDED)
    assert response["stopReason"] == "guardrail_intervened"
    assert response["output"]["message"]["content"][0]["text"] == BLOCKED
    (call,) = calls(server)
    assert (call["input_tokens"], call["output_tokens"]) == tokens


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("status:400", "ValidationException"),
        ("status:403", "AccessDeniedException"),
        ("status:404", "ResourceNotFoundException"),
        ("status:408", "ModelTimeoutException"),
        ("status:424", "ModelErrorException"),
        ("status:429", "ThrottlingException"),
        ("status:429:ModelNotReadyException", "ModelNotReadyException"),
        ("status:500", "InternalServerException"),
        ("status:503", "ServiceUnavailableException"),
    ],
)
def test_errors_are_those_that_boto3_knows(
    server: Stack, client: Any, fault: str, name: str
) -> None:
    server.arm("bedrock", "converse", fault)
    with pytest.raises(getattr(client.exceptions, name)):
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert calls(server) == []


@pytest.mark.parametrize(
    "name",
    [
        "throttlingException",
        "modelStreamErrorException",
        "validationException",
        "serviceUnavailableException",
        "internalServerException",
    ],
)
def test_an_exception_inside_a_stream(server: Stack, client: Any, name: str) -> None:
    server.arm("bedrock", "converse-stream", f"error-event-late:{name[0].upper()}{name[1:]}")
    stream = client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]
    with closing(stream), pytest.raises(EventStreamError) as caught:
        list(stream)
    assert caught.value.response["Error"]["Code"] == name


def test_the_tokens_of_an_input_are_counted_for_some_models(client: Any) -> None:
    wanted = {"converse": {"messages": MESSAGES}}
    assert client.count_tokens(modelId=MODEL, input=wanted)["inputTokens"] == count_tokens([PROMPT])
    with pytest.raises(client.exceptions.ValidationException):
        client.count_tokens(modelId="amazon.nova-2-lite-v1:0", input=wanted)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "other"}, "UnrecognizedClientException"),
    ],
)
def test_a_signature_must_be_right(server: Stack, keys: dict[str, str], code: str) -> None:
    with closing(connect(server, **keys)) as client, pytest.raises(ClientError) as caught:
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert caught.value.response["Error"]["Code"] == code
    assert calls(server) == []


def test_a_request_without_a_signature_is_refused(server: Stack) -> None:
    response = server.call("POST", f"/bedrock/model/{MODEL}/converse", json={})
    assert response.status_code == 403
    assert response.headers["x-amzn-ErrorType"].startswith("MissingAuthenticationToken")


BEARER = {"Authorization": "Bearer bedrock-local-api-key"}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("no-such-model", {}),
        (MODEL, {"messages": []}),
        (MODEL, {"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}),
        (MODEL, {"messages": [{"role": "user", "content": [{"text": " "}]}]}),
        (MODEL, {"messages": [{"role": "user", "content": [{"image": {}}]}]}),
        (MODEL, {"inferenceConfig": {"maxTokens": 0}}),
        (MODEL, {"requestMetadata": {"a": "é"}}),
        (MODEL, {"guardrailConfig": {"guardrailIdentifier": "x"}}),
        (MODEL, {"colour": "red"}),
        (MODEL, {"messages": [{"role": "user", "content": [{"text": "x" * 600_000}]}]}),
    ],
)
def test_requests_are_validated(server: Stack, model: str, fields: dict[str, Any]) -> None:
    response = server.call(
        "POST",
        f"/bedrock/model/{model}/converse",
        json={"messages": MESSAGES, **fields},
        headers=BEARER,
    )
    assert response.status_code == 400
    assert response.headers["x-amzn-ErrorType"].startswith("ValidationException")
    assert calls(server) == []


def test_a_client_that_leaves_is_billed_for_everything(server: Stack) -> None:
    script(server, output_tokens=400, seconds_per_token=0.001)
    url = f"{server.url}/bedrock/model/{MODEL}/converse-stream"
    with requests.post(
        url, json={"messages": MESSAGES}, headers=BEARER, stream=True, timeout=30
    ) as response:
        next(response.iter_content(10))
    eventually(lambda: calls(server)[0]["state"] != "running")
    (call,) = calls(server)
    assert (call["state"], call["output_tokens"]) == ("completed", 400)


def test_the_models_of_openai_are_there_too(server: Stack) -> None:
    with openai.OpenAI(
        base_url=f"{server.url}/bedrock/openai/v1", api_key="bedrock-local-api-key", max_retries=0
    ) as client:
        response = client.responses.create(model="openai.gpt-oss-120b-1:0", input=PROMPT)
    assert response.status == "completed"
