"""Bedrock's client over the simulated Bedrock: what is sent, what comes back, what it costs."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.language.model import count_tokens
from devstack.simulators.server import SimulatorServer
from service.core.metrics import Metric
from service.providers.base import RejectionReason
from service.providers.bedrock.client import Converse, Guardrail
from service.providers.bedrock.signing import BedrockSigner
from service.providers.generation import (
    Complete,
    FinishReason,
    Message,
    Output,
    Refused,
    Role,
    TokenUsage,
)
from service.storage.credentials import NoCredentials
from tests.doubles.clock import FakeClock
from tests.providers.text_harness import (
    MESSAGES,
    MODELS,
    TextHarness,
    bedrock,
    generated,
    parts,
    request,
)

MODEL = MODELS["bedrock"]
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-lite-v1:0"
INPUT_TOKENS = count_tokens(message.text for message in MESSAGES)
GUARDRAIL = Guardrail("gr-1", "1")


@pytest.fixture(scope="module")
def shared() -> Iterator[TextHarness]:
    with SimulatorServer(SimulatorSettings(port=0, text_seconds_per_token=0.0)) as server:
        yield TextHarness("bedrock", "converse-stream", server.url)


@pytest.fixture
def world(shared: TextHarness) -> TextHarness:
    shared.reset()
    return shared


@pytest.fixture
def provider(world: TextHarness) -> Converse:
    return bedrock(f"{world.url}/bedrock", world.metrics)


@pytest.fixture
def guarded(world: TextHarness) -> Converse:
    return bedrock(f"{world.url}/bedrock", world.metrics, guardrail=GUARDRAIL)


@pytest.mark.parametrize("model", [MODEL, PROFILE])
def test_a_response_is_read_to_the_usage_after_its_end(
    world: TextHarness, provider: Converse, model: str
) -> None:
    """Tokens of the cache are outside of Bedrock's input, and inside of ours."""
    world.script(output_tokens=30, cached_tokens=5, cache_write_tokens=3)
    events = generated(provider, request(model_id=model))
    usage = TokenUsage(INPUT_TOKENS, 30, 5, 3, total_tokens=INPUT_TOKENS + 30)
    assert events[-1] == Complete(FinishReason.STOP, usage)
    assert len(parts(events)[0].split()) == 30
    (call,) = world.calls()
    assert (call["model"], call["output_tokens"]) == (model, 30)


def test_the_request_always_has_its_maximum(world: TextHarness, provider: Converse) -> None:
    generated(provider, request(model_id=MODEL))
    (sent,) = world.received()
    assert sent["body"] == {
        "messages": [{"role": "user", "content": [{"text": "Describe a river in winter."}]}],
        "system": [{"text": "You are brief."}],
        "inferenceConfig": {"maxTokens": 100},
        "requestMetadata": {"job_id": "job_1"},
    }


def test_the_request_has_the_sampling_that_was_chosen(
    world: TextHarness, provider: Converse
) -> None:
    generated(provider, request(model_id=MODEL, temperature=0.0, top_p=0.5))
    (sent,) = world.received()
    assert sent["body"]["inferenceConfig"] == {"maxTokens": 100, "temperature": 0.0, "topP": 0.5}


def test_messages_of_one_role_are_one_message(world: TextHarness, provider: Converse) -> None:
    said = (
        Message(Role.USER, "a"),
        Message(Role.USER, "b"),
        Message(Role.ASSISTANT, "c"),
        Message(Role.ASSISTANT, ""),
        Message(Role.USER, "d"),
    )
    generated(provider, request(model_id=MODEL, messages=said))
    (sent,) = world.received()
    assert [
        (each["role"], [part["text"] for part in each["content"]])
        for each in sent["body"]["messages"]
    ] == [("user", ["a", "b"]), ("assistant", ["c"]), ("user", ["d"])]


def test_an_output_that_meets_the_maximum_says_so(world: TextHarness, provider: Converse) -> None:
    text, last = parts(generated(provider, request(model_id=MODEL, max_output_tokens=9)))
    assert len(text.split()) == 9
    assert isinstance(last, Complete)
    assert last.finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize("end", ["blocked-input", "blocked-output"])
def test_what_a_guardrail_blocks_is_refused_and_nothing_of_it_passed_on(
    world: TextHarness, guarded: Converse, end: str
) -> None:
    world.script(end=end)
    (last,) = generated(guarded, request(model_id=MODEL))
    assert isinstance(last, Refused)
    assert last.reason is RejectionReason.CONTENT
    assert last.usage is not None
    blocked = (0, 0) if end == "blocked-input" else (INPUT_TOKENS, 40)
    assert (last.usage.input_tokens, last.usage.output_tokens) == blocked


