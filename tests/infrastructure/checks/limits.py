"""How often somebody may ask before the firewall turns them away."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.checks.firewall import ACL, rules
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.statements import Request, counted

ORDER = Request("POST", "/videos", {"authorization": "Bearer x"})
PREFLIGHT = Request("OPTIONS", "/videos")
CALLBACK = Request("POST", "/callbacks/kling/token")
ANYTHING = (
    ORDER,
    PREFLIGHT,
    CALLBACK,
    Request("GET", "/credits"),
    Request("BREW", "/%63allbacks/"),
    Request("GET", "/"),
)


def rates(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    """The rules that limit by address."""
    found = {
        rule["Name"]: rule["Statement"].get("RateBasedStatement", {}) for rule in rules(deployment)
    }
    return {name: rate for name, rate in found.items() if rate.get("AggregateKeyType") == "IP"}


def addresses_that_ask_too_often_are_turned_away(deployment: Deployment) -> Iterator[str]:
    limits = [rule for rule in rules(deployment) if "RateBasedStatement" in rule["Statement"]]
    if deployment.service.of(ACL) and not limits:
        yield "no rule limits the rate"
    yield from (
        f"{rule['Name']} turns nobody away" for rule in limits if "Block" not in rule["Action"]
    )
    by_address = [
        rule
        for rule in limits
        if rule["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    ]
    if limits and not by_address:
        yield "no rule limits the rate of an address"


def a_limited_caller_is_told_when_to_come_back(deployment: Deployment) -> Iterator[str]:
    for rule in rules(deployment):
        if "RateBasedStatement" in rule["Statement"] and "Block" in rule["Action"]:
            answer = rule["Action"]["Block"].get("CustomResponse", {})
            headers = {header["Name"].lower() for header in answer.get("ResponseHeaders", [])}
            if int(answer.get("ResponseCode", 403)) != 429 or "retry-after" not in headers:
                yield f"{rule['Name']} answers {answer.get('ResponseCode', 403)} with {sorted(headers)}"


def whatever_an_address_sends_is_counted(deployment: Deployment) -> Iterator[str]:
    for request in ANYTHING:
        if rates(deployment) and not any(
            counted(rate, request) for rate in rates(deployment).values()
        ):
            yield f"{request.method} {request.path} has no limit"


def a_preflight_does_not_use_up_the_limit_of_its_page(deployment: Deployment) -> Iterator[str]:
    """A page cannot read a refused one, and the browser sends it by itself: only the outermost
    limit counts it."""
    for name, rate in rates(deployment).items():
        if counted(rate, PREFLIGHT) and not all(counted(rate, request) for request in ANYTHING):
            yield f"{name} counts preflights"


def callbacks_have_a_limit_of_their_own(deployment: Deployment) -> Iterator[str]:
    """A provider calls from few addresses, and often: neither with the limit of a user's address
    nor without any."""
    limits = rates(deployment)
    if limits and not any(
        counted(rate, CALLBACK) and not counted(rate, ORDER) for rate in limits.values()
    ):
        yield "there is none"
    for name, rate in limits.items():
        if counted(rate, CALLBACK) and int(rate["Limit"]) < 3000:
            yield f"{name} turns callbacks away from {rate['Limit']} on"


def the_outermost_limit_leaves_room_for_the_others(deployment: Deployment) -> Iterator[str]:
    limits = rates(deployment)
    outermost = [int(rate["Limit"]) for rate in limits.values() if "ScopeDownStatement" not in rate]
    inner = [int(rate["Limit"]) for rate in limits.values() if "ScopeDownStatement" in rate]
    if limits and not (outermost and min(outermost) > sum(inner)):
        yield f"{outermost} in all, {sum(inner)} within"
