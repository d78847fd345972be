"""OpenAI's own library for Python, against a running service: only its address and its key are
changed. Its retries are its own."""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import openai
import pytest

from service.core.clock import SystemClock
from service.core.scopes import KeyScope
from service.server_keys.operations import ServerKeys
from tests.stack.live_stack import LiveStack
from tests.stack.memory_stack import stack_in_memory

MODEL = "gpt-4.1-mini"
FAST = {"text_seconds_per_token": 0.003}
PROMPT = "Describe a lighthouse."
SAID: Any = [{"role": "user", "content": PROMPT}]


class Line(httpx.HTTPTransport):
    """Counts requests. The responses to the next `cuts` of them are lost on their way, after the
    service has sent all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[httpx.Request] = []
        self.cuts = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        response = super().handle_request(request)
        if self.cuts:
            self.cuts -= 1
            response.read()
            raise httpx.ReadError("cut", request=request)
        return response


@pytest.fixture(scope="module")
def stack() -> Iterator[LiveStack]:
    with stack_in_memory(clock=SystemClock(), simulator=FAST, welcome_credits=100) as stack:
        body = {"prompt": PROMPT, "Fingerprint": "phone", "maxTokens": 100}
        response = stack.call("POST", "/ai/generate", stack.token("ann"), json=body)
        assert response.status_code == 200
        yield stack


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(stack: LiveStack, line: Line) -> Iterator[openai.OpenAI]:
    with client_of(stack, line, stack.token("ann", expires_in=10**6)) as client:
        yield client


def client_of(stack: LiveStack, line: Line, api_key: str) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{stack.url}/v1", api_key=api_key, http_client=httpx.Client(transport=line)
    )


def charged(stack: LiveStack) -> tuple[int, int]:
    """How many texts Ann has paid for, and how many calls the vendor would bill."""
    jobs = stack.get("/jobs?limit=50").json()["data"]["jobs"]
    calls = stack.call_simulators("GET", "/openai/__calls").json()["calls"]
    return sum(1 for job in jobs if job["credits"]["captured"]), len(calls)


def test_a_whole_completion(client: openai.OpenAI, stack: LiveStack) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=SAID, max_tokens=100)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage
    assert completion.usage.total_tokens > completion.usage.prompt_tokens > 0
    assert completion._request_id
    job_id = completion.id.replace("chatcmpl-", "job_")
    job = stack.get(f"/jobs/{job_id}").json()["data"]
    assert job["text"] == completion.choices[0].message.content
    again = [*SAID, completion.choices[0].message, {"role": "user", "content": "Shorter."}]
    assert client.chat.completions.create(model=MODEL, messages=again, max_tokens=100).choices


def test_a_streamed_completion(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=SAID, max_tokens=100, stream_options={"include_usage": True}
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content
    assert final.usage
    assert final.choices[0].finish_reason == "stop"


def test_a_whole_response(client: openai.OpenAI) -> None:
    response = client.responses.create(
        model=MODEL, input=PROMPT, instructions="Be brief.", max_output_tokens=100
    )
    assert (response.status, response.instructions) == ("completed", "Be brief.")
    assert response.output_text
    assert response.usage
    items: Any = [*SAID, *response.output, {"role": "user", "content": "Shorter."}]
    assert client.responses.create(model=MODEL, input=items, max_output_tokens=100).output_text


def test_a_streamed_response(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=PROMPT, max_output_tokens=100) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text
    assert final.status == "completed"


def test_the_models(client: openai.OpenAI) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).owned_by == "openai"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-0")


@pytest.mark.parametrize("stream", [False, True])
def test_too_few_credits_are_not_retried(stack: LiveStack, line: Line, stream: bool) -> None:
    with client_of(stack, line, stack.token("poor")) as client:
        with pytest.raises(openai.APIStatusError) as refused:
            client.chat.completions.create(model=MODEL, messages=SAID, stream=stream)
        assert (refused.value.status_code, refused.value.code) == (402, "INSUFFICIENT_CREDITS")
        assert len(line.sent) == 1


def test_what_is_not_supported_is_named(client: openai.OpenAI, line: Line) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=SAID, n=2)
    assert refused.value.param == "n"
    assert len(line.sent) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_retry_after_a_lost_response_finds_the_same_job(
    client: openai.OpenAI, line: Line, stack: LiveStack, stream: bool
) -> None:
    (texts, calls), line.cuts = charged(stack), 1
    found: Any = client.chat.completions.create(
        model=MODEL, messages=SAID, max_tokens=90 + stream, stream=stream
    )
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in found)
    else:
        assert found.choices[0].message.content
    assert [request.headers["x-stainless-retry-count"] for request in line.sent] == ["0", "1"]
    assert charged(stack) == (texts + 1, calls + 1)


def test_a_failure_after_the_hold_is_not_retried(
    client: openai.OpenAI, line: Line, stack: LiveStack
) -> None:
    stack.fault("responses", "error-event", "openai")
    with pytest.raises(openai.APIStatusError) as failed:
        client.chat.completions.create(model=MODEL, messages=SAID, max_tokens=100)
    assert failed.value.status_code >= 500
    assert len(line.sent) == 1
    stack.clear_faults()


def test_a_stream_that_its_client_leaves_goes_on(client: openai.OpenAI, stack: LiveStack) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=SAID, max_tokens=100, stream=True)
    first = next(iter(stream))
    stream.close()
    job = stack.settled(first.id.replace("chatcmpl-", "job_"))
    assert job["status"] == "SUCCEEDED"


def test_a_server_key_acts_for_its_user(stack: LiveStack, line: Line) -> None:
    server_keys = stack.parts.get(ServerKeys)
    key, text = server_keys.new("Web shop", (KeyScope.SESSIONS,))
    stack.parts.core.table.write(server_keys.creation(key).write)
    with client_of(stack, line, text) as client:
        with pytest.raises(openai.APIStatusError) as refused:
            client.chat.completions.create(model=MODEL, messages=SAID, user="customer-42")
        assert refused.value.status_code == 402
        with pytest.raises(openai.BadRequestError) as unnamed:
            client.chat.completions.create(model=MODEL, messages=SAID)
        assert unnamed.value.param == "user"
        assert client.models.list().data
