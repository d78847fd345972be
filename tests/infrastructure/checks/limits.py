"""The rate limits of the firewall."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.checks.firewall import ACL, rules
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.statements import Request, aggregate_key, counted

ORDER = Request("POST", "/videos", {"authorization": "Bearer x"})
GUESS = Request("POST", "/credits/redeem", {"authorization": "Bearer x"})
MINTED = Request("POST", "/auth/sessions", {"authorization": "Bearer sk_x"})
PREFLIGHT = Request("OPTIONS", "/videos")
CALLBACK = Request("POST", "/callbacks/kling/token")
EVENTS = (Request("POST", "/stripe/webhook"), Request("POST", "/webhooks/stripe"))
ANYTHING = (
    *EVENTS,
    ORDER,
    GUESS,
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


def addresses_that_send_too_many_requests_are_blocked(deployment: Deployment) -> Iterator[str]:
    limits = [rule for rule in rules(deployment) if "RateBasedStatement" in rule["Statement"]]
    if deployment.service.of(ACL) and not limits:
        yield "the firewall has no rate limit"
    yield from (
        f"{rule['Name']} blocks nothing: its Action must be Block"
        for rule in limits
        if "Block" not in rule["Action"]
    )
    by_address = [
        rule
        for rule in limits
        if rule["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    ]
    if limits and not by_address:
        yield "no rate limit counts by address: set AggregateKeyType IP"


def a_limited_caller_learns_when_to_retry(deployment: Deployment) -> Iterator[str]:
    for rule in rules(deployment):
        if "RateBasedStatement" in rule["Statement"] and "Block" in rule["Action"]:
            response = rule["Action"]["Block"].get("CustomResponse", {})
            headers = {header["Name"].lower() for header in response.get("ResponseHeaders", [])}
            if int(response.get("ResponseCode", 403)) != 429 or "retry-after" not in headers:
                yield (
                    f"{rule['Name']} responds {response.get('ResponseCode', 403)} with "
                    f"{sorted(headers)}: it must respond 429 with Retry-After"
                )


def every_request_of_an_address_is_counted(deployment: Deployment) -> Iterator[str]:
    for request in ANYTHING:
        if rates(deployment) and not any(
            counted(rate, request) for rate in rates(deployment).values()
        ):
            yield f"no rate limit counts {request.method} {request.path}"


def a_preflight_does_not_use_up_the_limit_of_its_page(deployment: Deployment) -> Iterator[str]:
    """The browser sends it by itself, and a page cannot read its refusal: only the outermost limit
    counts it."""
    for name, rate in rates(deployment).items():
        if counted(rate, PREFLIGHT) and not all(counted(rate, request) for request in ANYTHING):
            yield f"{name} counts preflights: exclude OPTIONS in its ScopeDownStatement"


def a_credential_is_counted_alike_however_it_is_spelled(deployment: Deployment) -> Iterator[str]:
    """The service accepts the scheme in any case; every other spelling it refuses."""
    spelled = ("Bearer aB.c-d", "bearer aB.c-d", "BEARER aB.c-d", "Bearer  aB.c-d")
    for rule in rules(deployment):
        rate = rule["Statement"].get("RateBasedStatement", {})
        if rate.get("AggregateKeyType") == "CUSTOM_KEYS":
            requests = [Request("GET", "/credits", {"authorization": each}) for each in spelled]
            if len({aggregate_key(rate, request) for request in requests}) > 1:
                yield f"{rule['Name']} counts one credential several times: transform its header"


def callbacks_have_a_limit_of_their_own(deployment: Deployment) -> Iterator[str]:
    """A provider sends many callbacks from few addresses: they need a limit, but not that of a
    user's address."""
    limits = rates(deployment)
    for callback in (CALLBACK, *EVENTS):
        if limits and not any(
            counted(rate, callback) and not counted(rate, ORDER) for rate in limits.values()
        ):
            yield f"no rate limit counts {callback.path} without counting orders"
        for name, rate in limits.items():
            if counted(rate, callback) and int(rate["Limit"]) < 3000:
                yield f"{name} blocks {callback.path} after {rate['Limit']}: allow 3000 or more"


def operators_routes_have_a_limit_of_their_own(deployment: Deployment) -> Iterator[str]:
    """Lower than that of users, however the path is spelled: whoever guesses there is no one's
    operator."""
    limits = rates(deployment)
    users = [int(rate["Limit"]) for rate in limits.values() if counted(rate, ORDER)]
    for path in ("/admin/users/ann/adjustments", "/%61dmin/actions"):
        request = Request("POST", path)
        own = [
            int(rate["Limit"])
            for rate in limits.values()
            if counted(rate, request) and not counted(rate, ORDER)
        ]
        if limits and not (own and min(own) < max(users)):
            yield f"no rate limit of its own counts {path}"


def the_outermost_limit_leaves_room_for_the_others(deployment: Deployment) -> Iterator[str]:
    limits = rates(deployment)
    outermost = [int(rate["Limit"]) for rate in limits.values() if "ScopeDownStatement" not in rate]
    inner = [int(rate["Limit"]) for rate in limits.values() if "ScopeDownStatement" in rate]
    if limits and not (outermost and min(outermost) > sum(inner)):
        yield f"the outermost limit {outermost} must exceed the sum of the others, {sum(inner)}"


def a_back_end_is_not_limited_like_one_user(deployment: Deployment) -> Iterator[str]:
    """It mints the sessions of all its users from one address."""
    for name, rate in rates(deployment).items():
        if counted(rate, MINTED) and counted(rate, GUESS) and int(rate["Limit"]) < 600:
            yield f"{name} blocks back ends after {rate['Limit']} sessions: exclude /auth/sessions"


def guesses_of_promo_codes_have_the_lowest_limit(deployment: Deployment) -> Iterator[str]:
    """Whoever has many accounts guesses from few addresses."""
    limits = rates(deployment)
    lowest = min((int(rate["Limit"]) for rate in limits.values()), default=0)
    if limits and not any(
        counted(rate, GUESS) and int(rate["Limit"]) == lowest for rate in limits.values()
    ):
        yield "the lowest limit does not count POST /credits/redeem"
