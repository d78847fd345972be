"""One user's long polls and uploads leave room for everybody else's, under gunicorn as in
production."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from service.core.clock import SystemClock
from tests.journeys.gate import FaultInjector, RawResponse, opened, received, responses
from tests.stack.live_stack import LiveStack, separate_stack, video_body

USER_POLLS = 50
WAIT_SECONDS = 4
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


def polled(gate: FaultInjector, token: str, job_id: str) -> tuple[float, requests.Response]:
    """How long a long poll was held, and its response."""
    began = time.monotonic()
    response = requests.get(
        f"http://127.0.0.1:{gate.port}/jobs/{job_id}?wait={WAIT_SECONDS}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    return time.monotonic() - began, response


def polled_at_once(
    gate: FaultInjector, token: str, job_id: str, count: int
) -> list[tuple[float, requests.Response]]:
    with ThreadPoolExecutor(count) as executor:
        return list(executor.map(lambda _: polled(gate, token, job_id), range(count)))


def is_held(poll: tuple[float, requests.Response]) -> bool:
    seconds, response = poll
    assert response.status_code == 200
    assert response.json()["data"]["status"] == "SUBMITTED"
    return seconds >= WAIT_SECONDS - 0.1 and "Retry-After" not in response.headers


def test_each_of_forty_polls_of_one_client_is_held(stack: LiveStack, gate: FaultInjector) -> None:
    polls = polled_at_once(gate, stack.token("ann"), stack.submitted("ann"), 40)
    assert [is_held(poll) for poll in polls] == [True] * 40


def test_beyond_a_users_share_the_response_comes_at_once_and_says_when_to_retry(
    stack: LiveStack, gate: FaultInjector
) -> None:
    bob_job, bob = stack.submitted("bob"), stack.token("bob")
    with ThreadPoolExecutor(1) as executor:
        polling = executor.submit(
            polled_at_once, gate, stack.token("cat"), stack.submitted("cat"), USER_POLLS + 10
        )
        time.sleep(1)
        assert is_held(polled(gate, bob, bob_job))
        polls = polling.result()
    early = [poll for poll in polls if not is_held(poll)]
    assert len(early) == 10
    first_held = min(
        seconds for seconds, response in polls if "Retry-After" not in response.headers
    )
    for seconds, response in early:
        assert seconds < first_held
        assert response.headers["Retry-After"] == "5"


def post_head(token: str, length: int) -> bytes:
    return (
        f"POST /videos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


class Uploading:
    """An upload that has begun and does not go on."""

    def __init__(self, gate: FaultInjector, token: str, length: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", gate.port), timeout=3)
        self._connection.sendall(post_head(token, length) + b" " * 1000)

    def response(self) -> RawResponse | None:
        """The response; None while the service waits for the rest."""
        try:
            return next(responses(b"".join(iter(lambda: received(self._connection), b""))))
        except TimeoutError:
            return None

    def close(self) -> None:
        self._connection.close()


def test_uploads_beyond_a_users_share_are_refused_before_they_are_received(
    stack: LiveStack, gate: FaultInjector
) -> None:
    dan, eve = stack.token("dan"), stack.token("eve")
    with ExitStack() as closing:
        uploads = []
        for _ in range(4):
            uploads.append(Uploading(gate, dan, LARGE))
            closing.callback(uploads[-1].close)
        refused = [response for each in uploads if (response := each.response())]
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
            closing.callback(each.close)
        assert {each.response().status for each in strangers} == {401}  # type: ignore[union-attr]
        body = json.dumps(video_body("fay")).encode().ljust(LARGE)
        (response,) = gate.exchange(post_head(stack.token("fay"), len(body)) + body)
        assert response.status == 200, response.body
