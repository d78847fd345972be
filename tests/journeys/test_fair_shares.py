"""One user's long polls and uploads leave room for everybody else's, under gunicorn as in
production."""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from service.jobs.settlement import Settlement
from tests.journeys.gate import FaultInjector, RawResponse, opened, received, responses
from tests.stack.live_stack import LiveStack, separate_stack, video_body

USER_POLLS = 50
WAIT_SECONDS = 4
# As long as may be: until then, a busy machine has sent all requests.
LONG_SECONDS = 25
MEGABYTE = 1024 * 1024
LARGE = 14 * MEGABYTE


@pytest.fixture(scope="module")
def stack(client: Any) -> Iterator[LiveStack]:
    slow = {"video_seconds": 3600}
    with separate_stack(client, clock=SystemClock(), callbacks=False, simulator=slow) as stack:
        yield stack


@pytest.fixture(scope="module")
def gate(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultInjector]:
    with opened(stack, tmp_path_factory.mktemp("gate")) as gate:
        yield gate


def polled(
    gate: FaultInjector, token: str, job_id: str, wait_seconds: int = WAIT_SECONDS
) -> tuple[float, requests.Response]:
    """How long a long poll was held, and its response."""
    began = time.monotonic()
    response = requests.get(
        f"http://127.0.0.1:{gate.port}/jobs/{job_id}?wait={wait_seconds}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    return time.monotonic() - began, response


def polled_at_once(
    gate: FaultInjector, token: str, job_id: str, count: int
) -> list[tuple[float, requests.Response]]:
    with ThreadPoolExecutor(count) as executor:
        return list(executor.map(lambda _: polled(gate, token, job_id), range(count)))


def shown_status(response: requests.Response) -> str:
    assert response.status_code == 200
    return str(response.json()["data"]["status"])


def is_held(poll: tuple[float, requests.Response], wait_seconds: int = WAIT_SECONDS) -> bool:
    seconds, response = poll
    assert shown_status(response) == "SUBMITTED"
    return seconds >= wait_seconds - 0.1 and "Retry-After" not in response.headers


def test_each_of_forty_polls_of_one_client_is_held(stack: LiveStack, gate: FaultInjector) -> None:
    polls = polled_at_once(gate, stack.token("ann"), stack.submitted("ann"), 40)
    assert [is_held(poll) for poll in polls] == [True] * 40


def test_beyond_a_users_share_the_response_comes_at_once_and_says_when_to_retry(
    stack: LiveStack, gate: FaultInjector
) -> None:
    bob_job, bob = stack.submitted("bob"), stack.token("bob")
    cat_job, cat = stack.submitted("cat"), stack.token("cat")
    with ThreadPoolExecutor(USER_POLLS + 10) as executor:
        polls = [
            executor.submit(polled, gate, cat, cat_job, LONG_SECONDS)
            for _ in range(USER_POLLS + 10)
        ]
        early = [poll.result()[1] for poll in islice(as_completed(polls), 10)]
        assert {each.headers.get("Retry-After") for each in early} == {"5"}
        assert [shown_status(each) for each in early] == ["SUBMITTED"] * 10
        assert is_held(polled(gate, bob, bob_job, 1), 1)
        assert sum(poll.done() for poll in polls) == 10
        stack.finish_videos()
        stack.parts.get(Settlement).resolve("cat", cat_job)
        responses = [poll.result()[1] for poll in polls]
    held = [each for each in responses if "Retry-After" not in each.headers]
    assert [shown_status(each) for each in held] == ["SUCCEEDED"] * USER_POLLS


def post_head(token: str, length: int) -> bytes:
    return (
        f"POST /videos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


class Uploading:
    """An upload that has begun and does not go on."""

    def __init__(self, gate: FaultInjector, token: str, length: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", gate.port), timeout=60)
        self.connection.sendall(post_head(token, length) + b" " * 1000)

    def response(self) -> RawResponse:
        return next(responses(b"".join(iter(lambda: received(self.connection), b""))))


def refused_of(uploads: Sequence[Uploading], count: int) -> list[RawResponse]:
    """So many responses, as soon as they are there; whoever waits for the rest has none."""
    with DefaultSelector() as waiting:
        for each in uploads:
            waiting.register(each.connection, EVENT_READ, each)
        found: list[RawResponse] = []
        while len(found) < count:
            ready = waiting.select(60)
            assert ready, found
            for key, _ in ready:
                waiting.unregister(key.fileobj)
                found.append(key.data.response())
        return found


def test_uploads_beyond_a_users_share_are_refused_before_they_are_received(
    stack: LiveStack, gate: FaultInjector
) -> None:
    dan, eve = stack.token("dan"), stack.token("eve")
    with ExitStack() as closing:
        uploads = []
        for _ in range(4):
            uploads.append(Uploading(gate, dan, LARGE))
            closing.enter_context(uploads[-1].connection)
        refused = refused_of(uploads, 3)
        assert [(each.status, each.code) for each in refused] == [(429, "TOO_MANY_UPLOADS")] * 3
        assert {each.headers["retry-after"] for each in refused} == {"5"}
        body = json.dumps(video_body("eve")).encode().ljust(LARGE)
        (response,) = gate.exchange(post_head(eve, len(body)) + body)
        assert response.status == 200, response.body


def test_what_a_user_has_given_back_can_be_taken_again(
    stack: LiveStack, gate: FaultInjector
) -> None:
    body = json.dumps(video_body("eve")).encode().ljust(LARGE)
    for _ in range(3):
        (response,) = gate.exchange(post_head(stack.token("eve"), len(body)) + body)
        assert response.status in (200, 403), response.body


def test_strangers_reserve_nothing(stack: LiveStack, gate: FaultInjector) -> None:
    with ExitStack() as closing:
        strangers = [Uploading(gate, "not-a-token", LARGE) for _ in range(20)]
        for each in strangers:
            closing.enter_context(each.connection)
        assert {each.response().status for each in strangers} == {401}
        body = json.dumps(video_body("fay")).encode().ljust(LARGE)
        (response,) = gate.exchange(post_head(stack.token("fay"), len(body)) + body)
        assert response.status == 200, response.body
