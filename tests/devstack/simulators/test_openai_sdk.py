"""The simulated OpenAI understands OpenAI's own client library, and is understood by it."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests

from devstack.simulators.language.model import REFUSAL, count_tokens
from tests.devstack.simulators.stack import Stack

PROMPT = "Describe a river in winter."


@pytest.fixture
def server(shared: Stack) -> Stack:
    for path in ("/__faults", "/openai/__calls", "/openai/__script"):
        shared.call("DELETE", path)
    return shared


@pytest.fixture
def client(server: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{server.url}/openai/v1", api_key="openai-local-api-key", max_retries=0
    ) as client:
        yield client


def script(server: Stack, **fields: Any) -> None:
    assert server.call("POST", "/openai/__script", json=fields).status_code == 200


def calls(server: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", "/openai/__calls").json()["calls"]
    return found


def test_a_whole_response(client: openai.OpenAI, server: Stack) -> None:
    response = client.responses.create(
        model="gpt-5.2", input=PROMPT, store=False, metadata={"job_id": "job_7"}
    )
    assert response.status == "completed"
    assert len(response.output_text.split()) == 40
    assert response.usage is not None
    assert response.usage.input_tokens == count_tokens([PROMPT])
    assert response.usage.output_tokens == 40
    (call,) = calls(server)
    assert (call["job_id"], call["output_tokens"], call["state"]) == ("job_7", 40, "completed")


def test_a_streamed_response_ends_with_its_last_typed_event(
    client: openai.OpenAI, server: Stack
) -> None:
    script(server, output_tokens=12, reasoning_tokens=4, cached_tokens=2)
    with client.responses.create(model="gpt-5.2", input=PROMPT, stream=True) as stream:
        events = list(stream)
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type == "response.completed"
    text = "".join(each.delta for each in events if each.type == "response.output_text.delta")
    assert text == last.response.output_text
    assert [each.sequence_number for each in events] == list(range(len(events)))
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == 16
    assert last.response.usage.output_tokens_details.reasoning_tokens == 4
    assert last.response.usage.input_tokens_details.cached_tokens == 2


@pytest.mark.parametrize(
    ("end", "kind", "reason"),
    [
        ("length", "response.incomplete", "max_output_tokens"),
        ("content", "response.incomplete", "content_filter"),
        ("failed:server_error", "response.failed", None),
    ],
)
def test_other_endings_are_typed_too(
    client: openai.OpenAI, server: Stack, end: str, kind: str, reason: str | None
) -> None:
    script(server, end=end)
    with client.responses.create(model="gpt-5.2", input=PROMPT, stream=True) as stream:
        last: Any = list(stream)[-1]
    assert last.type == kind
    if reason is None:
        assert last.response.error.code == "server_error"
        assert last.response.usage is None
    else:
        assert last.response.incomplete_details.reason == reason


def test_a_maximum_cuts_the_output(client: openai.OpenAI) -> None:
    response = client.responses.create(model="gpt-5.2", input=PROMPT, max_output_tokens=16)
    assert response.status == "incomplete"
    assert len(response.output_text.split()) == 16


def test_a_chat_completion(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(
        model="gpt-5.2", messages=[{"role": "user", "content": PROMPT}], max_completion_tokens=8
    )
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 8
    assert reply.usage.total_tokens == 8 + count_tokens([PROMPT])


@pytest.mark.parametrize("with_usage", [True, False])
def test_a_streamed_chat_completion_reports_usage_on_request(
    client: openai.OpenAI, with_usage: bool
) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if with_usage else {}
    with client.chat.completions.create(
        model="gpt-5.2", messages=[{"role": "user", "content": PROMPT}], stream=True, **more
    ) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(text.split()) == 40
    usage = [chunk.usage for chunk in chunks if chunk.usage]
    assert [each.completion_tokens for each in usage] == ([40] if with_usage else [])


def test_a_refusal_in_words(client: openai.OpenAI, server: Stack) -> None:
    script(server, end="refusal")
    reply = client.chat.completions.create(
        model="gpt-5.2", messages=[{"role": "user", "content": PROMPT}]
    )
    assert reply.choices[0].message.refusal == REFUSAL


def test_an_input_is_counted(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="gpt-5.2", input=PROMPT)
    assert counted.input_tokens == count_tokens([PROMPT])


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert "gpt-5.2" in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-5.2").owned_by == "openai"


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("status:401", openai.AuthenticationError, "invalid_api_key"),
        ("status:429", openai.RateLimitError, "rate_limit_exceeded"),
        ("status:429:insufficient_quota", openai.RateLimitError, "insufficient_quota"),
        ("status:400:context_length_exceeded", openai.BadRequestError, "context_length_exceeded"),
        ("status:404", openai.NotFoundError, "model_not_found"),
        ("status:500", openai.InternalServerError, "server_error"),
    ],
)
def test_errors_are_those_that_the_library_knows(
    client: openai.OpenAI, server: Stack, fault: str, error: type[openai.APIStatusError], code: str
) -> None:
    server.arm("openai", "responses", fault)
    with pytest.raises(error) as caught:
        client.responses.create(model="gpt-5.2", input=PROMPT)
    assert caught.value.code == code
    assert caught.value.request_id
    retry = caught.value.response.headers.get("retry-after")
    assert (retry == "1") is (code == "rate_limit_exceeded")
    assert calls(server) == []


def test_an_error_inside_a_stream_comes_after_200(client: openai.OpenAI, server: Stack) -> None:
    server.arm("openai", "responses", "error-event:rate_limit_exceeded")
    with client.responses.create(model="gpt-5.2", input=PROMPT, stream=True) as stream:
        first, last = list(stream)
    assert (first.type, last.type) == ("response.created", "error")
    (call,) = calls(server)
    assert (call["state"], call["input_tokens"], call["output_tokens"]) == ("failed", 0, 0)


@pytest.mark.parametrize("operation", ["responses", "chat"])
def test_a_stream_that_is_cut_is_billed_for_what_was_written(server: Stack, operation: str) -> None:
    server.arm("openai", operation, "cut")
    body: dict[str, Any] = {"model": "gpt-5.2", "stream": True}
    path = "responses" if operation == "responses" else "chat/completions"
    body |= (
        {"input": PROMPT}
        if operation == "responses"
        else {"messages": [{"role": "user", "content": PROMPT}]}
    )
    headers = {"Authorization": "Bearer openai-local-api-key"}
    url = f"/openai/v1/{path}"
    with (
        pytest.raises(requests.RequestException),
        server.call("POST", url, json=body, headers=headers, stream=True) as response,
    ):
        _ = response.content
    (call,) = calls(server)
    assert (call["state"], call["output_tokens"]) == ("cut", 20)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"colour": "red"}, "colour", "unknown_parameter"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": "no-such-model"}, "model", "model_not_found"),
        ({"input": []}, "input", "empty_array"),
        ({"input": 7}, "input", "invalid_type"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "invalid_value"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"max_output_tokens": "20"}, "max_output_tokens", "invalid_type"),
        ({"stream": 1}, "stream", "invalid_type"),
        ({"tools": [{}]}, "tools", "unsupported_parameter"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"metadata": {"a": 1}}, "metadata", "invalid_type"),
        ({"input": "x" * 600_000}, "input", "context_length_exceeded"),
    ],
)
def test_parameters_are_checked_by_name(
    server: Stack, fields: dict[str, Any], param: str, code: str
) -> None:
    body = {"model": "gpt-5.2", "input": PROMPT} | fields
    headers = {"Authorization": "Bearer openai-local-api-key"}
    response = server.call("POST", "/openai/v1/responses", json=body, headers=headers)
    assert response.status_code in (400, 404)
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert calls(server) == []


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic x"])
def test_a_key_is_required(server: Stack, authorization: str) -> None:
    response = server.call(
        "POST", "/openai/v1/responses", json={}, headers={"Authorization": authorization}
    )
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "fields",
    [
        {"output_tokens": -1},
        {"end": "explodes"},
        {"usage": 3},
        {"text": 1},
        {"colour": 1},
        {"seconds_per_token": "fast"},
        {"count": 0},
    ],
)
def test_a_script_that_makes_no_sense_is_refused(server: Stack, fields: dict[str, Any]) -> None:
    assert server.call("POST", "/openai/__script", json=fields).status_code == 400


def test_the_same_input_has_the_same_output(client: openai.OpenAI) -> None:
    texts = [
        client.responses.create(model="gpt-5.2", input=text).output_text
        for text in (PROMPT, PROMPT, "Another.")
    ]
    assert texts[0] == texts[1] != texts[2]


def test_usage_lies_as_scripted_and_the_books_do_not(client: openai.OpenAI, server: Stack) -> None:
    script(server, usage={"output_tokens": 0})
    response = client.responses.create(model="gpt-5.2", input=PROMPT)
    assert response.usage is not None
    assert response.usage.output_tokens == 0
    (call,) = calls(server)
    assert call["output_tokens"] == 40
    assert call["reported_usage"]["output_tokens"] == 0
