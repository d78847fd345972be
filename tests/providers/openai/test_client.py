"""OpenAI's client over the simulated OpenAI: what is sent, what comes back, what it costs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.language.model import count_tokens
from devstack.simulators.server import SimulatorServer
from service.core.metrics import Metric
from service.providers.base import RejectionReason
from service.providers.generation import Complete, FinishReason, Output, Refused, TokenUsage
from service.providers.openai.client import ResponsesApi
from tests.providers.text_harness import (
    MESSAGES,
    TextHarness,
    generated,
    openai,
    parts,
    request,
)

INPUT_TOKENS = count_tokens(message.text for message in MESSAGES)


@pytest.fixture(scope="module")
def shared() -> Iterator[TextHarness]:
    with SimulatorServer(SimulatorSettings(port=0, text_seconds_per_token=0.0)) as server:
        yield TextHarness("openai", "responses", server.url)


@pytest.fixture
def world(shared: TextHarness) -> TextHarness:
    shared.reset()
    return shared


@pytest.fixture
def provider(world: TextHarness) -> ResponsesApi:
    return openai(f"{world.url}/openai/v1", world.metrics)


def test_a_response_is_read_piece_by_piece_and_ends_with_its_usage(
    world: TextHarness, provider: ResponsesApi
) -> None:
    world.script(output_tokens=30, cached_tokens=5, cache_write_tokens=3, reasoning_tokens=7)
    events = generated(provider, request())
    usage = TokenUsage(INPUT_TOKENS, 37, 5, 3, 7, INPUT_TOKENS + 37)
    assert events[-1] == Complete(FinishReason.STOP, usage)
    assert len(parts(events)[0].split()) == 30
    (call,) = world.calls()
    assert (call["input_tokens"], call["output_tokens"]) == (INPUT_TOKENS, 37)
    assert call["state"] == "completed"


def test_the_request_holds_the_vendor_to_its_maximum_and_stores_nothing(
    world: TextHarness, provider: ResponsesApi
) -> None:
    generated(provider, request())
    (sent,) = world.received()
    assert sent["body"] == {
        "model": "gpt-5.2",
        "input": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": "Describe a river in winter."},
        ],
        "max_output_tokens": 100,
        "metadata": {"job_id": "job_1"},
        "store": False,
        "stream": True,
    }
    assert sent["headers"]["X-Client-Request-Id"] == "job_1"
    assert sent["headers"]["Accept"] == "text/event-stream"


@pytest.mark.parametrize("sampling", [{"temperature": 0.0}, {"top_p": 0.5}, {"temperature": 1.5}])
def test_the_request_has_the_sampling_that_was_chosen_and_no_other(
    world: TextHarness, provider: ResponsesApi, sampling: dict[str, float]
) -> None:
    generated(provider, request(**sampling))
    (sent,) = world.received()
    assert {name: sent["body"].get(name) for name in ("temperature", "top_p")} == {
        "temperature": None,
        "top_p": None,
    } | sampling


@pytest.mark.parametrize(
    ("end", "finish"), [("stop", "stop"), ("refusal", "stop"), ("content", "content")]
)
def test_every_ending_of_a_whole_response_has_its_reason(
    world: TextHarness, provider: ResponsesApi, end: str, finish: str
) -> None:
    world.script(end=end)
    text, last = parts(generated(provider, request()))
    assert text
    assert isinstance(last, Complete)
    assert last.finish_reason == finish
    assert last.usage is not None


def test_an_output_that_meets_the_maximum_is_whole_and_says_so(
    world: TextHarness, provider: ResponsesApi
) -> None:
    text, last = parts(generated(provider, request(max_output_tokens=16)))
    assert len(text.split()) == 16
    assert isinstance(last, Complete)
    assert last.finish_reason is FinishReason.LENGTH
    assert last.usage is not None
    assert last.usage.output_tokens == 16


def test_what_is_withheld_before_any_output_is_a_refusal_with_its_cost(
    world: TextHarness, provider: ResponsesApi
) -> None:
    world.script(output_tokens=0, end="content")
    (last,) = generated(provider, request())
    assert isinstance(last, Refused)
    assert last.reason is RejectionReason.CONTENT
    assert last.usage is not None


@pytest.mark.parametrize(
    ("lie", "reported"),
    [
        (None, None),
        ({"input_tokens": "many"}, None),
        ({"output_tokens": True}, None),
        ({"output_tokens": -5}, TokenUsage(INPUT_TOKENS, -5, total_tokens=INPUT_TOKENS + 40)),
        ({"total_tokens": 1}, TokenUsage(INPUT_TOKENS, 40, total_tokens=1)),
        (
            {"input_tokens_details": None, "output_tokens_details": {"reasoning_tokens": 1.5}},
            TokenUsage(INPUT_TOKENS, 40, total_tokens=INPUT_TOKENS + 40),
        ),
    ],
)
def test_usage_is_passed_on_as_reported_if_it_is_numbers(
    world: TextHarness, provider: ResponsesApi, lie: object, reported: TokenUsage | None
) -> None:
    world.script(usage=lie)
    assert generated(provider, request())[-1] == Complete(FinishReason.STOP, reported)


def test_a_second_iteration_is_empty_and_sends_nothing(
    world: TextHarness, provider: ResponsesApi
) -> None:
    with provider.generate(request()) as generation:
        assert len(parts(list(generation))[0].split()) == 40
        assert list(generation) == []
    assert len(world.calls()) == 1


def test_nothing_is_sent_before_the_first_step(world: TextHarness, provider: ResponsesApi) -> None:
    with provider.generate(request()):
        pass
    assert world.received() == []


def test_cancelling_before_the_first_step_sends_nothing(
    world: TextHarness, provider: ResponsesApi
) -> None:
    with provider.generate(request()) as generation:
        generation.cancel()
        assert list(generation) == []
    assert world.received() == []


def test_cancelling_in_the_middle_ends_without_a_last_event(
    world: TextHarness, provider: ResponsesApi
) -> None:
    world.script(output_tokens=5)
    with provider.generate(request()) as generation:
        events = []
        for event in generation:
            events.append(event)
            generation.cancel()
    assert len(events) == 1
    assert isinstance(events[0], Output)


def test_an_input_is_counted_by_the_vendor(world: TextHarness, provider: ResponsesApi) -> None:
    assert provider.count_input(request()) == INPUT_TOKENS
    assert world.calls() == []


@pytest.mark.parametrize("fault", ["status:500", "html", "reset", "garbage", "lost-answer"])
def test_a_count_that_does_not_come_is_none(
    world: TextHarness, provider: ResponsesApi, fault: str
) -> None:
    world.arm(fault, "count")
    assert provider.count_input(request()) is None


def test_a_request_that_is_too_long_is_refused_for_its_length(
    world: TextHarness, provider: ResponsesApi
) -> None:
    long = replace(MESSAGES[1], text="x" * 600_000)
    assert generated(provider, request(messages=(long,))) == [Refused(RejectionReason.CONTEXT)]
    assert world.calls() == []


def test_a_key_that_is_refused_is_our_own_trouble(world: TextHarness) -> None:
    provider = openai(f"{world.url}/openai/v1", world.metrics, key="wrong")
    assert generated(provider, request()) == [Refused(RejectionReason.UNAVAILABLE)]
    assert world.metrics.counts[Metric.PROVIDER_REFUSES_US] == 1


def test_a_server_that_is_not_there_was_never_sent_anything(world: TextHarness) -> None:
    provider = openai("http://127.0.0.1:9/v1", world.metrics)
    assert generated(provider, request()) == [Refused(RejectionReason.UNAVAILABLE)]
    assert world.metrics.counts[Metric.PROVIDER_NOT_REACHED] == 1


def test_a_time_that_is_over_sends_nothing(world: TextHarness, provider: ResponsesApi) -> None:
    assert generated(provider, request(seconds=-1)) == [Refused(RejectionReason.UNAVAILABLE)]
    assert world.received() == []
