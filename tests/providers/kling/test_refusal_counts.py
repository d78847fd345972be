"""What counts as a refusal by Kling, and what as Kling not being reached."""

from typing import Any

import pytest

from service.providers.base import Accepted, Found, Rejected, RejectionReason
from service.providers.http import NeverSent, ProviderHttp
from tests.providers.kling.harness import ORDER, KlingHarness, soon


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ("status:401:1004", 1),
        ("status:429:1102", 1),
        ("status:400:1201", 1),
        ("status:400:1301", 0),
        ("html:403", 1),
        ("status:429:1303", 0),
    ],
)
def test_an_order_counts_a_refusal_of_us_once_and_no_other(
    world: KlingHarness, fault: str, times: int
) -> None:
    world.fault("create", fault, count=-1)
    world.kling().create(ORDER, soon())
    assert world.refusals == (times, 0)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        ("status:401:1000", 1),
        ("status:429:1101", 1),
        ("status:404:1203", 0),
        ("status:500:5000", 0),
    ],
)
def test_a_query_counts_a_refusal_of_us_too(world: KlingHarness, fault: str, times: int) -> None:
    world.fault("query", fault, count=-1)
    world.kling().fetch_task(None, "job_1")
    assert world.refusals == (times, 0)


def test_a_token_that_was_only_stale_counts_as_no_refusal(world: KlingHarness) -> None:
    world.fault("create", "status:401:1004", count=1)
    world.fault("query", "status:401:1004", count=1)
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)
    assert isinstance(world.kling().fetch_task(None, "job_1"), Found)
    assert world.refusals == (0, 0)


def test_what_was_never_sent_counts_as_not_reached_and_not_as_refused(
    world: KlingHarness,
) -> None:
    world.kling(world.url.replace("http://", "https://")).create(ORDER, soon())
    assert world.refusals == (0, 1)


def test_an_order_that_gets_through_in_the_end_was_not_out_of_reach(
    world: KlingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, fail = ProviderHttp.send_once, [NeverSent("no route"), None]

    def sometimes(*arguments: Any) -> Any:
        error = fail.pop(0)
        if error is not None:
            raise error
        return send(*arguments)

    monkeypatch.setattr(ProviderHttp, "send_once", sometimes)
    assert isinstance(world.kling().create(ORDER, soon()), Accepted)
    assert world.refusals == (0, 0)


def test_a_refusal_of_our_key_at_the_last_try_counts_though_it_might_be_stale(
    world: KlingHarness,
) -> None:
    world.fault("create", "status:429:1303", count=2)
    world.fault("create", "status:401:1004", count=1)
    assert world.kling().create(ORDER, soon()) == Rejected(RejectionReason.UNAVAILABLE)
    assert world.refusals == (1, 0)
