"""Each route takes so many requests of one caller and of one address in a minute."""

from dataclasses import replace
from typing import Any

import pytest

from service.core.errors import RateLimited
from service.web.endpoint import Access, Endpoint
from service.web.request_limits import RequestLimits, network_of
from tests.doubles.clock import FakeClock

ROUTE = Endpoint(access=Access.USER, summary="", operation_id="list")
HOME = "203.0.113.7"


def limits(clock: FakeClock | None = None, **changes: int) -> RequestLimits:
    usual = {"of_caller": 3, "of_address": 5, "of_sign_in": 2}
    return RequestLimits(clock or FakeClock(), **(usual | changes))


def passed(check: Any, *arguments: Any, tries: int = 10) -> int:
    """How many of so many requests get through."""
    count = 0
    for _ in range(tries):
        try:
            check(*arguments)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_route_takes_what_the_settings_say_of_each_caller_and_address() -> None:
    given = limits()
    assert passed(given.check_caller, "/jobs", ROUTE, "ann") == 3
    assert passed(given.check_caller, "/jobs", ROUTE, "bob") == 3
    assert passed(given.check_address, "/jobs", ROUTE, HOME) == 5
    assert passed(given.check_address, "/jobs", ROUTE, "203.0.113.8") == 5


def test_each_route_counts_for_itself() -> None:
    given = limits()
    other = replace(ROUTE, operation_id="create")
    assert passed(given.check_caller, "/jobs", ROUTE, "ann") == 3
    assert passed(given.check_caller, "/jobs", other, "ann") == 3
    assert passed(given.check_caller, "/jobs/<job_id>", ROUTE, "ann") == 3


def test_a_route_may_declare_limits_of_its_own() -> None:
    given = limits()
    strict = replace(ROUTE, caller_limit=1, address_limit=2)
    open_to_all = replace(ROUTE, operation_id="open", caller_limit=0, address_limit=0)
    assert passed(given.check_caller, "/x", strict, "ann") == 1
    assert passed(given.check_address, "/x", strict, HOME) == 2
    assert passed(given.check_caller, "/y", open_to_all, "ann") == 10
    assert passed(given.check_address, "/y", open_to_all, HOME) == 10


def test_sign_in_is_limited_more_than_other_routes() -> None:
    given = limits()
    assert passed(given.check_address, "/auth/login", ROUTE, HOME) == 2
    assert passed(given.check_address, "/auth/x", replace(ROUTE, address_limit=4), HOME) == 4


def test_providers_and_balancers_call_from_few_addresses() -> None:
    given = limits()
    assert passed(given.check_address, "/callbacks/x", replace(ROUTE, internal=True), HOME) == 10


def test_zero_is_no_limit() -> None:
    given = limits(of_caller=0, of_address=0, of_sign_in=0)
    assert passed(given.check_caller, "/jobs", ROUTE, "ann") == 10
    assert passed(given.check_address, "/auth/login", ROUTE, HOME) == 10


def test_retry_after_is_when_the_next_request_gets_through() -> None:
    clock = FakeClock()
    given = limits(clock, of_caller=2)
    given.check_caller("/jobs", ROUTE, "ann")
    clock.advance(20.5)
    given.check_caller("/jobs", ROUTE, "ann")
    with pytest.raises(RateLimited) as caught:
        given.check_caller("/jobs", ROUTE, "ann")
    assert caught.value.retry_after_seconds == 40
    clock.advance(39.4)
    with pytest.raises(RateLimited) as caught:
        given.check_caller("/jobs", ROUTE, "ann")
    assert caught.value.retry_after_seconds == 1
    clock.advance(0.1)
    given.check_caller("/jobs", ROUTE, "ann")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("", ""),
    ],
)
def test_one_subscriber_counts_once(address: str, network: str) -> None:
    assert network_of(address) == network
