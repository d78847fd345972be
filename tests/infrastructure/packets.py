"""Walks packets through a rendered network: security groups, listeners, route tables, gateways."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.infrastructure.render import Stack

ANYWHERE = "0.0.0.0/0"
CLIENT = "203.0.113.7"


@dataclass(frozen=True)
class Flow:
    """A connection from or to a peer: an address, or a security group such as `<WebGroup>`."""

    peer: str
    port: int
    protocol: str = "tcp"


def name_of(reference: object) -> str:
    """The resource that a marker such as `<Vpc>` or `<Key.Arn>` refers to, and no other text.

    Raises `LookupError` for anything else.
    """
    text = str(reference)
    if not (text.startswith("<") and text.endswith(">")):
        raise LookupError(f"{text} refers to no resource")
    return text[1:-1].partition(".")[0]


def enters(stack: Stack, groups: Sequence[str], flow: Flow) -> bool:
    """Whether one of the security groups lets the connection in."""
    return any(_admits(rule, flow) for rule in _rules(stack, groups, "Ingress"))


def leaves(stack: Stack, groups: Sequence[str], flow: Flow) -> bool:
    """Whether one of the security groups lets the connection out. A group without any rule for it
    lets everything out, as EC2 does."""
    for group in groups:
        rules = list(_rules(stack, [group], "Egress"))
        if not rules or any(_admits(rule, flow) for rule in rules):
            return True
    return False


def open_ports(stack: Stack, group: str, direction: str) -> set[tuple[str, str, int, int]]:
    """What a security group allows: peer, protocol, first and last port."""
    return {
        (_peer(rule), str(rule["IpProtocol"]), int(rule["FromPort"]), int(rule["ToPort"]))
        for rule in _rules(stack, [group], direction)
    }


def route(stack: Stack, subnet: str) -> Mapping[str, Any]:
    """The default route of a subnet. Raises `LookupError` unless it has exactly one."""
    tables = [
        name_of(body["RouteTableId"])
        for body in stack.of("EC2::SubnetRouteTableAssociation").values()
        if body["SubnetId"] == f"<{subnet}>"
    ]
    if len(tables) != 1:
        raise LookupError(f"{subnet} has {len(tables)} route tables")
    routes = [
        body
        for body in stack.of("EC2::Route").values()
        if body["RouteTableId"] == f"<{tables[0]}>" and body["DestinationCidrBlock"] == ANYWHERE
    ]
    if len(routes) != 1:
        raise LookupError(f"{subnet} has {len(routes)} routes to everywhere")
    return routes[0]


def way_out(stack: Stack, subnet: str, with_address: bool) -> str:
    """How a packet of a task in the subnet reaches the internet: `gateway` or `nat`.

    Raises `LookupError` where it is lost.
    """
    zone = stack.of("EC2::Subnet")[subnet]["AvailabilityZone"]
    found = route(stack, subnet)
    if "GatewayId" in found:
        _attached(stack, name_of(found["GatewayId"]))
        if not with_address:
            raise LookupError(f"{subnet} leads to the gateway, which needs a public address")
        return "gateway"
    nat = stack.of("EC2::NatGateway")[name_of(found["NatGatewayId"])]
    if stack.of("EC2::EIP")[name_of(nat["AllocationId"])]["Domain"] != "vpc":
        raise LookupError(f"{found['NatGatewayId']} has no address of the network")
    outer = name_of(nat["SubnetId"])
    if way_out(stack, outer, with_address=True) != "gateway":
        raise LookupError(f"{found['NatGatewayId']} lies in {outer}, which is not public")
    per_zone = len(stack.of("EC2::NatGateway")) > 1
    if per_zone and stack.of("EC2::Subnet")[outer]["AvailabilityZone"] != zone:
        raise LookupError(f"{subnet} in {zone} goes out through another zone")
    return "nat"


def _attached(stack: Stack, gateway: str) -> None:
    pairs = [
        (name_of(body["InternetGatewayId"]), name_of(body["VpcId"]))
        for body in stack.of("EC2::VPCGatewayAttachment").values()
    ]
    if (gateway, next(iter(stack.of("EC2::VPC")))) not in pairs:
        raise LookupError(f"{gateway} is not attached to the network")


def _rules(stack: Stack, groups: Sequence[str], direction: str) -> Iterator[Mapping[str, Any]]:
    for group in groups:
        body = stack.of("EC2::SecurityGroup")[group]
        yield from body.get(f"SecurityGroup{direction}", [])
        for rule in stack.of(f"EC2::SecurityGroup{direction}").values():
            if rule["GroupId"] == f"<{group}>":
                yield rule


def _peer(rule: Mapping[str, Any]) -> str:
    for kind in ("CidrIp", "SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if kind in rule:
            return str(rule[kind])
    raise LookupError(f"a rule names no peer: {sorted(rule)}")


def _admits(rule: Mapping[str, Any], flow: Flow) -> bool:
    if rule["IpProtocol"] not in (flow.protocol, "-1", -1):
        return False
    if not int(rule["FromPort"]) <= flow.port <= int(rule["ToPort"]):
        return False
    peer = _peer(rule)
    if "<" in peer or "<" in flow.peer:
        return peer == flow.peer
    return ipaddress.ip_address(flow.peer) in ipaddress.ip_network(peer)
