"""OpenAI's routes, a whole text at a time."""

from dataclasses import replace
from typing import Any

import pytest

from service.compatible.entities import Written
from service.providers.generation import (
    Complete,
    FinishReason,
    Output,
    TokenUsage,
)
from tests.compatible.conftest import (
    BOTH,
    CHAT,
    CHAT_BODY,
    PROMPT,
    RESPONSES,
    Site,
    job_of,
)


def test_a_chat_completion_is_what_openai_returns(site: Site, ann: str) -> None:
    usage = TokenUsage(20, 10, cached_input_tokens=4, cache_write_tokens=2, reasoning_tokens=3)
    site.script(Output("A light"), Output("house."), Complete(FinishReason.STOP, usage))
    response = site.post(CHAT, ann)
    content: Any = response.json
    assert response.status_code == 200
    created = site.world.job(job_of(response), ann).created_at // 1000
    message = {"role": "assistant", "content": "A lighthouse.", "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    assert content == {
        "id": content["id"],
        "object": "chat.completion",
        "created": created,
        "model": "gpt-4.1-mini",
        "choices": [choice],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 10,
            "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }


@pytest.mark.parametrize(
    ("returned", "sent"),
    [
        ("red: \x1b[31m", ["hi", "red:  [31m", "again"]),
        ("\n\x00", ["hi", "again"]),
        ("", ["hi", "again"]),
        ("a" * 150_000, ["hi", "a" * 150_000, "again"]),
    ],
)
@BOTH
def test_a_text_that_was_returned_is_taken_back(
    site: Site, ann: str, path: str, returned: str, sent: list[str]
) -> None:
    site.script(Output("hi"), Complete(FinishReason.STOP, TokenUsage(1, 1)))
    part = {"type": "text" if path == CHAT else "output_text", "text": returned}
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [part] if path == RESPONSES else returned},
        {"role": "user", "content": "again"},
    ]
    name = "messages" if path == CHAT else "input"
    response = site.post(path, ann, **{name: said})
    assert response.status_code == 200
    assert [each.text for each in site.vendor.sent[-1].messages] == sent


@BOTH
def test_a_form_feed_is_a_space(site: Site, ann: str, path: str) -> None:
    site.script(Output("hi"), Complete(FinishReason.STOP, TokenUsage(1, 1)))
    name = "messages" if path == CHAT else "input"
    said = [{"role": "user", "content": "page 1\fpage 2\ta\r\n"}]
    assert site.post(path, ann, **{name: said}).status_code == 200
    assert [each.text for each in site.vendor.sent[-1].messages] == ["page 1 page 2\ta\r\n"]


@BOTH
def test_null_in_the_options_of_a_stream_is_the_same_as_left_out(
    site: Site, ann: str, path: str
) -> None:
    site.script(Output("hi"), Complete(FinishReason.STOP, TokenUsage(1, 1)))
    options: dict[str, Any] = {"include_obfuscation": None}
    if path == CHAT:
        options["include_usage"] = None
    response = site.post(path, ann, stream=True, stream_options=options)
    assert response.status_code == 200
    text = response.get_data(as_text=True)
    assert path == RESPONSES or '"usage"' not in text


def test_a_response_repeats_what_was_requested(site: Site, ann: str) -> None:
    requested: dict[str, Any] = {
        "instructions": "Be brief.",
        "metadata": {"order": "7"},
        "temperature": 0.5,
        "top_p": 0.9,
        "user": "anyone@example.com",
        "tool_choice": "none",
    }
    content: Any = site.post(RESPONSES, ann, **requested).json
    assert {name: content[name] for name in requested} == requested
    assert (content["status"], content["max_output_tokens"]) == ("completed", 100)
    assert (content["error"], content["incomplete_details"]) == (None, None)
    (message,) = content["output"]
    assert (message["id"], message["role"]) == (content["id"].replace("resp", "msg"), "assistant")
    assert message["content"] == [
        {"type": "output_text", "text": "A lighthouse.", "annotations": [], "logprobs": []}
    ]
    assert content["usage"]["total_tokens"] == 30
    sent = site.vendor.sent[-1]
    assert [(each.role.value, each.text) for each in sent.messages] == [
        ("system", "Be brief."),
        ("user", PROMPT),
    ]
    assert (sent.temperature, sent.top_p) == (0.5, 0.9)


@BOTH
def test_the_text_is_a_job_and_in_the_history(site: Site, ann: str, path: str) -> None:
    job_id = job_of(site.post(path, ann))
    job = site.get(f"/jobs/{job_id}", ann)["data"]
    assert (job["status"], job["text"]) == ("SUCCEEDED", "A lighthouse.")
    assert job["credits"]["captured"] == 0.001
    prompts = {
        text["id"]: text["prompt"] for text in site.get("/ai/history", ann)["data"]["history"]
    }
    assert prompts[job_id] == PROMPT
    assert site.world.audit().violations == ()


