"""The firewall lets every body pass that a route of the service accepts."""

from service.web.endpoint import declared_endpoints
from tests.infrastructure.checks.firewall import rules
from tests.infrastructure.deployments import deployment
from tests.infrastructure.statements import Request, matches
from tests.journeys.api_client import ApiClient


def test_no_route_accepts_a_body_that_the_firewall_refuses(api: ApiClient) -> None:
    (limit,) = [
        each["Statement"]
        for each in rules(deployment("production"))
        if each["Name"] == "BodyTooLarge"
    ]
    sizes = {
        f"{method} {path}": Request(method, path, {"content-length": str(declared.max_body_bytes)})
        for path, method, declared in declared_endpoints(api.stack.app)
    }
    assert [route for route, sent in sizes.items() if matches(limit, sent)] == []
    assert "POST /ai/generate" in sizes