def test_what_a_guardrail_lets_through_comes_as_one_piece(
    world: TextHarness, guarded: Converse
) -> None:
    output, last = generated(guarded, request(model_id=MODEL))
    assert isinstance(output, Output)
    assert len(output.text.split()) == 40
    assert isinstance(last, Complete)
    (sent,) = world.received()
    assert sent["body"]["guardrailConfig"] == {
        "guardrailIdentifier": "gr-1",
        "guardrailVersion": "1",
        "streamProcessingMode": "sync",
    }


def test_what_the_model_filters_after_output_is_whole(
    world: TextHarness, provider: Converse
) -> None:
    world.script(end="content")
    text, last = parts(generated(provider, request(model_id=MODEL)))
    assert text
    assert isinstance(last, Complete)
    assert last.finish_reason is FinishReason.CONTENT


@pytest.mark.parametrize(
    ("lie", "reported"),
    [
        (None, None),
        ({"inputTokens": "many"}, None),
        ({"outputTokens": 0}, TokenUsage(INPUT_TOKENS, 0, total_tokens=INPUT_TOKENS + 40)),
        ({"totalTokens": None}, TokenUsage(INPUT_TOKENS, 40)),
        (
            {"cacheReadInputTokens": 9},
            TokenUsage(INPUT_TOKENS + 9, 40, 9, total_tokens=INPUT_TOKENS + 49),
        ),
    ],
)
def test_usage_is_passed_on_as_reported_if_it_is_numbers(
    world: TextHarness, provider: Converse, lie: object, reported: TokenUsage | None
) -> None:
    world.script(usage=lie)
    last = generated(provider, request(model_id=MODEL))[-1]
    assert last == Complete(FinishReason.STOP, reported)


def test_cancelling_ends_without_a_last_event(world: TextHarness, provider: Converse) -> None:
    world.script(output_tokens=5)
    with provider.generate(request(model_id=MODEL)) as generation:
        events = []
        for event in generation:
            events.append(event)
            generation.cancel()
    assert len(events) == 1
    assert isinstance(events[0], Output)


def test_an_input_is_counted_where_bedrock_does(provider: Converse) -> None:
    assert provider.count_input(request(model_id=MODEL)) == INPUT_TOKENS
    assert provider.count_input(request(model_id=PROFILE)) is None


def test_a_key_that_is_refused_is_our_own_trouble(world: TextHarness) -> None:
    provider = bedrock(f"{world.url}/bedrock", world.metrics, secret_key="wrong")
    assert generated(provider, request(model_id=MODEL)) == [Refused(RejectionReason.UNAVAILABLE)]
    assert world.metrics.counts[Metric.PROVIDER_REFUSES_US] == 1


def test_without_credentials_nothing_is_sent(world: TextHarness) -> None:
    def none() -> ReadOnlyCredentials:
        raise NoCredentials

    provider = bedrock(f"{world.url}/bedrock", world.metrics)
    provider._signer = BedrockSigner(none, "us-east-1", FakeClock())
    assert generated(provider, request(model_id=MODEL)) == [Refused(RejectionReason.UNAVAILABLE)]
    assert provider.count_input(request(model_id=MODEL)) is None
    assert world.received() == []


@pytest.mark.parametrize("token", [None, "a-session-token"])
@pytest.mark.parametrize("model", ["a.b-v1%3A0", "arn%3Aaws%3Abedrock%3Ax%2Fy", "plain"])
def test_signatures_are_botocores(token: str | None, model: str) -> None:
    """botocore signs by the machine's clock: ours is set to what it used."""
    url, body = f"http://127.0.0.1:8090/bedrock/model/{model}/converse-stream", b'{"a": 1}'
    theirs = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
    SigV4Auth(Credentials("key", "secret", token), "bedrock", "eu-west-1").add_auth(theirs)
    moment = theirs.headers["X-Amz-Date"]
    signed_at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    keys, clock = ReadOnlyCredentials("key", "secret", token), FakeClock(int(signed_at) * 1000)
    ours = BedrockSigner(lambda: keys, "eu-west-1", clock).headers(url, body)
    assert ours["x-amz-date"] == moment
    assert ours["authorization"] == theirs.headers["Authorization"]