def test_what_was_returned_can_be_sent_back(site: Site, ann: str) -> None:
    message = site.post(CHAT, ann).json["choices"][0]["message"]  # type: ignore[index]
    conversation = [*CHAT_BODY["messages"], message, {"role": "user", "content": "Shorter."}]
    assert site.post(CHAT, ann, messages=conversation).status_code == 200
    output = site.post(RESPONSES, ann).json["output"]  # type: ignore[index]
    said = {"role": "user", "content": PROMPT}
    again = site.post(RESPONSES, ann, input=[said, *output, said | {"content": "Shorter."}])
    assert again.status_code == 200
    sent = site.vendor.sent[-1].messages
    assert [each.role.value for each in sent] == ["user", "assistant", "user"]
    assert sent[1].text == "A lighthouse."


def test_parts_are_lines_and_the_developer_is_the_system(site: Site, ann: str) -> None:
    parts = [{"type": "text", "text": "Translate:"}, {"type": "text", "text": "Leuchtturm"}]
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    assert site.post(CHAT, ann, messages=messages).status_code == 200
    sent = site.vendor.sent[-1].messages
    assert [(each.role.value, each.text) for each in sent] == [
        ("system", "Be brief."),
        ("user", "Translate:\nLeuchtturm"),
    ]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_tokens": 50}, 50),
        ({"max_completion_tokens": 60}, 60),
        ({"max_tokens": 50, "max_completion_tokens": 60}, 50),
        ({"max_tokens": None}, 2048),
    ],
)
def test_the_smaller_of_two_limits_counts(
    site: Site, ann: str, limits: dict[str, Any], expected: int
) -> None:
    body = {"max_tokens": None} | limits
    assert site.post(CHAT, ann, **body).status_code == 200
    assert site.vendor.sent[-1].max_output_tokens == expected


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (CHAT, {"n": 1, "stop": None, "seed": None, "logprobs": False, "top_logprobs": 0}),
        (CHAT, {"logit_bias": {}, "frequency_penalty": 0.0, "presence_penalty": 0, "tools": []}),
        (CHAT, {"tool_choice": "auto", "parallel_tool_calls": True, "functions": []}),
        (CHAT, {"response_format": {"type": "text"}, "modalities": ["text"], "store": False}),
        (CHAT, {"service_tier": "auto", "metadata": {"a": "b"}, "user": "x", "stream": None}),
        (CHAT, {"safety_identifier": "x", "prompt_cache_key": "y", "reasoning_effort": None}),
        (RESPONSES, {"text": {"format": {"type": "text"}}, "truncation": "disabled"}),
        (RESPONSES, {"background": False, "include": [], "previous_response_id": None}),
        (RESPONSES, {"store": False, "reasoning": None, "max_tool_calls": None}),
    ],
)
def test_what_changes_nothing_is_taken(
    site: Site, ann: str, path: str, changes: dict[str, Any]
) -> None:
    assert site.post(path, ann, **changes).status_code == 200


def test_models_are_those_on_offer(site: Site, ann: str) -> None:
    content = site.get("/v1/models", ann)
    assert content["object"] == "list"
    assert content["data"][0] == {
        "id": "gpt-4.1-mini",
        "object": "model",
        "created": 0,
        "owned_by": "openai",
    }
    names = [model["id"] for model in content["data"]]
    assert names == ["gpt-4.1-mini", "gpt-4.1-nano", "gpt-5-mini"]
    assert site.get("/v1/models/gpt-5-mini", ann)["id"] == "gpt-5-mini"
    assert site.get("/v1/models/gpt-0", ann)["error"]["code"] == "MODEL_NOT_FOUND"


@pytest.mark.parametrize(
    ("finish", "chat", "status", "reason"),
    [
        (FinishReason.STOP, "stop", "completed", None),
        (FinishReason.OTHER, "stop", "completed", None),
        (FinishReason.LENGTH, "length", "incomplete", "max_output_tokens"),
        (FinishReason.CONTENT, "content_filter", "incomplete", "content_filter"),
    ],
)
def test_each_end_has_openai_s_word(
    site: Site, ann: str, finish: FinishReason, chat: str, status: str, reason: str | None
) -> None:
    site.script(Output("A"), Complete(finish, TokenUsage(9, 9)))
    completion: Any = site.post(CHAT, ann).json
    assert completion["choices"][0]["finish_reason"] == chat
    site.script(Output("A"), Complete(finish, TokenUsage(9, 9)))
    response: Any = site.post(RESPONSES, ann).json
    assert response["status"] == status
    assert response["incomplete_details"] == ({"reason": reason} if reason else None)


def test_a_text_that_its_user_ended_was_cut_short(site: Site, ann: str) -> None:
    job = site.world.job(job_of(site.post(CHAT, ann)), ann)
    assert job.result is not None
    ended = replace(job, result={**job.result, "finishReason": "cancelled", "partial": True})
    assert Written(ended, "A").finish_reason == "length"


def test_a_response_says_what_of_the_output_was_reasoning(site: Site, ann: str) -> None:
    usage = TokenUsage(20, 10, reasoning_tokens=3)
    site.script(Output("A lighthouse."), Complete(FinishReason.STOP, usage))
    content: Any = site.post(RESPONSES, ann).json
    assert content["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}
    assert content["usage"]["output_tokens"] == 10
