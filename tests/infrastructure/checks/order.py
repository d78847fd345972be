"""What must exist before what: references and DependsOn together."""

from collections.abc import Iterator

from tests.infrastructure.deployments import Deployment

ATTACHED = "EC2::VPCGatewayAttachment"


def what_is_waited_for_exists(deployment: Deployment) -> Iterator[str]:
    for stack in deployment.stacks:
        for name, resource in stack.resources.items():
            waits = resource.get("DependsOn", [])
            for other in [waits] if isinstance(waits, str) else waits:
                if other not in stack.resources:
                    yield f"{name} waits for {other}, which does not exist"


def public_addresses_wait_for_the_gateway(deployment: Deployment) -> Iterator[str]:
    """EC2 refuses a route to a gateway that is not attached, and a NAT gateway without it fails."""
    stack = deployment.service
    attachments = set(stack.of(ATTACHED))
    needing = [name for name, body in stack.of("EC2::Route").items() if "GatewayId" in body]
    needing += [*stack.of("EC2::EIP"), *stack.of("EC2::NatGateway")]
    needing += list(stack.of("ElasticLoadBalancingV2::LoadBalancer"))
    for name in needing:
        if not attachments <= stack.before(name):
            yield f"{name} does not wait for {sorted(attachments)}"
    direct = [name for name, body in stack.of("EC2::Route").items() if "GatewayId" in body]
    for name in stack.of("EC2::NatGateway"):
        if not set(direct) <= stack.before(name):
            yield f"{name} does not wait for the route of its subnet"


def the_balancer_waits_for_the_routes_of_its_subnets(deployment: Deployment) -> Iterator[str]:
    """Its addresses are not reached before, and it is removed before them."""
    stack = deployment.service
    for name, balancer in stack.of("ElasticLoadBalancingV2::LoadBalancer").items():
        first_two = balancer["Subnets"][:2]
        routes = {
            association
            for association, body in stack.of("EC2::SubnetRouteTableAssociation").items()
            if body["SubnetId"] in first_two
        }
        if not routes <= stack.before(name):
            yield f"{name} does not wait for {sorted(routes - stack.before(name))}"


def tasks_wait_for_what_they_call(deployment: Deployment) -> Iterator[str]:
    """The firewall first: not one request passes without it."""
    stack = deployment.service
    for name, service in stack.of("ECS::Service").items():
        if not service.get("LoadBalancers"):
            continue
        needed = {
            *stack.of("ElasticLoadBalancingV2::Listener"),
            *stack.of("WAFv2::WebACLAssociation"),
        }
        needed = {one for one in needed if one != "HttpListener" or "HttpsListener" not in needed}
        if not needed <= stack.before(name):
            yield f"{name} does not wait for {sorted(needed - stack.before(name))}"
