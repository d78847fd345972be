"""Expectations, and several requests in one piece."""

import pytest

from tests.journeys.gate import FaultInjector
from tests.journeys.raw_requests.raw_client import NEXT, Post, first_of, get


def test_a_body_that_waits_for_100_continue_gets_one(gate: FaultInjector, post: Post) -> None:
    head, body = post.whole("Expect: 100-continue", "Content-Encoding: br").split(b"\r\n\r\n", 1)
    statuses = [response.status for response in gate.exchange(head + b"\r\n\r\n" + body + NEXT)]
    assert statuses == [100, 415, 200]


@pytest.mark.parametrize("expectation", ["100-continued", "the-impossible", "100-continue, x", ""])
def test_any_other_expectation_is_refused(
    gate: FaultInjector, post: Post, expectation: str
) -> None:
    response = first_of(gate, post.whole(f"Expect: {expectation}"))
    assert (response.status, response.code, response.ends) == (400, "BAD_REQUEST", True)


def test_requests_in_one_piece_are_served_in_their_order(gate: FaultInjector) -> None:
    ids = [f"id-{number}" for number in range(50)]
    targets = ("/health/live", "/nowhere", "/credits")
    sent = [get(targets[number % 3], f"X-Request-Id: {name}") for number, name in enumerate(ids)]
    came = gate.exchange(b"".join(sent))
    assert [(response.headers["x-request-id"], response.status) for response in came] == [
        (name, (200, 404, 401)[number % 3]) for number, name in enumerate(ids)
    ]


def test_requests_in_one_piece_behind_a_refused_body_are_never_misread(
    gate: FaultInjector, post: Post
) -> None:
    for number in (1, 2, 7):
        came = gate.exchange(post.whole("Content-Encoding: br") * number + NEXT)
        assert [response.status for response in came] == [415] * number + [200]


def test_the_probe_stays_well_through_all_this(gate: FaultInjector) -> None:
    assert first_of(gate, get()).status == 200
